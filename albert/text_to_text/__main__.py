# SPDX-License-Identifier: Apache-2.0
"""Trains an encoder-decoder to translate, to summarise, …, and uses it.

A joint vocabulary, which keeps capitals and accents, and a training on two
files whose lines belong together:

    albert create-vocabulary --input_file=train.en,train.de \\
        --output_prefix=joint --vocab_size=8000 \\
        --do_lower_case=false --strip_accents=false
    albert translate --do_train --do_eval \\
        --source_file=train.en --target_file=train.de \\
        --eval_source_file=val.en --eval_target_file=val.de \\
        --model_size=mini --spm_model_file=joint.model \\
        --do_lower_case=false --strip_accents=false --output_dir=model

The same command continues after an interruption; --init_checkpoint starts from
a pretrained encoder. Then, a text a line:

    albert translate --do_predict --output_dir=model < news.en > news.de
"""

import contextlib
import dataclasses
import sys

from absl import logging

from albert import command_line
from albert import device_flags
from albert import evaluation_results
from albert import flags
from albert import heads
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.interchange import task_description
from albert.progress import show_progress
from albert.streamed_outputs import open_output
from albert.tasks import trained_model
from albert.text_to_text import translation_files
from albert.text_to_text import translation_flags
from albert.text_to_text.pair_features import encode_pairs
from albert.text_to_text.parallel_text import read_lines
from albert.text_to_text.translation_flags import HEAD
from albert.training import model_card

define_flags = translation_flags.define_flags


