# SPDX-License-Identifier: Apache-2.0
"""Predicts labels, tags or answers for any number of rows.

The model is what `albert classify` or `albert squad` wrote, or a fine-tuned
one of another format; rows hold what it was trained on:

    albert predict demo/classifier --input_file=reviews.tsv \\
        --text_column=review --output_file=predictions.tsv

Rows are read and written as they come, so that the memory does not grow with
their number; through pipes too:

    zcat reviews.jsonl.gz | albert predict demo/classifier \\
        --input_format=jsonl | gzip > predictions.jsonl.gz
"""

import itertools

from albert import command_line
from albert import heads
from albert import inputs
from albert.errors import UserError
from albert.export import engine_directory
from albert.export import engine_flags
from albert.interchange import task_description
from albert.prediction import prediction_flags
from albert.prediction import row_output
from albert.prediction.row_kinds import ROW_KINDS
from albert.prediction.row_kinds import read_windows
from albert.progress import show_progress
from albert.streamed_outputs import check_output
from albert.streamed_outputs import open_output
from albert.tasks.bad_rows import BadRows

POSITIONAL = ("MODEL",)

define_flags = prediction_flags.define_flags


def main(fv, model):
    """Writes a prediction for each row, in the order of the rows.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
      model: str, weights with a head of a task, in any format.
    """
    # ------------------------------------- what is read and what is written
    exported = engine_directory.find(model)
    engine = engine_flags.find_engine(fv, model, exported)
    description = exported.task if exported else task_description.read(model)
    label_type = find_label_type(model, description, exported)
    prediction_flags.check_flags(fv, label_type, engine)
    rows = prediction_flags.find_rows(fv, label_type)
    inputs.open_file(rows.path, allow_pipe=True).close()
    destination = prediction_flags.find_destination(fv)
    if destination:
        check_output(
            destination, "--output_file", fv.overwrite, rows.path, model
        )
    form = prediction_flags.find_output_form(fv, rows.form, label_type)

    bad_rows = BadRows(rows.path, fv.skip_bad_rows)
    kind = ROW_KINDS[label_type](prediction_flags.columns(fv), description)
    windows = read_windows(rows.read(bad_rows), kind, bad_rows)
    # Rows are read before TensorFlow, so that bad ones answer at once.
    first = next(windows, None)
    if first is None:
        bad_rows.report(0)
        raise UserError(
            f"{rows.path}: no rows that can be used: give a file with rows"
        )

    # -------------------------------------------------------------- the model
    predictor = load_predictor(fv, model, kind, engine)

    # ------------------------------------------------------- the predictions
    with (
        open_output(destination, "--output_file", fv.overwrite) as stream,
        show_progress("predicting", unit="rows", with_rate=True) as advance,
    ):
        row_output.WRITERS[form](
            stream,
            predict(predictor, itertools.chain([first], windows), advance),
        )
        # Here, so that no file is left where most rows are bad.
        bad_rows.report(predictor.counts.rows)
    predictor.counts.warn(rows.path, predictor.max_seq_length)
    if destination:
        print(f"\nModel: {model}\nWritten: {destination}")


def predict(predictor, windows, advance):
    """Yields the predictions of windows, as ``RowPredictor.predict`` does."""
    for ids, examples in windows:
        yield predictor.predict(ids, examples)
        advance(len(ids))


def find_label_type(model, description, exported=None):
    """Returns the type of the labels that a model predicts: str.

    Args:
      model: str, the weights.
      description: dict, what they say of their task.
      exported: ``EngineDirectory`` at that place, or None.

    Raises:
      UserError: they have no head that predicts rows.
    """
    kind = description.get("kind")
    if exported:
        head = exported.head
    elif kind:
        head = heads.find(task_kind=kind)[0]
    else:
        # Nothing but the weights tells it.
        command_line.load_tensorflow()
        from albert.interchange.starting_point import open_starting_point

        head = open_starting_point(model).head
    label_type = heads.HEADS[head].label_type
    if label_type == "text":
        raise UserError(
            f"{model} writes texts: predict with `albert translate "
            f"--do_predict --output_dir={model}`"
        )
    if label_type not in ROW_KINDS:
        raise UserError(
            f"{model} has no head of a task: fine-tune it first, for example "
            "with `albert classify`"
        )
    return label_type


def load_predictor(fv, model, kind, engine=None):
    """Loads a model; returns its ``RowPredictor``.

    Args:
      fv: values of the flags.
      model: str, the weights.
      kind: ``RowKind``.
      engine: str, what computes it, or None for TensorFlow.
    """
    command_line.load_tensorflow()
    from albert.export import engine_models
    from albert.export import source_models
    from albert.prediction.row_predictions import make_predictor
    from albert.training import distribution
    from albert.training import options
    from albert.training.inference_loop import InferenceLoop

    strategy = distribution.start(fv.eval_batch_size, name="one_device")
    if engine:
        source = engine_models.load(
            model,
            engine,
            quantization=fv.quantization,
            max_seq_length=fv.max_seq_length,
            dtype=fv.dtype,
        )
    else:
        with strategy.scope():
            source = source_models.load(
                model,
                max_seq_length=fv.max_seq_length,
                dtype=options.DTYPE_POLICIES[fv.dtype],
            )
    loop = InferenceLoop(
        source.model,
        None,
        strategy,
        jit_compile=fv.jit_compile,
    )
    return make_predictor(
        loop,
        source,
        kind,
        fv.eval_batch_size,
        shapes="few" if fv.jit_compile else "many",
        threshold=fv.null_score_diff_threshold,
    )


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
