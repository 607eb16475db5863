# SPDX-License-Identifier: Apache-2.0
"""From a pretrained model to one of a task: what the recipes of tasks share."""

import dataclasses

from absl import logging

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.interchange.weights import load_weights
from albert.interchange.weights import open_source
from albert.text.tokenizer import Tokenizer
from albert.training import training_run


def find_model(fv, place, dropout):
    """Finds the configuration and the tokenizer of a run.

    Args:
      fv: values of the flags of ``define_model_flags`` and --do_lower_case.
      place: str, the weights that the run starts from or uses; None where
        they are random.
      dropout: float, dropout inside the encoder; None leaves the
        configuration's.

    Returns:
      (``AlbertConfig``, ``Tokenizer``).

    Raises:
      UserError: one of them cannot be found, or they do not fit together.
    """
    config = tokenizer = None
    if place:
        with open_source(place) as source:
            config = source.config
            file = source.tokenizer
            # What cannot be used is no matter where another is given.
            if file and not (fv.spm_model_file and file.refusal):
                tokenizer = file.load()
    tokenizer = _find_tokenizer(fv, place, tokenizer)
    if fv.albert_config_file:
        config = AlbertConfig.from_json(fv.albert_config_file)
    elif fv.model_size:
        config = AlbertConfig.named(
            fv.model_size, vocab_size=tokenizer.vocabulary_size
        )
    if config is None:
        raise UserError(
            f"{place} comes without a configuration: give it with "
            "--albert_config_file"
        )
    if config.vocab_size != tokenizer.vocabulary_size:
        raise UserError(
            f"vocab_size of the model is {config.vocab_size}, but "
            f"{tokenizer.model_file} has {tokenizer.vocabulary_size} pieces: "
            "give the --spm_model_file that the model was pretrained with"
        )
    if dropout is not None:
        config = dataclasses.replace(
            config,
            hidden_dropout_prob=dropout,
            attention_probs_dropout_prob=dropout,
        )
    return config, tokenizer


def _find_tokenizer(fv, place, found):
    """Returns the tokenizer of flags, else the one found with the weights."""
    if not fv.spm_model_file:
        if found is None:
            raise UserError(
                f"{place or 'a new model'} comes without a tokenizer: give "
                "its SentencePiece model with --spm_model_file"
            )
        if fv.do_lower_case not in (None, found.lower_case):
            raise UserError(
                f"--do_lower_case is {fv.do_lower_case}, but that of "
                f"{place} is {found.lower_case}: leave the flag out"
            )
        return found
    # What no flag says is as the weights have it.
    settings = {}
    if found:
        settings = {
            "lower_case": found.lower_case,
            "digit_comma": found.digit_comma,
        }
    if fv.do_lower_case is not None:
        settings["lower_case"] = fv.do_lower_case
    tokenizer = Tokenizer(fv.spm_model_file, **settings)
    if found and found.pieces != tokenizer.pieces:
        raise UserError(
            f"--spm_model_file {fv.spm_model_file} has other pieces than the "
            f"tokenizer of {place}: leave the flag out"
        )
    return tokenizer


def load_initial(model, path, fresh):
    """Sets the first weights, and says what comes from where.

    Args:
      model: of a task.
      path: what --init_checkpoint names, or None for random weights.
      fresh: tuple of str, the heads that start anew.

    Raises:
      UserError: the weights do not fit the encoder.
    """
    if not path:
        logging.warning(
            "no --init_checkpoint: all weights of this model are random"
        )
        return
    report = load_weights(model, path, fresh=fresh)
    logging.info(
        "%d weights loaded from %s; new: %s; not used: %s",
        len(report.loaded),
        report.source,
        ", ".join(report.fresh) or "none",
        ", ".join(report.unused) or "none",
    )


def finetune(
    directory,
    model,
    objective,
    strategy,
    options,
    *,
    tokenizer,
    task,
    data,
    init_checkpoint,
    fresh,
    evaluate,
    best_metric,
    evaluated_on="",
):
    """Trains a model of a task in a directory of its own.

    Args:
      directory, model, objective, strategy, options, tokenizer: as in
        ``training_run.train``, where what is raised is described too.
      task: dict, what ``model_directory.read_task`` will return; a continued
        run must repeat it, like ``options``.
      data: with ``num_examples``, ``fingerprint``, ``training_batches`` and
        ``locate_damage`` as ``task_data.TextData`` has them.
      init_checkpoint: str, the first weights, or None for random ones; not
        read where a checkpoint is continued from.
      fresh: tuple of str, the heads that start anew.
      evaluate: function of a ``TrainingLoop`` to a dict of metrics, or None.
      best_metric: str, the metric whose largest value marks the best weights.
      evaluated_on: str, what tells the evaluation's data from others.

    Returns:
      ``TrainingLoop`` of the model with its last weights.
    """
    loop, _ = training_run.train(
        directory,
        model,
        objective,
        strategy,
        options,
        settings={
            **task,
            "init_checkpoint": init_checkpoint,
            "training_data": f"{data.num_examples} examples, "
            f"{data.fingerprint}",
        },
        tokenizer=tokenizer,
        make_dataset=lambda start: data.training_batches(
            options.train_batch_size,
            seed=options.seed,
            num_steps=options.num_train_steps,
            start_example=start,
            bucket_by_length=options.bucket_by_length,
        ),
        load_initial=lambda _: load_initial(model, init_checkpoint, fresh),
        evaluate=evaluate,
        best_metric=best_metric,
        evaluated_on=evaluated_on,
        task=task,
        explain_data_error=data.locate_damage,
    )
    return loop