def main(fv):
    """Trains on pairs of texts, evaluates, and writes targets of others.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    metrics = translation_flags.check_flags(fv)
    model_directory.check_writable(fv.output_dir)
    evaluation_results.check_earlier(
        fv.output_dir, model_directory.EVALUATION_FILE
    )
    pairs = translation_files.find_pairs(fv)
    source, trained = find_model(fv)

    # TensorFlow is loaded from here on, so that --help and wrong flags answer
    # at once.
    command_line.load_tensorflow()
    import keras

    from albert.interchange.starting_point import open_starting_point
    from albert.interchange.weights import load_weights
    from albert.text_to_text import translation_evaluation
    from albert.text_to_text.pair_data import LossEvaluation
    from albert.text_to_text.pair_data import PairData
    from albert.text_to_text.translation import SearchSettings
    from albert.text_to_text.translation import Translator
    from albert.training import agreement
    from albert.training import coordination
    from albert.training import curves
    from albert.training import distribution
    from albert.training import finetuning_options
    from albert.training import options
    from albert.training import results
    from albert.training.inference_loop import InferenceLoop
    from albert.training.losses import TextToTextObjective
    from albert.training.run import Run

    # First of all: workers find each other before anything is computed.
    strategy = distribution.start(
        fv.eval_batch_size, **device_flags.device_options(fv)
    )
    writes = coordination.is_chief(strategy)

    # --------------------------------------- configuration, texts and ids
    recipe = finetuning_options.adjust_recipe(fv, translation_flags.RECIPE)
    start = open_starting_point(source)
    config, tokenizer = start.find_config_and_tokenizer(
        **flags.model_options(fv), dropout=recipe.dropout
    )
    has_decoder = start.has_head(HEAD)
    settings = translation_flags.find_settings(
        fv, config, trained, source if has_decoder else None
    )
    limits = translation_flags.read_limits(
        fv,
        finetuning_options.find_lengths(fv, settings["max_seq_length"]),
        finetuning_options.find_lengths(fv, settings["max_target_length"]),
        strategy.num_replicas_in_sync,
    )
    data = {
        split: PairData(
            split,
            each.path,
            encode_pairs(
                each,
                tokenizer,
                translation_flags.read_pair_settings(fv, settings),
                split=split,
                keep_texts=split == "dev",
            ),
            limits,
        )
        for split, each in pairs.items()
    }
    agreement.check_data(strategy, data)

    # --------------------------------------------------- how it is trained
    evaluation = None
    if "dev" in data:
        evaluation = LossEvaluation(data["dev"], fv.eval_batch_size)
    if fv.do_train:
        batches = data["train"].first_epoch(fv.seed, fv.bucket_by_length)
        training_options = finetuning_options.find_finetuning_options(
            fv, recipe, config, data["train"].num_examples, len(batches)
        )
        if fv.learning_rate is None:
            training_options = dataclasses.replace(
                training_options, learning_rate=translation_flags.LEARNING_RATE
            )
        finetuning_options.log_defaults(
            fv, HEAD, config, settings, training_options
        )
        log_batches(data["train"], batches, training_options)
        warn_of_normalization(tokenizer)

    # ------------------------------------------- train, then use the best
    objective = TextToTextObjective(settings["label_smoothing"])
    keras.utils.set_random_seed(fv.seed)
    with strategy.scope():
        model = heads.make_model(
            HEAD,
            config,
            num_decoder_layers=settings["num_decoder_layers"],
            decoder_sharing=settings["decoder_sharing"],
            dtype=options.DTYPE_POLICIES[fv.dtype],
        )
    if fv.do_train:
        logging.info("%s parameters", f"{model.count_params():,}")
        run = Run(
            directory=fv.output_dir,
            config=config,
            tokenizer=tokenizer,
            options=training_options,
            data=data["train"],
            start=start,
            fresh=() if has_decoder else ("decoder",),
            layers_from=fv.init_layers_from,
            task=translation_flags.describe(settings),
            evaluation=evaluation,
        )
        loop, _ = run.train(model, objective, strategy)
    else:
        loop = InferenceLoop(
            model, objective, strategy, jit_compile=fv.jit_compile
        )
    weights = load_weights(
        model, fv.output_dir if fv.do_train else start
    ).source
    losses = evaluation.metrics(loop) if evaluation else {}
    coordination.finish(strategy)
    if not writes:
        command_line.leave()

    # ------------------------------------------ texts that the model writes
    search = SearchSettings(
        max_seq_length=settings["max_seq_length"],
        max_target_length=settings["max_target_length"],
        beam_size=settings["beam_size"],
        length_penalty=settings["length_penalty"],
        num_best=fv.num_best or 1,
        batch_size=fv.eval_batch_size,
    )
    translator = Translator(model, tokenizer, search)
    written = []
    if evaluation:
        outcome = translation_evaluation.evaluate(
            data["dev"],
            losses,
            translator,
            metrics,
            tokenizer.lower_case,
            fv.bleu_tokenizer,
        )
        written += outcome.write(fv.output_dir, weights, data["dev"])
        print(f"\nEvaluation of {weights}:")
        results.print_evaluation(
            outcome.metrics, outcome.baseline, "the source itself"
        )
        for metric, signature in outcome.signatures.items():
            print(f"{metric}: {signature}")
    if fv.do_train:
        written += curves.draw_run(fv.output_dir)
        model_card.record_training_data(
            fv.output_dir, data["train"].description
        )
    if fv.do_train or evaluation:
        written += model_card.write(fv.output_dir, fv.licence)
    if fv.attention_plot:
        draw_attention(fv, model, tokenizer, translator)
        written.append(fv.attention_plot)
    if fv.do_predict:
        lines, destination = translation_files.find_streams(fv)
        predict(translator, lines, destination, bool(fv.num_best), fv.overwrite)
        written += filter(None, [destination])
    if written:
        results.print_written(fv.output_dir if fv.do_train else source, written)


def find_model(fv):
    """Finds the weights to start from, or to use.

    Returns:
      (source, trained): str or None, what to open; and dict, what a model
      that writes texts already says of itself.

    Raises:
      UserError: there is none to be used, or one of another task.
    """
    if fv.do_train:
        check_kind(fv.output_dir, model_directory.read_task(fv.output_dir))
        if not fv.init_checkpoint:
            return None, {}
        trained = task_description.read(fv.init_checkpoint)
        writes_texts = trained.get("kind") == heads.HEADS[HEAD].task_kind
        return fv.init_checkpoint, trained if writes_texts else {}
    source = trained_model.find(fv.output_dir, fv.init_checkpoint)
    trained = task_description.read(source)
    check_kind(source, trained)
    return source, trained


def check_kind(path, description):
    """Refuses a model of another task."""
    right, kind = heads.HEADS[HEAD].task_kind, description.get("kind")
    if kind not in (None, right):
        raise UserError(
            f"{path} holds a model of {kind}, not one that writes texts: use "
            "another --output_dir"
        )


def log_batches(data, batches, options):
    """Logs how many batches there are, and what they are made of.

    Args:
      data: ``PairData`` to train on.
      batches: list, those of the first epoch.
      options: ``TrainingOptions``.
    """
    pieces = data.features.source_splits[-1] + data.features.target_splits[-1]
    positions = sum(rows * (s + t) for _, rows, s, t in batches)
    logging.info(
        "%d steps are %.3g epochs of %d batches, of %.0f pairs and %.0f pieces "
        "on average; %.0f%% more are padding",
        options.num_train_steps,
        options.num_train_steps / len(batches),
        len(batches),
        data.num_examples / len(batches),
        pieces / len(batches),
        100 * (positions / pieces - 1),
    )


def warn_of_normalization(tokenizer):
    """Warns of a vocabulary with which targets cannot be as they should."""
    lost = [
        what
        for is_lost, what in (
            (tokenizer.lower_case, "capitals"),
            (tokenizer.strip_accents, "accents"),
        )
        if is_lost
    ]
    if tokenizer.kind == "wordpiece":
        logging.warning(
            "targets will be written with a space at each mark of punctuation "
            '("don \' t"), as WordPiece cuts them, which BLEU counts as '
            "faults: a SentencePiece vocabulary keeps them"
        )
    if lost:
        logging.warning(
            "targets will be written without %s, as the vocabulary is read "
            "without them: make one with --do_lower_case=false and "
            "--strip_accents=false, and give these flags here too, where they "
            "matter",
            " and ".join(lost),
        )


def predict(translator, source, destination, as_table, overwrite=False):
    """Writes the targets of the lines of a file.

    Lines without a text stay so, and no line is lost: line N of what is
    written is that of line N.

    Args:
      translator: ``Translator``.
      source: str, a path.
      destination: str, a path; None for the standard output.
      as_table: bool, write all that was found for each, with the number of
        the line and the score in front.
      overwrite: bool, whether a file that is there is replaced.
    """
    # Between lines on a terminal, a bar would be a mess.
    between = destination is None and sys.stdout.isatty()
    with (
        open_output(destination, "--output_file", overwrite) as stream,
        contextlib.nullcontext()
        if between
        else show_progress("writing targets", unit="texts") as advance,
    ):
        found = translator.translate_stream(read_lines(source), advance)
        for number, translations in enumerate(found, start=1):
            for text, score in translations:
                if as_table:
                    stream.write(f"{number}\t{score:.4f}\t")
                stream.write(f"{text}\n")


def draw_attention(fv, model, tokenizer, translator):
    """Draws the alignment of --attention_text with what is written for it."""
    from albert.text_to_text import attention_plot

    source_ids, target_ids = translator.search_ids(fv.attention_text)
    weights = attention_plot.align(
        model, source_ids, target_ids, tokenizer.cls_id
    )
    pieces = [
        [tokenizer.pieces[id_] for id_ in ids]
        for ids in (source_ids, target_ids)
    ]
    outputs.write_file(
        fv.attention_plot,
        attention_plot.draw(weights, *pieces),
        "--attention_plot",
    )


if __name__ == "__main__":
    command_line.run(main, define_flags)
