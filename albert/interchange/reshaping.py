# SPDX-License-Identifier: Apache-2.0
"""Makes of weights a start for a model of another shape.

Of a checkpoint that shares its layers otherwise, is deeper or less deep, or
has wider embeddings: each layer starts as one layer of it or as the mean of
all, see ``layer_weights``, and the embeddings as the best ones of the model's
width, see ``factorization``. A BERT is read as such a checkpoint.
"""

import dataclasses
import numbers

import numpy as np

from albert.errors import UserError
from albert.interchange import factorization
from albert.interchange import layer_weights
from albert.interchange import names
from albert.interchange import weight_fit
from albert.interchange.layer_weights import MEAN
from albert.interchange.source import Source
from albert.interchange.source import Tensors

# What must be equal, as nothing is made of weights of other sizes.
_SAME = (
    "hidden_size",
    "num_attention_heads",
    "intermediate_size",
    "inner_group_num",
    "vocab_size",
    "type_vocab_size",
    "position_embedding",
)
# They differ by less than 0.0005, to which a training adapts at once.
_LIKE = {"gelu", "gelu_erf"}
_EMBEDDINGS = "encoder/embeddings"
_POSITIONS = f"{_EMBEDDINGS}/position_embeddings"
_NORM = f"{_EMBEDDINGS}/layer_norm"
_PROJECTION = "encoder/embedding_projection"
# Of ``factorization.Head``.
_HEAD = {
    "kernel": "masked_lm/transform/kernel",
    "bias": "masked_lm/transform/bias",
    "gamma": "masked_lm/layer_norm/gamma",
    "beta": "masked_lm/layer_norm/beta",
}


@dataclasses.dataclass(frozen=True)
class Reshaped:
    """Weights for a model of another shape.

    Attributes:
      source: ``Source`` by Google's names of the model's variables, with
        the heads that there are.
      notes: list of str, what was made of what.
    """

    source: Source
    notes: list


def reshape(source, config, layer):
    """Makes weights for a model of weights of another shape.

    Args:
      source: ``Source`` with a configuration.
      config: ``AlbertConfig`` of the model.
      layer: int, the layer of the source that every layer starts as, from 0;
        or MEAN, the mean of all.

    Returns:
      ``Reshaped``.

    Raises:
      UserError: the source has no configuration, is not complete, has no such
        layer, or differs in what cannot be changed.
    """
    old = source.config
    if old is None:
        raise UserError(
            f"{source.path} comes without a configuration, which "
            "--init_layers_from needs: put it beside the weights"
        )
    _check(source, config, layer)
    shapes = names.expected_shapes(old, "none")
    shapes = {
        name: shape
        for name, shape in shapes.items()
        if name in source.tensors or not weight_fit.is_pooler(name)
    }
    weight_fit.check_fit(shapes, source, "its own configuration")
    tensors = weight_fit.finite_tensors(source)
    notes = [_describe_layers(old, config, layer)]
    if old.hidden_act != config.hidden_act:
        notes.append(
            f"hidden_act {old.hidden_act} there, {config.hidden_act} here: two "
            "forms of one function, which are counted as one"
        )
    entries = layer_weights.repeat_layer(old, tensors, config, layer).entries()
    if _POSITIONS in tensors:
        count = config.max_position_embeddings
        entries[_POSITIONS] = tensors.map(
            _POSITIONS,
            (count, old.embedding_size),
            lambda rows: np.asarray(rows)[:count],
        )
    if config.embedding_size != old.embedding_size:
        made, note = _factorized(Tensors(entries), old, config)
        entries |= made
        notes.append(note)
    made = dataclasses.replace(
        source,
        format="google",
        # ``check_settings`` warns where the model has another one.
        config=dataclasses.replace(
            config, masked_lm_epsilon=old.masked_lm_epsilon
        ),
        tensors=Tensors(entries),
        unknown=[],
        adam_m=Tensors(),
        adam_v=Tensors(),
    )
    return Reshaped(made, notes)


