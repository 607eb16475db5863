# SPDX-License-Identifier: Apache-2.0
"""The models that are exported: what is loaded, their inputs and outputs.

Letters: S positions, C choices, P masked positions, V vocabulary, H width.
"""

import dataclasses

from albert.errors import UserError
from albert.interchange.sources import describe_complete
from albert.interchange.weights import load_weights
from albert.modeling.classifier import AlbertClassifier
from albert.modeling.encoder import AlbertEncoder
from albert.modeling.multiple_choice import AlbertMultipleChoice
from albert.modeling.pretrainer import AlbertPretrainer
from albert.modeling.span_predictor import AlbertSpanPredictor
from albert.modeling.token_classifier import AlbertTokenClassifier
from albert.tasks import trained_model
from albert.tasks import truncation

MODELS = ("task", "encoder")
# Where neither a flag nor the task says it: longer sequences cost more than
# in proportion, and telephones are slow.
USUAL_LENGTH = 128
# Slots of the masked-LM head, the default of the original's
# run_pretraining.py. A slot costs one product with the vocabulary.
MASKED_POSITIONS = 20

_KINDS_OF_HEADS = {
    "classification": "classification",
    "multiple_choice": "multiple_choice",
    "token_classification": "tagging",
    "span_v1": "span",
    "span_v2": "span",
    "pretraining": "masked_lm",
    "masked_lm": "masked_lm",
}
_OUTPUTS = {
    "encoder": ("sequence_output", "pooled_output"),
    "classification": ("logits",),
    "regression": ("logits",),
    "multiple_choice": ("logits",),
    "tagging": ("logits",),
    "span_v1": ("start_logits", "end_logits"),
    "span_v2": (
        "start_top_log_probs",
        "start_top_index",
        "end_top_log_probs",
        "end_top_index",
        "cls_logits",
    ),
    "masked_lm": ("masked_lm_logits",),
}


@dataclasses.dataclass(frozen=True, eq=False)
class SourceModel:
    """A Keras model with what a client has to know of it.

    Attributes:
      model: the Keras model, in float32.
      kind: str, a key of ``_OUTPUTS``: what its outputs are.
      tokenizer: ``Tokenizer``.
      max_seq_length: int, S.
      inputs: dict from name to the shape of one example; all are int32.
      outputs: tuple of the names of the outputs.
      task: dict of ``model_directory.read_task``; empty where there is none.
      labels: list of str, or None where there are none.
    """

    model: object
    kind: str
    tokenizer: object
    max_seq_length: int
    inputs: dict
    outputs: tuple
    task: dict
    labels: list | None = None

    def call(self, inputs):
        """Returns the outputs for a dict of int32 [B, …]: dict of tensors."""
        outputs = self.model(inputs, training=False)
        return {name: outputs[name] for name in self.outputs}


def load(path, model="task", max_seq_length=None):
    """Loads the model that is to be exported.

    Args:
      path: whatever ``open_source`` opens, with its configuration and its
        tokenizer.
      model: "task", or "encoder" without its heads.
      max_seq_length: int; None: the task's, else ``USUAL_LENGTH`` or as many
        as the model has positions.

    Returns:
      ``SourceModel``.

    Raises:
      UserError: no model, no head where the task is wanted, or a length that
        the model does not have.
    """
    if model not in MODELS:
        raise ValueError(f"model is {model!r}: it must be of {MODELS}")
    given = describe_complete(path)
    task = trained_model.read_description(path)
    length = _find_length(path, given.config, task, max_seq_length)
    kind = "encoder"
    if model == "task":
        kind = _find_kind(path, given, task)
    labels = task.get("labels") if kind != "encoder" else None
    if kind in ("classification", "tagging") and not labels:
        labels = [str(number) for number in range(given.num_labels)]
    keras_model, fresh = _make(path, kind, given, task, labels)
    load_weights(keras_model, path, fresh=fresh)
    shape = (length,)
    if kind == "multiple_choice":
        shape = (len(labels), length)
    inputs = dict.fromkeys(("input_ids", "input_mask", "segment_ids"), shape)
    if kind == "span_v2":
        inputs["p_mask"] = shape
    if kind == "masked_lm":
        inputs["masked_lm_positions"] = (min(MASKED_POSITIONS, length),)
    outputs = _OUTPUTS[kind]
    if kind == "masked_lm" and not fresh:
        outputs += ("sentence_order_logits",)
    return SourceModel(
        model=keras_model,
        kind=kind,
        tokenizer=given.tokenizer,
        max_seq_length=length,
        inputs=inputs,
        outputs=outputs,
        task=task if kind != "encoder" else {},
        labels=labels or None,
    )


def _find_length(path, config, task, max_seq_length):
    limit = config.max_position_embeddings
    if max_seq_length is None:
        return min(task.get("max_seq_length", USUAL_LENGTH), limit)
    truncation.check_max_seq_length(max_seq_length)
    if max_seq_length > limit:
        raise UserError(
            f"--max_seq_length {max_seq_length}: {path} has {limit} "
            "positions: choose no more than that"
        )
    return max_seq_length


def _find_kind(path, given, task):
    kind = task.get("kind") or _KINDS_OF_HEADS.get(given.head)
    if kind is None:
        raise UserError(
            f"{path}: holds an encoder without a head: give a model of a "
            "task, or export it with --model=encoder"
        )
    if kind == "span":
        return given.head if "span" in given.head else f"span_{task['head']}"
    if kind == "classification" and given.num_labels == 1:
        return "regression"
    return kind


def _make(path, kind, given, task, labels):
    """Returns (Keras model with random weights, heads that are not used)."""
    config = given.config
    # The dropout is of no matter here.
    if kind == "encoder":
        return AlbertEncoder(config), ()
    if kind == "regression":
        return AlbertClassifier(config, 1), ()
    if kind == "classification":
        return AlbertClassifier(config, len(labels)), ()
    if kind == "tagging":
        return AlbertTokenClassifier(config, len(labels)), ()
    if kind == "multiple_choice":
        if not labels:
            raise UserError(
                f"{path}: does not say how many choices a question has: give "
                "the model directory that `albert classify` wrote"
            )
        return AlbertMultipleChoice(config), ()
    if kind == "masked_lm":
        fresh = ("sentence_order", "pooler")
        return (
            AlbertPretrainer(config),
            () if given.head == "pretraining" else fresh,
        )
    beam = {
        name: task[name]
        for name in ("start_n_top", "end_n_top")
        if name in task
    }
    return AlbertSpanPredictor(config, kind.removeprefix("span_"), **beam), ()
