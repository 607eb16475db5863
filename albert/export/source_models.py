# SPDX-License-Identifier: Apache-2.0
"""Loads the models to export, and describes their inputs and outputs.

Letters: S positions, C choices, P masked positions, V vocabulary, H width.
"""

import dataclasses

from absl import logging

from albert.errors import UserError
from albert.heads import HEADS
from albert.heads import find
from albert.heads import make_model
from albert.interchange import weight_fit
from albert.interchange.starting_point import open_starting_point
from albert.interchange.weights import load_weights
from albert.tasks import thresholds
from albert.tasks import truncation
from albert.tasks.label_types import DEFAULT_THRESHOLD

MODELS = ("task", "encoder")
# Where neither a flag nor the task says it: longer sequences cost more than
# in proportion, and telephones are slow.
DEFAULT_LENGTH = 128
# Slots of the masked-LM head, the default of the original's
# run_pretraining.py. A slot costs one product with the vocabulary.
MASKED_POSITIONS = 20
# What task.json has to say of a head, by its type of label.
_DESCRIPTIONS = {
    "choice": ("labels",),
    "text": ("num_decoder_layers", "decoder_sharing"),
}


@dataclasses.dataclass(frozen=True, eq=False)
class SourceModel:
    """A Keras model to export, with its inputs, outputs and labels.

    Attributes:
      model: the Keras model, in float32.
      head: str, a key of ``albert.heads.HEADS``.
      tokenizer: ``Tokenizer``.
      max_seq_length: int, S.
      inputs: dict from name to the shape of one example; all are int32.
      task: dict of ``model_directory.read_task``; empty where there is none.
      labels: list of str, or None where there are none.
      thresholds: list of float, of several labels a text the probability
        from which on each is predicted; empty of others.
      fresh: list of str, variables of the model that are random, because the
        weights have none for them; no output depends on them, but
        pooled_output where ``load`` was told that nobody needs it.
    """

    model: object
    head: str
    tokenizer: object
    max_seq_length: int
    inputs: dict
    task: dict
    labels: list | None = None
    thresholds: list = dataclasses.field(default_factory=list)
    fresh: list = dataclasses.field(default_factory=list)

    @property
    def most_positions(self):
        """The pieces of a sequence at most: int, None where none are too many.

        What has no table of positions computes any number of them.
        """
        config = self.model.config
        if config.position_embedding == "learned":
            return config.longest_sequence
        return None

    @property
    def outputs(self):
        """The names of the outputs: tuple of str."""
        return HEADS[self.head].outputs

    def call(self, inputs):
        """Returns the outputs for a dict of int32 [B, …]: dict of tensors."""
        outputs = self.model(inputs, training=False)
        return {name: outputs[name] for name in self.outputs}


def load(
    source,
    model="task",
    max_seq_length=None,
    dtype=None,
    needs_pooler=True,
):
    """Loads the model that is to be exported, or used as it is.

    Args:
      source: ``StartingPoint``, or the path of one, with its configuration
        and its tokenizer.
      model: "task", or "encoder" without its heads.
      max_seq_length: int; None: the task's, else ``DEFAULT_LENGTH`` or as many
        as the model has positions.
      dtype: str, a policy of Keras; None: float32.
      needs_pooler: bool, whether the pooler's output of an encoder is used;
        if not, weights without a pooler have an encoder too.

    Returns:
      ``SourceModel``.

    Raises:
      UserError: no model, no head where the task is wanted, or a length that
        the model does not have.
    """
    if model not in MODELS:
        raise ValueError(f"model is {model!r}: it must be of {MODELS}")
    start = open_starting_point(source)
    config, tokenizer = start.find_config_and_tokenizer()
    task = start.task
    length = find_length(start.path, config, task, max_seq_length)
    if model == "encoder":
        head, task = "none", {}
    else:
        head = find_head(start)
    row = HEADS[head]
    labels = task.get("labels")
    if row.takes_num_labels and row.label_type != "number" and not labels:
        labels = [str(index) for index in range(start.num_labels)]
    if row.label_type == "choice" and not labels:
        raise UserError(
            f"{start.path}: does not say how many choices a question has: "
            "give the model directory that `albert classify` wrote"
        )
    keras_model, fresh = _load_model(
        start, head, task, labels, dtype, needs_pooler
    )
    return describe(
        start.path,
        keras_model,
        head,
        tokenizer,
        length,
        task,
        labels,
        fresh=fresh,
    )


def describe(path, model, head, tokenizer, length, task, labels, fresh=()):
    """Returns a model with what follows from its head: ``SourceModel``.

    Args:
      path: str, for messages.
      length: int, ``max_seq_length``.
      model, head, tokenizer, task, labels, fresh: as of ``SourceModel``.

    Raises:
      UserError: the task does not tell the thresholds of its labels.
    """
    row = HEADS[head]
    shape = (length,)
    if row.label_type == "choice":
        shape = (len(labels), length)
    inputs = dict.fromkeys(("input_ids", "input_mask", "segment_ids"), shape)
    shapes = {
        "p_mask": shape,
        "masked_lm_positions": (min(MASKED_POSITIONS, length),),
    }
    inputs |= {name: shapes[name] for name in row.inputs}
    return SourceModel(
        model=model,
        head=head,
        tokenizer=tokenizer,
        max_seq_length=length,
        inputs=inputs,
        task=task,
        labels=labels or None,
        thresholds=_find_thresholds(path, row, labels, task),
        fresh=list(fresh),
    )


