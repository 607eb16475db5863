# SPDX-License-Identifier: Apache-2.0
"""Defines the flags of model and training that commands share.

Each function defines its flags on the ``FlagValues`` it is given. Names,
meanings and defaults are those of the original's runners where it has them.
"""

from albert import flag_parsers
from albert.config import NAMED_SIZES
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.vocabulary_flags import define_vocab_file_flag
from albert.vocabulary_flags import vocabulary_file

# Files that a model is made of where it has no weights yet.
MODEL_FILES = ("albert_config_file", "spm_model_file", "vocab_file")


def define_model_flags(fv):
    """Defines the flags of the model and of its first weights."""
    model = FlagGroup(fv, "Model")
    model.path(
        "albert_config_file", None, "The model's JSON file. Or --model_size."
    )
    model.choice(
        "model_size",
        None,
        list(NAMED_SIZES),
        "A named size instead of --albert_config_file; its vocabulary size "
        "becomes that of the data.",
    )
    model.path(
        "spm_model_file",
        None,
        "SentencePiece model; copied into the model directory. Default: the "
        "one that comes with --init_checkpoint or that the JSON beside the "
        "records names.",
    )
    define_vocab_file_flag(fv, "Model")
    model.model(
        "init_checkpoint",
        None,
        "Weights to start from: a model directory or checkpoint of ours, "
        "Google's release (its folder, a prefix or the .tar.gz), a TF-Hub v1 "
        "module, a Hugging Face or a KerasHub directory, or a name, "
        "hf://owner/name or kaggle://…. A checkpoint already "
        "in --output_dir wins, except with --nodo_train of `albert pretrain`.",
    )
    model.integer_or_word(
        "init_layers_from",
        None,
        "Training starts every layer as this layer of --init_checkpoint, from "
        "0, or as the mean of all. The checkpoint, an ALBERT or a BERT, may "
        "then share its layers otherwise, have more or fewer, and have wider "
        "embeddings. Default: the checkpoint has the model's shape.",
        word="mean",
        lower_bound=0,
        upper_bound=1023,
    )
    files = FlagGroup(fv, "Files")
    files.path(
        "output_dir", None, "Where the model directory is written. Required."
    )


def model_options(fv):
    """Returns what the flags say of a model's configuration and tokenizer."""
    options = {
        name: fv[name].value
        for name in (
            "albert_config_file",
            "model_size",
            "position_embedding",
            "do_lower_case",
            "strip_accents",
        )
        if name in fv
    }
    return {**options, "vocabulary_file": vocabulary_file(fv)}


