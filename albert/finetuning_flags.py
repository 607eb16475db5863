# SPDX-License-Identifier: Apache-2.0
"""Defines and checks the flags that all fine-tuning has."""

from albert import flags
from albert import freeze_flag
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.vocabulary_flags import define_normalization_flags


def define(fv, *, has_classifier=True, has_modes=True):
    """Defines the flags of fine-tuning.

    Args:
      fv: ``absl.flags.FlagValues``.
      has_classifier: bool, whether the task has a last layer of its own with
        a dropout before it.
      has_modes: bool, whether flags say what is done.
    """
    if has_modes:
        _define_mode_flags(fv)
    flags.define_model_flags(fv)
    model = FlagGroup(fv, "Model")
    model.real(
        "dropout_prob",
        None,
        "Dropout inside the encoder while training. Default: the task's.",
        lower_bound=0.0,
        upper_bound=0.9,
    )
    if has_classifier:
        model.real(
            "classifier_dropout",
            None,
            "Dropout before the task's last layer. Default: the task's.",
            lower_bound=0.0,
            upper_bound=0.9,
        )
    flags.define_training_flags(
        fv,
        batch_size=None,
        eval_batch_size=32,
        optimizer="adamw",
        num_train_steps=None,
        save_checkpoints_steps=None,
    )
    flags.define_sequence_length_flag(fv, "Model")
    define_normalization_flags(fv, "Model", None)
    FlagGroup(fv, "Evaluation").alias("predict_batch_size", "eval_batch_size")
    training = FlagGroup(fv, "Training")
    training.real(
        "num_train_epochs",
        None,
        "Passes over the training data, instead of --num_train_steps.",
        lower_bound=1e-6,
        upper_bound=1e4,
    )
    training.integer(
        "early_stopping_patience",
        None,
        "Stop after so many evaluations, which are --save_checkpoints_steps "
        "apart, without a better value of the metric that the best checkpoint "
        "is chosen by. Default: all steps are made.",
        lower_bound=1,
        upper_bound=10**6,
    )
    freeze_flag.define(fv)
    training.boolean(
        "bucket_by_length",
        True,
        "Put examples of like length into a batch, so that little is padded.",
    )
    training.boolean(
        "pad_to_max_length",
        False,
        "Pad every batch to --max_seq_length: one shape, as TPUs need it.",
    )


def _define_mode_flags(fv):
    modes = FlagGroup(fv, "Modes")
    modes.boolean("do_train", False, "Train.")
    modes.boolean(
        "do_eval",
        False,
        "Evaluate on the dev set: while training, and the best weights.",
    )
    modes.boolean(
        "do_predict", False, "Predict the test set with the best weights."
    )


def check(fv, decoder=False):
    """Refuses flags of fine-tuning that contradict each other.

    Args:
      fv: ``absl.flags.FlagValues``.
      decoder: bool, whether the model has a decoder.

    Raises:
      UserError: naming them.
    """
    flags.refuse_both(fv, "albert_config_file", "model_size")
    flags.refuse_both(fv, "num_train_steps", "num_train_epochs")
    flags.check_layers_flag(fv)
    freeze_flag.check(fv, decoder)
    if fv.early_stopping_patience and not (fv.do_train and fv.do_eval):
        raise UserError(
            "--early_stopping_patience needs --do_train and --do_eval: it "
            "counts the evaluations on the way"
        )
    if (
        fv.do_train
        and not fv.init_checkpoint
        and not (fv.albert_config_file or fv.model_size)
    ):
        raise UserError(
            "--init_checkpoint is required for --do_train (or "
            "--albert_config_file or --model_size, to start from random "
            "weights); see --help"
        )