def find_model(start):
    """Returns "task" where weights have a head, else "encoder"; see ``load``.

    A head that nothing describes, such as that of choices of transformers,
    cannot be used: a warning says so, and it is left out.

    Args:
      start: ``StartingPoint``.
    """
    if not start.task.get("kind") and start.head == "none":
        return "encoder"
    row = HEADS[find_head(start)]
    needed = _DESCRIPTIONS.get(row.label_type, ())
    lacking = [name for name in needed if not start.task.get(name)]
    if not lacking:
        return "task"
    logging.warning(
        "%s does not say its %s, so that its head (%s) is left out: give the "
        "model directory that was trained, with its task.json",
        start.path,
        ", ".join(lacking),
        row.name,
    )
    return "encoder"


def _find_thresholds(path, row, labels, task):
    if row.label_type != "classes":
        return []
    found = thresholds.of_labels(labels, task, path)
    if found is None:
        return [DEFAULT_THRESHOLD] * len(labels)
    return found.tolist()


def find_length(path, config, task, max_seq_length):
    """Returns the length of sequences that texts are cut at: int.

    Args:
      path: str, the model.
      config: ``AlbertConfig``.
      task: dict of ``model_directory.read_task``.
      max_seq_length: int, what was asked for; None: the task's, else
        ``DEFAULT_LENGTH`` or as many as the model has positions.

    Raises:
      UserError: as ``check_length``.
    """
    if max_seq_length is None:
        limit = config.longest_sequence
        return min(task.get("max_seq_length", DEFAULT_LENGTH), limit)
    return check_length(path, config, max_seq_length)


def check_length(path, config, max_seq_length):
    """Returns a length of sequences, if a model has it: int.

    Args:
      path: str, the model.
      config: ``AlbertConfig``.
      max_seq_length: int.

    Raises:
      UserError: it has not.
    """
    limit = config.longest_sequence
    truncation.check_max_seq_length(max_seq_length)
    if max_seq_length > limit:
        raise UserError(
            f"--max_seq_length {max_seq_length}: {path} has {limit} "
            "positions: choose no more than that"
        )
    return max_seq_length


def find_head(start):
    """Returns the head of the task if there is one, else of the weights.

    Args:
      start: ``StartingPoint``.

    Returns:
      str, a key of ``HEADS``.

    Raises:
      UserError: there is none, or this version does not know it.
    """
    task = start.task
    head = start.head
    if task.get("kind"):
        found = find(task_kind=task["kind"])
        # The weights tell the heads of one task apart.
        if head not in found:
            found = find(task_kind=task["kind"], version=task.get("head"))
            if not found:
                raise UserError(
                    f"{start.path}: is a model of a {task['kind']}, which this "
                    "version does not know: use the version that wrote it"
                )
            head = found[0]
    elif head == "none":
        raise UserError(
            f"{start.path}: holds an encoder without a head: give a model of a "
            "task, or export it with --model=encoder"
        )
    if head == "classification" and start.num_labels == 1:
        return "regression"
    if head == "regression" and (start.num_labels or 1) > 1:
        raise UserError(
            f"{start.path}: is a regression of {start.num_labels} numbers, and "
            "one is what can be predicted here: take its encoder alone"
        )
    return head


def _load_model(start, head, task, labels, dtype, needs_pooler):
    """Returns (the Keras model with its weights, what these lack)."""
    row = HEADS[head]
    arguments = {"dtype": dtype} if dtype else {}
    if row.label_type == "span":
        arguments |= {
            name: task[name]
            for name in ("start_n_top", "end_n_top")
            if name in task
        }
    elif row.label_type == "text":
        arguments |= {
            name: _require(start, task, name) for name in _DESCRIPTIONS["text"]
        }
    # The dropout is of no matter here.
    model = make_model(
        head,
        start.config,
        len(labels or ()) or 1,
        **arguments,
    )
    (whole, *_) = find(model=row.model, version=row.version)
    fresh = set(HEADS[whole].components) - set(row.components)
    if fresh and not row.uses_pooler:
        fresh.add("pooler")
    if head == "none" and not needs_pooler and not _has_pooler(start):
        fresh.add("pooler")
    report = load_weights(model, start, fresh=sorted(fresh))
    return model, report.fresh


def _has_pooler(start):
    return any(map(weight_fit.is_pooler, start.source.tensors))


def _require(start, task, name):
    """Returns what task.json has to say of a model that writes texts."""
    if name not in task:
        raise UserError(
            f"{start.path}: does not say its {name}: give the model directory "
            "that `albert translate` wrote, with its task.json"
        )
    return task[name]
