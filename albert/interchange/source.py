# SPDX-License-Identifier: Apache-2.0
"""Defines ``Source``: weights of any format in our names, shapes and float32.

A module of a format (google.py, huggingface.py, kerashub.py) offers

    matches(path) -> bool
        whether the path is one of its; quick, never raises
    open_source(path) -> Source
        nothing of it has to be closed: a tensor is read from its file when it
        is asked for
    write(directory, config, tensors, tokenizer, head, classifier_dropout, task)
        writes what the other side opens into an existing empty directory,
        and what task_description.py reads of the task;
        returns the list of our variables that the format has no place for
"""

import collections.abc
import dataclasses

import numpy as np
from absl import logging

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.interchange import arrangements
from albert.interchange import names
from albert.text.tokenizers import load_tokenizer

# The largest share of pieces with capitals in a lower-cased vocabulary.
_FEW_CAPITALS = 0.01


class Tensors(collections.abc.Mapping):
    """Arrays by name, each read from its file whenever it is asked for.

    Args:
      entries: dict of name to (shape, read): a tuple of ints, and a function
        without arguments that returns the array.
    """

    def __init__(self, entries=()):
        self._entries = dict(entries)

    @classmethod
    def from_arrays(cls, arrays):
        """Wraps a dict of name to array (or ``keras.Variable``)."""
        return cls(
            {
                name: (tuple(array.shape), lambda array=array: array)
                for name, array in arrays.items()
            }
        )

    def __getitem__(self, name):
        _, read = self._entries[name]
        return np.asarray(read())

    def __iter__(self):
        return iter(self._entries)

    def __len__(self):
        return len(self._entries)

    def shape(self, name):
        """Returns a shape without reading the array."""
        return self._entries[name][0]

    def entries(self):
        """Returns the dict of name to (shape, read)."""
        return dict(self._entries)

    def map(self, name, shape, change):
        """Returns an entry: the array ``name``, changed when it is read."""
        _, read = self._entries[name]
        return shape, lambda: change(read())


@dataclasses.dataclass
class TokenizerFile:
    """A vocabulary beside the weights, with the tokenizer's settings.

    Attributes:
      model_file: str, path of a SentencePiece model or a WordPiece vocabulary.
      lower_case, digit_comma, strip_accents: arguments of ``load_tokenizer``.
        A lower_case of None, which nothing says, is what the pieces say: they
        are lower-cased unless many have capitals.
      refusal: str, why there can be no tokenizer of it, or None.
    """

    model_file: str
    lower_case: bool | None = True
    digit_comma: str = "original"
    strip_accents: bool = True
    refusal: str | None = None

    def load(self):
        """Returns the tokenizer: ``TokenizerInterface``.

        Raises:
          UserError: the file is none, or the tokenizer cannot be expressed.
        """
        if self.refusal:
            raise UserError(self.refusal)
        settings = {
            "digit_comma": self.digit_comma,
            "strip_accents": self.strip_accents,
        }
        unsaid = self.lower_case is None
        tokenizer = load_tokenizer(
            self.model_file, lower_case=unsaid or self.lower_case, **settings
        )
        if not unsaid or not _has_capitals(tokenizer.pieces):
            return tokenizer
        logging.info(
            "%s has pieces with capitals, and nothing beside it says "
            "whether text is lower-cased: capitals and accents are kept",
            self.model_file,
        )
        return load_tokenizer(self.model_file, lower_case=False, **settings)


def _has_capitals(pieces):
    """Returns whether the vocabulary was made of text with its capitals.

    Lower-cased text never gives such pieces. Google's Chinese vocabulary has
    two all the same, <S> and <T>; a cased one has many.
    """
    capitals = sum(
        piece != piece.lower() and not piece.startswith("[") for piece in pieces
    )
    return capitals > _FEW_CAPITALS * len(pieces)


@dataclasses.dataclass
class Source:
    """Weights with their configuration, tokenizer and optimizer moments.

    Attributes:
      path: str, what was read, for messages.
      format: one of ``FORMATS`` or ``BERT_FORMATS`` of the
        table of variables.
      config: ``AlbertConfig``, or None where there is none.
      tensors: ``Tensors`` by our names, in our shapes.
      unknown: list of str, the file's names that the table does not have.
      head: one of ``albert.heads.HEADS_OF_WEIGHTS``, or None where only the
        weights say it.
      head_refusal: str, why the weights cannot say it either, or None.
      tokenizer: ``TokenizerFile``, or None.
      classifier_dropout: float, or None where the format does not say it.
      adam_m, adam_v: ``Tensors`` by our names: the optimizer's moments.
      global_step: int, or None.
    """

    path: str
    format: str
    config: AlbertConfig | None
    tensors: Tensors
    unknown: list = dataclasses.field(default_factory=list)
    head: str | None = None
    head_refusal: str | None = None
    tokenizer: TokenizerFile | None = None
    classifier_dropout: float | None = None
    adam_m: Tensors = dataclasses.field(default_factory=Tensors)
    adam_v: Tensors = dataclasses.field(default_factory=Tensors)
    global_step: int | None = None


