# SPDX-License-Identifier: Apache-2.0
"""Whatever a user has: which format it is, and what it holds."""

import contextlib
import dataclasses
import os

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.heads import find_in_components
from albert.interchange import google
from albert.interchange import huggingface
from albert.interchange import kerashub
from albert.text.tokenizer import Tokenizer

# The last one also says what is wrong with a path that is none of them.
_FORMATS = (huggingface, kerashub, google)


@dataclasses.dataclass(frozen=True)
class Description:
    """What came with weights.

    Attributes:
      path, format, config, head, classifier_dropout: as of ``Source``.
      num_labels: int, outputs of a "classifier", or None.
      tokenizer: ``Tokenizer``, or None where there is none.
    """

    path: str
    format: str
    config: AlbertConfig | None
    head: str
    num_labels: int | None
    classifier_dropout: float | None
    tokenizer: Tokenizer | None


@contextlib.contextmanager
def open_source(path):
    """Opens weights of any format.

    Args:
      path: a model directory or training checkpoint of this project;
        Google's release as an archive, its unpacked directory or a checkpoint
        prefix; a TF-Hub v1 module directory; a directory of transformers; a
        preset directory of KerasHub.

    Yields:
      ``Source``; its tensors are readable until the end of the block.

    Raises:
      UserError: none of these, damaged, or no ALBERT.
    """
    path = os.fspath(path)
    if path.endswith((".safetensors", "pytorch_model.bin")):
        path = os.path.dirname(path) or "."
    chosen = next(
        (format for format in _FORMATS if format.matches(path)), google
    )
    with chosen.open_source(path) as source:
        yield source


def describe(path):
    """Returns the ``Description`` of weights; arguments as ``open_source``.

    Raises:
      UserError: as ``open_source``, and where the tokenizer cannot be used.
    """
    with open_source(path) as source:
        return Description(
            path=source.path,
            format=source.format,
            config=source.config,
            head=head_of(source),
            num_labels=num_labels_of(source.tensors),
            classifier_dropout=source.classifier_dropout,
            tokenizer=source.tokenizer and source.tokenizer.load(),
        )


def describe_complete(path):
    """Returns ``describe(path)`` of weights that can be used as they are.

    Raises:
      UserError: as ``describe``, and where there is no configuration or no
        tokenizer, or they are not of one model.
    """
    given = describe(path)
    if given.config is None or given.tokenizer is None:
        lacking = "tokenizer" if given.config else "configuration"
        raise UserError(
            f"{path}: comes without a {lacking}: give a directory that has it "
            "beside the weights"
        )
    if given.tokenizer.vocabulary_size != given.config.vocab_size:
        raise UserError(
            f"{path}: vocab_size is {given.config.vocab_size}, but the "
            f"tokenizer has {given.tokenizer.vocabulary_size} pieces: put the "
            "files of one model there"
        )
    return given


def head_of(source):
    """Returns the head of a ``Source``, one of ``HEADS_OF_WEIGHTS``.

    Where the format does not say it, the weights do. Google's root-level
    weights are the same for a classifier of texts, of tokens and of choices:
    a classifier of texts is what it released.

    Raises:
      UserError: weights of several heads.
    """
    if source.head is not None:
        return source.head
    components = {name.split("/")[0] for name in source.tensors}
    found = find_in_components(components)
    if len(found) > 1:
        raise UserError(
            f"{source.path} holds several heads ({', '.join(found)}): say "
            "which one is meant with --head"
        )
    return found[0] if found else "none"


def num_labels_of(tensors):
    """Returns the outputs of a "classifier" in ``Tensors``, or None."""
    name = "classifier/output_bias"
    if name not in tensors:
        return None
    shape = tensors.shape(name)
    return shape[0] if shape else None
