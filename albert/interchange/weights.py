# SPDX-License-Identifier: Apache-2.0
"""Loads and saves a model's weights, with every variable accounted for."""

import dataclasses

from albert import outputs
from albert.errors import UserError
from albert.heads import HEADS
from albert.heads import find
from albert.interchange import tensor_bundle
from albert.interchange import weight_fit
from albert.interchange.names import google_name
from albert.interchange.names import named_variables
from albert.interchange.reshaping import reshape
from albert.interchange.source import Tensors
from albert.interchange.starting_point import open_starting_point
from albert.interchange.writers import WRITERS


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """Report of ``load_weights``: which weights were set, and which not.

    Attributes:
      source: str, what was read.
      loaded: list of str, the variables that were set, by the file's names.
      unused: list of str, weights in the file that were not taken: of heads
        that this model does not have, or that were to start fresh.
      fresh: list of str, the model's variables that keep their initial
        values, by our names.
      notes: list of str, what was made of the file's weights where they were
        of another shape.
    """

    source: str
    loaded: list
    unused: list
    fresh: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)


def load_weights(model, path, fresh=(), labels=None, layers_from=None):
    """Sets every weight of ``model`` from a file, or fails and sets none.

    A warning names weights that are of no head of this package.

    Args:
      model: ``AlbertEncoder``, or a model with one.
      path: of weights in any format that ``open_starting_point`` opens, or
        the ``StartingPoint`` that it made of them.
      fresh: names of heads ("classifier", "masked_lm", …) that keep their
        initial values whatever the file has, and "pooler" likewise. A model
        that does not use the pooler keeps it where the file has none.
      labels: sequence of str, what the outputs of the model's classifier are.
        Where the file names its classes and has them in another order, they
        are put into this one.
      layers_from: int or "mean": the file's weights are of another shape, and
        each layer of the model starts as this layer of theirs, from 0, or as
        the mean of all; see ``reshaping``. Heads that they have nothing of
        then keep their initial values, as does the pooler.

    Returns:
      ``LoadReport``.

    Raises:
      UserError: nothing there, a variable that is missing or has another
        shape, an encoder weight in the file that the model has no place for,
        or a value that is no number; one message lists them all, and the
        model is unchanged. Or the file has other classes than ``labels``.
      ValueError: ``fresh`` names what the model does not have.

    Example:
      >>> import albert
      >>> config = albert.AlbertConfig.named("tiny")
      >>> pretrainer = albert.AlbertPretrainer(config)
      >>> lost = albert.save_weights(pretrainer, "model.ckpt-best")
      >>> model = albert.AlbertClassifier(config, num_labels=3)
      >>> report = albert.load_weights(
      ...     model, "model.ckpt-best", fresh=["classifier"]
      ... )
      >>> report.fresh
      ['classifier/output_bias', 'classifier/output_weights']
    """
    variables = named_variables(model)
    components = {weight_fit.component(name) for name in variables}
    components = components - {"encoder"} | {"pooler"}
    if not set(fresh) <= components:
        raise ValueError(
            f"fresh is {sorted(fresh)}: it must be of the model's "
            f"{', '.join(sorted(components))}"
        )
    source = _open_source(path, None if "classifier" in fresh else labels)
    excluded = set(fresh)
    unknown = source.unknown
    notes, left = [], []
    if layers_from is not None:
        left = unknown
        excluded |= weight_fit.absent_parts(variables, source, excluded)
        reshaped = reshape(source, model.config, layers_from)
        source, notes = reshaped.source, reshaped.notes
    head = _head_of_model(model)
    if (
        head
        and not HEADS[head].uses_pooler
        and not any(weight_fit.is_pooler(name) for name in source.tensors)
    ):
        excluded.add("pooler")
    targets = {
        name: variable
        for name, variable in variables.items()
        if not weight_fit.belongs_to(name, excluded)
    }
    weight_fit.check_settings(model.config, source)
    shapes = {name: tuple(each.shape) for name, each in targets.items()}
    unused = weight_fit.check_fit(
        shapes,
        source,
        "the model",
        excluded,
        "or let it start anew: --do_train does, and in Python fresh={parts}",
    )
    weight_fit.warn_of_unknown(source.path, unknown)
    tensors = weight_fit.finite_tensors(source)
    values = {name: tensors[name] for name in targets}
    for name, variable in targets.items():
        variable.assign(values[name])
    return LoadReport(
        source=source.path,
        loaded=sorted(weight_fit.stored_name(name, source) for name in targets),
        unused=sorted(unused + left),
        fresh=sorted(set(variables) - set(targets)),
        notes=notes,
    )


