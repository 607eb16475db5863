# SPDX-License-Identifier: Apache-2.0
"""Defines and reads the flags of ``albert translate``."""

import math

from albert import device_flags
from albert import finetuning_flags
from albert import flag_parsers
from albert import flags
from albert import heads
from albert.errors import UserError
from albert.tasks.task import Recipe
from albert.text_to_text import text_metrics
from albert.text_to_text import translation_files
from albert.text_to_text.pair_features import PairSettings
from albert.text_to_text.token_batches import BatchLimits
from albert.training import model_card

# The head of the models, which is the name of the task too.
HEAD = "text_to_text"

RECIPE = Recipe(
    train_batch_size=1024,
    num_train_epochs=30.0,
    warmup_proportion=0.1,
    dropout=0.1,
    max_seq_length=128,
)
# Tried on Multi30k at width 256 with AdamW.
LEARNING_RATE = 1e-3
MAX_TARGET_LENGTH = 128
BEAM_SIZE = 5
LENGTH_PENALTY = 0.6  # Wu et al. 2016 and Vaswani et al. 2017.
LABEL_SMOOTHING = 0.1
METRICS = ("bleu", "chrf")
# A batch has this many rows, or a multiple: that many devices divide it.
ROWS_MULTIPLE = 8


def define_flags(fv):
    """Defines the command's flags."""
    texts = flags.FlagGroup(fv, "Texts")
    for prefix, purpose in (("", "to train on"), ("eval_", "to evaluate on")):
        texts.path(
            f"{prefix}source_file",
            None,
            f"Sources {purpose}, a text a line; plain or compressed.",
        )
        texts.path(
            f"{prefix}target_file",
            None,
            f"Their targets: line N is that of line N of --{prefix}"
            "source_file.",
        )
        texts.path(
            f"{prefix}input_file",
            None,
            f"Pairs {purpose}, instead: a table with tabs between its columns.",
        )
    texts.string(
        "source_column",
        "1",
        "Column of the sources in tables: a number from 1, or a name in the "
        "first line.",
    )
    texts.string("target_column", "2", "Column of the targets, likewise.")
    texts.boolean(
        "cut_long_sources",
        False,
        "Cut sources that are longer than --max_seq_length, as for summaries, "
        "instead of leaving the pair out. Those to predict are always cut.",
    )
    texts.real(
        "max_left_out_share",
        0.2,
        "Stop where more of the pairs have one text only, or one too long.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    texts.real(
        "max_unknown_share",
        0.2,
        "Stop where more of the pieces are <unk>, of another language.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    prediction = flags.FlagGroup(fv, "Prediction")
    prediction.path(
        "predict_file",
        None,
        "Sources to predict the targets of, a text a line. Default, or -: the "
        "standard input.",
    )
    prediction.path(
        "output_file",
        None,
        "Where their targets are written. Default, or -: the standard output.",
    )
    prediction.boolean(
        "overwrite",
        False,
        "Replace the files of --output_file and --attention_plot if they are "
        "there already.",
    )
    prediction.integer(
        "beam_size",
        None,
        "Hypotheses that the search goes on with; 1 is greedy. Default: that "
        f"of the training, {BEAM_SIZE} there.",
        lower_bound=1,
        upper_bound=1000,
    )
    prediction.real(
        "length_penalty",
        None,
        "Power of the length that scores are divided by: more for longer "
        "targets, 0 for none. Default: that of the training, "
        f"{LENGTH_PENALTY} there.",
        lower_bound=0.0,
        upper_bound=10.0,
    )
    prediction.integer(
        "num_best",
        None,
        "Write so many targets of each source, the best first, as a table: "
        "number of the line, score, target. Default: the best, without them.",
        lower_bound=1,
        upper_bound=1000,
    )
    prediction.path(
        "attention_plot",
        None,
        "Where to draw which pieces of --attention_text the model looks at "
        "while it writes, as PNG.",
    )
    prediction.string("attention_text", None, "A source to draw.")
    finetuning_flags.define(fv, has_classifier=False)
    for name, text in (
        ("do_predict", "Write the targets of texts with the best weights."),
        (
            "pad_to_max_length",
            "Pad every batch to --max_seq_length and --max_target_length: one "
            "shape, as TPUs need it.",
        ),
        (
            "max_seq_length",
            "Longest source in pieces, with [CLS] and [SEP]; pairs with a "
            "longer one are left out, see --cut_long_sources. Default: "
            f"{RECIPE.max_seq_length}, at most what the model has positions "
            "for.",
        ),
        (
            "train_batch_size",
            "Most pairs per update, over all devices and accumulation steps; "
            "--train_batch_tokens is the other limit. Default: "
            f"{RECIPE.train_batch_size}.",
        ),
        (
            "num_train_epochs",
            "Passes over the training data, instead of --num_train_steps. "
            f"Default: {RECIPE.num_train_epochs:g}.",
        ),
        (
            "num_train_steps",
            "Updates to train for. Default: those of --num_train_epochs.",
        ),
        (
            "num_warmup_steps",
            "Steps of linear warm-up. Default: "
            f"{RECIPE.warmup_proportion:.0%} of all.",
        ),
        (
            "learning_rate",
            f"Peak of the learning rate. Default: {LEARNING_RATE}.",
        ),
        (
            "dropout_prob",
            "Dropout inside encoder and decoder while training. Default: "
            f"{RECIPE.dropout}.",
        ),
    ):
        fv[name].help = text
    # The moments are wrong by most in the first thousand steps, in which a
    # decoder without a pretraining learns most.
    fv.set_default("bias_correction", True)
    model = flags.FlagGroup(fv, "Model")
    model.integer(
        "max_target_length",
        None,
        "Longest target in pieces, with the one that ends it. Default: "
        f"{MAX_TARGET_LENGTH}, at most what the model has positions for.",
        lower_bound=2,
        upper_bound=flag_parsers.LONGEST_SEQUENCE,
    )
    model.integer(
        "num_decoder_layers",
        None,
        "Layers of the decoder. Default: as many as the encoder has.",
        lower_bound=1,
        upper_bound=1000,
    )
    model.choice(
        "decoder_sharing",
        None,
        ["all", "none"],
        "all: one layer's weights for all layers of the decoder, as in "
        "ALBERT; none: each has its own. Default: all.",
    )
    training = flags.FlagGroup(fv, "Training")
    training.integer(
        "train_batch_tokens",
        4096,
        "Pieces of sources and targets per update, with their padding, at "
        "most; --train_batch_size is the most pairs.",
        lower_bound=1,
        upper_bound=1 << 30,
    )
    training.real(
        "label_smoothing",
        None,
        "Share of the probability that is spread over all pieces. Default: "
        f"that of the model, {LABEL_SMOOTHING} of a new one.",
        lower_bound=0.0,
        upper_bound=0.9,
    )
    evaluation = flags.FlagGroup(fv, "Evaluation")
    evaluation.names(
        "metrics",
        None,
        "Of bleu, chrf and rouge (which need pip install "
        "'albert-keras[translate]'), after the training; or none, for losses "
        f"alone. Default: {','.join(METRICS)}.",
    )
    evaluation.choice(
        "bleu_tokenizer",
        "13a",
        list(text_metrics.BLEU_TOKENIZERS),
        "sacrebleu's: 13a for languages with spaces, zh for Chinese, char for "
        "others without.",
    )
    model_card.define_licence_flag(fv)
    device_flags.define_device_flags(fv)


def check_flags(fv):
    """Refuses flags that do not work together; returns the metrics: list."""
    flags.require(fv, "output_dir")
    if bool(fv.attention_plot) != bool(fv.attention_text):
        raise UserError(
            "--attention_plot needs --attention_text, the text to draw, and "
            "the other way round: give both"
        )
    if not fv.attention_plot:
        flags.require_mode(fv)
    finetuning_flags.check(fv, decoder=True)
    model_card.check_licence(fv.licence)
    if fv.num_best and not fv.do_predict:
        raise UserError(
            "--num_best is for --do_predict, which writes them: give that too, "
            "or leave --num_best out"
        )
    translation_files.check_inputs(fv)
    translation_files.check_outputs(fv)
    metrics = list(METRICS if fv.metrics is None else fv.metrics)
    metrics = [] if metrics == ["none"] else metrics
    for metric in metrics:
        if metric not in text_metrics.METRICS:
            raise UserError(
                f"--metrics: {metric!r} is not one of "
                f"{', '.join(text_metrics.METRICS)}; or give none alone"
            )
    if fv.do_eval:
        # Not after the training.
        text_metrics.check_installed(metrics)
    return metrics


def find_settings(fv, config, trained, decoder_of=None):
    """Returns the settings that a model directory remembers: dict.

    Args:
      fv: values of flags.
      config: ``AlbertConfig``.
      trained: dict, those of the model that is used or started from.
      decoder_of: str, the path of that model if its decoder is taken; None
        where there is a new one.

    Raises:
      UserError: longer sequences than the model has positions for, another
        decoder than that of the model, or one that nothing describes.
    """
    positions = config.longest_sequence
    defaults = {
        "max_seq_length": min(RECIPE.max_seq_length, positions),
        "max_target_length": min(MAX_TARGET_LENGTH, positions),
        "num_decoder_layers": config.num_hidden_layers,
        "decoder_sharing": "all",
        "beam_size": BEAM_SIZE,
        "length_penalty": LENGTH_PENALTY,
        "label_smoothing": LABEL_SMOOTHING,
    }
    settings = {}
    for name, default in defaults.items():
        known = trained.get(name)
        given = fv[name].value
        if name.endswith("length") and (given or 0) > positions:
            raise UserError(
                f"--{name}={given} is more than the {positions} positions of "
                f"the model: give a smaller --{name}"
            )
        if "decoder" in name and None not in (known, given) and known != given:
            raise UserError(
                f"--{name} is {given}, but that of the model is {known}: leave "
                "the flag out"
            )
        # The weights of shared layers are the same for any number of them.
        if "decoder" in name and decoder_of and known is given is None:
            raise UserError(
                f"{decoder_of} does not say the {name} of its decoder: restore "
                "its task.json, or give --num_decoder_layers and "
                "--decoder_sharing as it was trained"
            )
        if given is None:
            given = default if known is None else known
        settings[name] = given
    if (fv.num_best or 1) > settings["beam_size"]:
        raise UserError(
            f"--num_best={fv.num_best} is more than --beam_size, which is "
            f"{settings['beam_size']}: raise --beam_size"
        )
    return settings


def describe(settings):
    """Returns what a model directory remembers of the task: dict."""
    return {
        "task_name": HEAD,
        "kind": heads.HEADS[HEAD].task_kind,
        "labels": None,
        **settings,
    }


def read_pair_settings(fv, settings):
    """Returns the ``PairSettings`` of flags and of ``find_settings``."""
    return PairSettings(
        max_seq_length=settings["max_seq_length"],
        max_target_length=settings["max_target_length"],
        cut_long_sources=fv.cut_long_sources,
        max_left_out_share=fv.max_left_out_share,
        max_unknown_share=fv.max_unknown_share,
    )


def read_limits(fv, source_lengths, target_lengths, replicas):
    """Returns the ``BatchLimits`` of flags.

    Args:
      fv: values of flags.
      source_lengths, target_lengths: lists of int, see ``BatchLimits``.
      replicas: int, devices that a batch is divided over.

    Raises:
      UserError: a batch to train on would have no pair.
    """
    parts = replicas * fv.gradient_accumulation_steps
    limits = BatchLimits(
        most_tokens=fv.train_batch_tokens,
        most_rows=fv.train_batch_size or RECIPE.train_batch_size,
        rows_multiple=math.lcm(ROWS_MULTIPLE, parts),
        source_lengths=tuple(source_lengths),
        target_lengths=tuple(target_lengths),
    )
    if fv.do_train:
        limits.check()
    return limits