def define_training_flags(
    fv,
    *,
    batch_size,
    eval_batch_size,
    optimizer,
    num_train_steps,
    save_checkpoints_steps,
    own_optimizers=(),
):
    """Defines the flags of training; the keyword arguments are the defaults.

    A batch size or number of steps that is None depends on the task. The
    ``own_optimizers`` can be chosen, too, which the original does not have.
    """
    training = FlagGroup(fv, "Training")
    training.integer(
        "train_batch_size",
        batch_size,
        "Sequences per update, over all devices and accumulation steps."
        + ("" if batch_size else " Default: the task's."),
        lower_bound=1,
        upper_bound=flag_parsers.LARGEST_BATCH,
    )
    training.integer(
        "num_train_steps",
        num_train_steps,
        "Updates to train for."
        + ("" if num_train_steps else " Default: the task's."),
        lower_bound=1,
        upper_bound=flag_parsers.MOST_STEPS,
    )
    training.choice(
        "optimizer",
        optimizer,
        ["lamb", "adamw", *own_optimizers],
        "lamb and adamw are as the original has them"
        + (
            "; muon orthogonalises the updates of hidden matrices, and is "
            "adamw for the rest."
            if own_optimizers
            else "."
        ),
    )
    training.real(
        "learning_rate",
        None,
        "Peak of the learning rate. Default: one that is known to work for "
        "the model's size and the task, printed.",
        # The smallest is a float32 yet; with the largest nothing is learnt.
        lower_bound=1e-37,
        upper_bound=10.0,
    )
    training.choice(
        "learning_rate_decay",
        "polynomial",
        ["polynomial", "cosine"],
        "How the learning rate falls after warm-up: as a power of what is left "
        "of the training, the original's way, or along a cosine.",
    )
    training.real(
        "poly_power",
        1.0,
        "Power of the learning rate's polynomial decay.",
        lower_bound=1e-6,
        upper_bound=100.0,
    )
    training.real(
        "end_learning_rate_share",
        0.0,
        "Part of the peak that the learning rate has fallen to in the end.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    training.boolean(
        "decay_after_warmup",
        False,
        "The decay begins where warm-up ends, so that the learning rate does "
        "not jump down there. The original's decay counts warm-up too.",
    )
    training.integer(
        "num_warmup_steps",
        None,
        "Steps of linear warm-up. Default: 6% of the steps of pretraining, at "
        "most the original's 3125; the task's share in fine-tuning.",
        lower_bound=0,
        upper_bound=flag_parsers.MOST_STEPS,
    )
    training.integer(
        "start_warmup_step",
        0,
        "Step at which warm-up starts.",
        lower_bound=0,
        upper_bound=flag_parsers.MOST_STEPS,
    )
    training.real(
        "layer_decay_rate",
        1.0,
        "Factor of the learning rate from each depth of the model to the one "
        "below; 1 is off.",
        lower_bound=1e-6,
        upper_bound=1.0,
    )
    training.real(
        "embedding_learning_rate_scale",
        1.0,
        "Factor of the learning rate of the embeddings of words, token types "
        "and positions, besides --layer_decay_rate; 1 is off.",
        lower_bound=0.0,
        upper_bound=1000.0,
    )
    training.real(
        "attention_head_l2",
        0.0,
        "Coefficient of the sum of the L2 norms of each attention head's "
        "weights, added to the loss: heads of little use shrink as wholes.",
        lower_bound=0.0,
        upper_bound=1000.0,
    )
    training.real(
        "attention_l2",
        0.0,
        "Coefficient of half the sum of squares of all heads' weights "
        "together, added to the loss.",
        lower_bound=0.0,
        upper_bound=1000.0,
    )
    training.boolean(
        "bias_correction",
        False,
        "Divide the moments by 1 - beta^t, which the original does not.",
    )
    training.integer(
        "seed",
        12345,
        "Seed of the initial weights, the order of the data and dropout.",
        lower_bound=0,
        upper_bound=flag_parsers.LARGEST_SEED,
    )
    FlagGroup(fv, "Evaluation").integer(
        "eval_batch_size",
        eval_batch_size,
        "Sequences per batch, over all devices.",
        lower_bound=1,
        upper_bound=flag_parsers.LARGEST_BATCH,
    )
    files = FlagGroup(fv, "Files")
    files.integer(
        "save_checkpoints_steps",
        save_checkpoints_steps,
        "Steps between checkpoints, and between evaluations; half an hour "
        "without a checkpoint gives one in any case."
        + (
            " Default: with --train_minutes, a tenth of the time."
            if save_checkpoints_steps
            else " Default: a tenth of the steps."
        ),
        lower_bound=1,
        upper_bound=flag_parsers.MOST_STEPS,
    )
    files.integer(
        "keep_checkpoint_max",
        5,
        "Training checkpoints kept; the best one by evaluation is kept apart.",
        lower_bound=1,
        upper_bound=10**6,
    )


def require(fv, *names):
    """Checks that flags are given that have no default.

    Args:
      fv: ``absl.flags.FlagValues``.
      *names: the flags that must be given.

    Raises:
      UserError: naming the first that is not.
    """
    for name in names:
        if not fv[name].value:
            raise UserError(f"--{name} is required; see --help")


def require_mode(fv):
    """Refuses a command of fine-tuning without anything to do.

    Raises:
      UserError: none of --do_train, --do_eval and --do_predict is given.
    """
    if not (fv.do_train or fv.do_eval or fv.do_predict):
        raise UserError(
            "nothing to do: give --do_train, --do_eval or --do_predict, or "
            "several of them"
        )


def refuse_both(fv, one, other):
    """Refuses two flags that say the same thing.

    Raises:
      UserError: both are given.
    """
    if fv[one].value is not None and fv[other].value is not None:
        raise UserError(
            f"--{one} and --{other} say the same thing: give one of them"
        )


def check_layers_flag(fv):
    """Refuses --init_layers_from where no checkpoint is started from.

    Raises:
      UserError: --init_checkpoint is missing, or nothing is trained.
    """
    if fv.init_layers_from is not None and not (
        fv.init_checkpoint and fv.do_train
    ):
        raise UserError(
            "--init_layers_from needs --init_checkpoint, and --do_train: it "
            "makes weights to start from of those of a checkpoint"
        )


def define_sequence_length_flag(fv, heading):
    """Defines the flag of how long a task's sequences are."""
    FlagGroup(fv, heading).integer(
        "max_seq_length",
        None,
        "Longest sequence in pieces; longer texts are cut. Default: the "
        "task's, at most what the model has positions for.",
        lower_bound=8,
        upper_bound=flag_parsers.LONGEST_SEQUENCE,
    )


def define_text_field_flag(fv, heading):
    """Defines the flag for files of rows.

    Args:
      fv: values of flags.
      heading: str, the heading of --help that it is under.
    """
    FlagGroup(fv, heading).string(
        "text_field",
        None,
        "The files are JSON lines or Parquet (which needs pip install "
        "'albert-keras[parquet]'), a document a row; the name of the field, or "
        "column, that holds its text.",
    )