def _check(source, config, layer):
    """Refuses weights of which no start for a model can be made."""
    old = source.config
    is_layer = isinstance(layer, numbers.Integral) and (
        0 <= layer < old.num_hidden_layers
    )
    if layer != MEAN and not is_layer:
        raise UserError(
            f"--init_layers_from={layer}: {source.path} has the layers 0 to "
            f"{old.num_hidden_layers - 1}: give one of them, or {MEAN}"
        )
    differences = [
        f"{name} {getattr(old, name)} there, {getattr(config, name)} here"
        for name in _SAME
        if getattr(old, name) != getattr(config, name)
    ]
    activations = {old.hidden_act, config.hidden_act}
    if len(activations) > 1 and activations != _LIKE:
        differences.append(
            f"hidden_act {old.hidden_act!r} there, {config.hidden_act!r} here"
        )
    if differences:
        raise UserError(
            f"--init_layers_from: {source.path} differs from the model in what "
            f"must be equal: {'; '.join(differences)}. Use a configuration "
            "with these settings"
        )
    if (
        old.position_embedding == "learned"
        and config.max_position_embeddings > old.max_position_embeddings
    ):
        raise UserError(
            f"--init_layers_from: {source.path} has "
            f"{old.max_position_embeddings} positions, the model "
            f"{config.max_position_embeddings}: use a configuration with a "
            "max_position_embeddings that is no larger"
        )
    if config.embedding_size != old.embedding_size:
        if old.position_embedding == "sinusoidal":
            raise UserError(
                f"--init_layers_from: the positions of {source.path} are "
                "sinusoidal, which cannot be factorised: use a configuration "
                f"with its embedding_size, {old.embedding_size}"
            )
        rows = old.vocab_size + old.type_vocab_size
        largest = factorization.largest_width(
            old.embedding_size, rows + config.max_position_embeddings
        )
        if (
            not 2 <= config.embedding_size <= largest
            or config.embedding_size == config.hidden_size
        ):
            raise UserError(
                f"--init_layers_from: the embeddings of {source.path} are "
                f"{old.embedding_size} wide: to factorise them, "
                f"embedding_size must be 2 to {largest} and not hidden_size, "
                f"and it is {config.embedding_size}"
            )


def _describe_layers(old, config, layer):
    from_ = f"layer {layer}" if layer != MEAN else "the mean"
    sets = (
        f"{config.num_attention_groups} set(s) of attention weights and "
        f"{config.num_ffn_groups} of feed-forward weights"
    )
    return (
        f"{sets}, for {config.num_hidden_layers} layers, each {from_} of "
        f"{old.num_hidden_layers} layers"
    )


def _factorized(tensors, old, config):
    """Returns (entries of ``Tensors``, note): embeddings and masked-LM head."""
    factorized = factorization.factorize(
        _embeddings(tensors, old), config.embedding_size
    )
    embeddings = factorized.embeddings
    arrays = {
        f"{_NORM}/gamma": embeddings.gamma,
        f"{_NORM}/beta": embeddings.beta,
        f"{_PROJECTION}/kernel": embeddings.kernel,
        f"{_PROJECTION}/bias": embeddings.bias,
    } | {
        f"{_EMBEDDINGS}/{name}": table
        for name, table in embeddings.tables.items()
    }
    if set(_HEAD.values()) <= set(tensors):
        head = factorization.project_head(
            factorization.Head(
                **{field: tensors[name] for field, name in _HEAD.items()}
            ),
            factorized.projection,
        )
        arrays |= {name: getattr(head, field) for field, name in _HEAD.items()}
    shares = ", ".join(
        f"{100 * share:.1f}% of {name}"
        for name, share in factorized.kept.items()
    )
    note = (
        f"embeddings {config.embedding_size} instead of {old.embedding_size} "
        f"wide (rank {config.embedding_size - 1}) keep, of the variance, "
        f"{shares}"
    )
    return Tensors.from_arrays(arrays).entries(), note


def _embeddings(tensors, config):
    """Returns the ``factorization.Embeddings`` of tensors by our names."""
    tables = {
        name: tensors[f"{_EMBEDDINGS}/{name}"]
        for name in factorization.TABLES
        if f"{_EMBEDDINGS}/{name}" in tensors
    }
    kernel, bias = np.eye(config.hidden_size), np.zeros(config.hidden_size)
    if config.embedding_size != config.hidden_size:
        kernel = tensors[f"{_PROJECTION}/kernel"]
        bias = tensors[f"{_PROJECTION}/bias"]
    return factorization.Embeddings(
        tables,
        tensors[f"{_NORM}/gamma"],
        tensors[f"{_NORM}/beta"],
        kernel,
        bias,
    )
