# SPDX-License-Identifier: Apache-2.0
"""Settings of training and answering: of the paper, and of the model."""

from albert.errors import UserError
from albert.tasks.task import Recipe

# By whether questions may have no answer. Table 14 of the paper: its 3649
# and 8144 steps are 2 and 3 epochs of SQuAD's windows, its 365 and 814 steps
# of warm-up a tenth of them.
RECIPES = {
    False: Recipe(
        learning_rate=5e-5,
        train_batch_size=48,
        num_train_epochs=2.0,
        dropout=0.0,
        max_seq_length=384,
    ),
    True: Recipe(
        learning_rate=3e-5,
        train_batch_size=48,
        num_train_epochs=3.0,
        dropout=0.0,
        max_seq_length=512,
    ),
}

# Of a flag that is not given: what the model was trained with, else this; of
# doc_stride half a sequence at most, so that windows overlap.
# The language is found in ``answer_language``.
DEFAULTS = {
    "doc_stride": 128,
    "max_query_length": 64,
    "start_n_top": 5,
    "end_n_top": 5,
    "n_best_size": 20,
    "max_answer_length": 30,
}

_BESIDE_A_WINDOW = 4  # [CLS], a piece of the question, two [SEP]


def may_lack_answer(task, head):
    """Tells whether a model knows of questions without an answer.

    Args:
      task: dict, what the model says of its task; may be empty.
      head: str, its head, which tells where the task does not.
    """
    return task.get("version_2_with_negative", head == "span_v2")


def check_threshold(task, head, threshold):
    """Refuses a null score threshold of a model that always answers.

    Args:
      task, head: as of ``may_lack_answer``.
      threshold: float, or None where none is given.

    Raises:
      UserError: it is given, and the model always answers.
    """
    if threshold is not None and not may_lack_answer(task, head):
        raise UserError(
            "this model answers every question, as SQuAD 1.1 has it: leave "
            "null_score_diff_threshold out"
        )


def find(given, trained, max_seq_length):
    """Finds the settings that are in force.

    Args:
      given: dict from names of ``DEFAULTS`` to what the user gave, or None.
      trained: dict, what the model was trained with.
      max_seq_length: int.

    Returns:
      dict from the same names to values.

    Raises:
      UserError: no windows of the doc_stride that was given can overlap.
    """
    stride = given["doc_stride"]
    longest = max_seq_length - _BESIDE_A_WINDOW
    if stride is not None and stride >= longest:
        raise UserError(
            f"--doc_stride={stride}: with --max_seq_length={max_seq_length} a "
            f"window shows {longest} pieces of a text at most, and windows "
            "must overlap: give a smaller --doc_stride"
        )
    found = {
        name: trained.get(name, DEFAULTS[name]) if value is None else value
        for name, value in given.items()
    }
    is_trained = (
        "doc_stride" in trained
        and trained.get("max_seq_length") == max_seq_length
    )
    if stride is None and not is_trained:
        found["doc_stride"] = min(
            found["doc_stride"], max(1, max_seq_length // 2)
        )
    return found