def from_peer(tensors, format, config, path):
    """Translates a format's tensors to our names and shapes.

    A format that always has an embedding projection gets along with E = H
    where the projection is the identity, as ``to_peer`` writes it.

    Args:
      tensors: ``Tensors`` by the format's names.
      format: one of ``FORMATS`` or ``BERT_FORMATS`` of the
        table of variables.
      config: ``AlbertConfig``, or None: shapes are then not checked.
      path: str, for messages.

    Returns:
      (tensors by our names, list of names that the table does not have).

    Raises:
      UserError: variables have another shape than the configuration says;
        all of them in one message.
    """
    entries, unknown, misfits = {}, [], []
    our_shapes = names.expected_shapes(config) if config else {}
    for name in tensors:
        try:
            our_name = names.our_name(name, format)
        except KeyError:
            unknown.append(name)
            continue
        order = names.arrangement(our_name, format)
        shape = tensors.shape(name)
        if our_name in our_shapes:
            expected = arrangements.arranged_shape(
                our_shapes[our_name], order, config
            )
            if shape != expected:
                misfits.append(
                    f"{name} has shape {list(shape)} instead of "
                    f"{list(expected)}"
                )
                continue
        entries[our_name] = tensors.map(
            name,
            arrangements.restored_shape(shape, order),
            lambda values, order=order: arrangements.restore(values, order),
        )
    if misfits:
        raise UserError(
            f"{path}: {len(misfits)} weights do not fit its configuration: "
            f"{'; '.join(misfits)}. Give the configuration that belongs to "
            "the weights"
        )
    translated = Tensors(entries)
    if config and config.embedding_size == config.hidden_size:
        _drop_identity(translated, entries, path)
    return Tensors(entries), unknown


_PROJECTION = "encoder/embedding_projection"


def _drop_identity(tensors, entries, path):
    kernel, bias = f"{_PROJECTION}/kernel", f"{_PROJECTION}/bias"
    if not {kernel, bias} <= entries.keys():
        return
    size = tensors.shape(bias)[0]
    if tensors.shape(kernel) != (size, size) or (
        not np.array_equal(tensors[kernel], np.eye(size))
        or np.any(tensors[bias])
    ):
        raise UserError(
            f"{path}: embedding_size equals hidden_size, and yet there is a "
            "trained projection between them, which ALBERT does not have: "
            "this model cannot be expressed here"
        )
    del entries[kernel], entries[bias]


def groups_of_peer(config, peer):
    """Returns ``num_hidden_groups`` for code that shares whole layers.

    Args:
      config: ``AlbertConfig``; unshared layers are as many groups as layers.
      peer: str, whose code it is, for the message.

    Raises:
      UserError: attention and feed-forward network are not shared alike.
    """
    if config.num_attention_groups != config.num_ffn_groups:
        raise UserError(
            f"sharing {config.sharing!r}: {peer} shares attention and "
            "feed-forward network alike or not at all: this model cannot be "
            "written for it"
        )
    return config.num_attention_groups


def check_positions_of_peer(config, peer):
    """Refuses a model that tells positions apart as no peer of ours does.

    Args:
      config: ``AlbertConfig``.
      peer: str, whose code it would be for, for the message.

    Raises:
      UserError: it has no learned positions.
    """
    if config.position_embedding != "learned":
        raise UserError(
            f"position_embedding {config.position_embedding!r}: {peer} has "
            "learned positions alone: this model cannot be written for it"
        )


def config_of_peer(values, path):
    """Returns the ``AlbertConfig`` of code that shares whole layers.

    Args:
      values: dict of our settings without "sharing".
      path: str, for messages.
    """
    layers, groups = values["num_hidden_layers"], values["num_hidden_groups"]
    # The same model, for numbers that "all" refuses (see config.py).
    sharing = "none" if groups == layers and groups != 1 else "all"
    return AlbertConfig.from_dict({**values, "sharing": sharing}, path)


def config_of_bert(values, path):
    """Returns the ``AlbertConfig`` of a BERT, which is an ALBERT.

    Its layers share nothing, and its embeddings are as wide as they are.

    Args:
      values: dict of those of our settings that BERT has.
      path: str, for messages.
    """
    settings = {
        "embedding_size": values["hidden_size"],
        "num_hidden_groups": values["num_hidden_layers"],
    }
    return config_of_peer({"inner_group_num": 1, **values, **settings}, path)


def to_peer(tensors, format, config):
    """Translates tensors by our names to a format's names and shapes.

    Args:
      tensors: ``Tensors`` by our names.
      format: one of ``FORMATS`` or ``BERT_FORMATS`` of the
        table of variables.
      config: ``AlbertConfig``.

    Returns:
      (``Tensors`` by the format's names, list of our names that it has no
      place for).
    """
    entries, unmapped = {}, []
    if (
        format in ("huggingface", "kerashub")
        and config.embedding_size == config.hidden_size
    ):
        size = config.hidden_size
        tensors = Tensors(
            {
                **tensors.entries(),
                f"{_PROJECTION}/kernel": (
                    (size, size),
                    lambda: np.eye(size, dtype=np.float32),
                ),
                f"{_PROJECTION}/bias": (
                    (size,),
                    lambda: np.zeros(size, np.float32),
                ),
            }
        )
    for name in tensors:
        peer_name = names.peer_name(name, format)
        if peer_name is None:
            unmapped.append(name)
            continue
        order = names.arrangement(name, format)
        entries[peer_name] = tensors.map(
            name,
            arrangements.arranged_shape(tensors.shape(name), order, config),
            lambda values, order=order: arrangements.arrange(
                values, order, config
            ),
        )
    return Tensors(entries), unmapped


def warn_of_epsilon(config, epsilon, peer):
    """Logs that a peer computes the masked-LM head a little differently.

    Args:
      config: ``AlbertConfig``.
      epsilon: float, what the peer's layer normalisation there adds to the
        variance.
      peer: str, the peer's name.
    """
    if config.masked_lm_epsilon != epsilon:
        logging.warning(
            "the masked-LM head's layer normalisation adds %g to the "
            "variance, that of %s %g: its logits will differ a little (by "
            "about 0.001 in trained models); all else is equal",
            config.masked_lm_epsilon,
            peer,
            epsilon,
        )