def load_slots(optimizer, model, path):
    """Sets an optimizer's moments from a training checkpoint.

    The number of updates is not taken: schedules start anew.

    Args:
      optimizer: of ``albert.training.optimizers``, built on the model.
      model: the model that is trained.
      path: as of ``load_weights``; a training checkpoint of this project or
        of Google's code.

    Returns:
      int, the updates that the checkpoint had seen, or None if it does not
      say.

    Raises:
      UserError: moments are missing or have another shape, or the optimizer
        corrects their bias, which moments that are not new do not have.
    """
    if optimizer.bias_correction:
        raise UserError(
            "--init_optimizer with --bias_correction: the correction is for "
            "moments that start at zero; leave one of the two out"
        )
    variables = named_variables(model)
    position = {
        id(variable): index
        for index, variable in enumerate(model.trainable_variables)
    }
    source = _open_source(path)
    moments = {"adam_m": source.adam_m, "adam_v": source.adam_v}
    wanted = [
        (name, slot, moments[slot])
        for name, variable in variables.items()
        for slot in optimizer.slots(position[id(variable)])
    ]
    misfits = []
    for name, slot, tensors in wanted:
        label = f"{weight_fit.stored_name(name, source)}/{slot}"
        shape = tuple(variables[name].shape)
        if name not in tensors:
            misfits.append(f"missing {label}")
        elif tensors.shape(name) != shape:
            misfits.append(
                weight_fit.shape_difference(label, tensors.shape(name), shape)
            )
    if misfits:
        raise UserError(
            f"{source.path} does not hold the optimizer's moments "
            f"({len(misfits)} differences): {'; '.join(misfits)}. Give a "
            "training checkpoint of the same --optimizer, or leave "
            "--init_optimizer out"
        )
    values = [(name, slot, tensors[name]) for name, slot, tensors in wanted]
    for name, slot, value in values:
        optimizer.slots(position[id(variables[name])])[slot].assign(value)
    return source.global_step


def save_weights(model, path, format="checkpoint", tokenizer=None):
    """Writes a model's weights.

    Args:
      model: ``AlbertEncoder``, or a model with one.
      path: "checkpoint": prefix of the checkpoint to write, e.g.
        "dir/model.ckpt-best". Others: a directory that does not exist or is
        empty.
      format: "checkpoint": the weights alone, under Google's variable names.
        "model_dir", "google", "huggingface", "kerashub", "bert": a directory
        with all that the other side opens.
      tokenizer: ``Tokenizer`` to write into the directory, or None.

    Returns:
      list of str, weights that the format has no place for, by our names.

    Raises:
      UserError: the directory is not empty, or the model cannot be expressed
        in the format.
      ValueError: the format is unknown.

    Example:
      >>> import albert
      >>> import os
      >>> model = albert.AlbertPretrainer(albert.AlbertConfig.named("tiny"))
      >>> albert.save_weights(model, "huggingface", format="huggingface")
      []
      >>> sorted(os.listdir("huggingface"))
      ['config.json', 'model.safetensors']
    """
    if format == "checkpoint":
        with outputs.explained(path):
            tensor_bundle.write(path, google_tensors(model))
        return []
    if format not in WRITERS:
        raise ValueError(
            f"format is {format!r}: it must be checkpoint or one of "
            f"{', '.join(WRITERS)}"
        )
    head = _head_of_model(model)
    if head is None:
        raise ValueError(
            f"{type(model).__name__} is not a model of this package"
        )
    tensors = Tensors.from_arrays(
        {
            name: variable.numpy()
            for name, variable in named_variables(model).items()
        }
    )
    with outputs.new_directory(path) as directory:
        return WRITERS[format](
            directory,
            model.config,
            tensors,
            tokenizer,
            head,
            getattr(model, "classifier_dropout", None),
            {},
        )


def google_tensors(model):
    """Returns the model's weights as a dict of Google's name to tensor."""
    return {
        google_name(name): variable.value
        for name, variable in named_variables(model).items()
    }


def _head_of_model(model):
    """Returns the head of a model; None if its class is not of this package."""
    for each in type(model).__mro__:
        # By name, so that the classes need not be loaded.
        for head in find(model=f"albert:{each.__name__}"):
            version = HEADS[head].version
            if version is None or version == model.version:
                return head
    return None


def _open_source(path, labels=None):
    start = open_starting_point(path)
    if start.source is None:
        raise ValueError("there are no weights to load: they are random")
    return start.in_order_of(labels) if labels else start.source
