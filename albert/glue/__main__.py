# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes for all tasks of GLUE, with a table and the server's archive.

    albert glue --data_dir=glue_data --init_checkpoint=albert_base_v2.tar.gz \\
        --output_dir=glue --num_seeds=5

Each task is trained with the paper's settings by `albert classify`, in a
process of its own; MRPC, RTE and STS-B start from the model of MNLI, as in the
paper. Flags of training override the settings of all tasks. The same command
continues after an interruption.
"""

import os

from absl import flags as absl_flags
from absl import logging

from albert import classification_flags
from albert import command_line
from albert import device_flags
from albert import finetuning_flags
from albert import flag_commands
from albert import flag_parsers
from albert import flag_spelling
from albert import flags
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.glue import benchmark
from albert.glue import finished_tasks
from albert.glue import planning
from albert.glue import results as glue_results
from albert.glue import submission
from albert.interchange import weight_paths

RESULTS_FILE = "glue_results.json"
TABLE_FILE = "glue_results.md"
_FLAG = "--output_dir"

# What this command says itself to each run, or is of no use to one.
_OWN = {
    *("data_dir", "tasks", "allow_missing", "from_mnli", "mnli_checkpoint"),
    *("do_predict", "num_seeds", "seeds", "seed", "output_dir"),
    "init_checkpoint",
}
# What is about the pretrained model, and not about that of MNLI.
_OF_START = {
    *("albert_config_file", "model_size", "init_layers_from"),
    *("spm_model_file", "vocab_file", "do_lower_case", "strip_accents"),
}
# What `albert classify` refuses without --do_train.
_OF_TRAINING = {"early_stopping_patience", "freeze"}


def define_flags(fv):
    """Defines the command's flags, and those of `albert classify`."""
    tasks = flags.FlagGroup(fv, "Tasks")
    tasks.path(
        "data_dir", None, "Folder of GLUE's folders (CoLA, SST-2, …). Required."
    )
    names = ", ".join(entry.name for entry in benchmark.BENCHMARK)
    tasks.names(
        "tasks",
        None,
        f"Those to do, of {names}. Default: all; ax is asked of "
        "the model of mnli.",
    )
    tasks.boolean(
        "allow_missing",
        False,
        "Leave out tasks whose folder is not there, instead of stopping.",
    )
    tasks.boolean(
        "skip_bad_rows",
        False,
        "Leave out rows that cannot be used, and count them, instead of "
        "stopping at the first.",
    )
    finetuning_flags.define(fv, has_modes=False)
    model = flags.FlagGroup(fv, "Model")
    model.boolean(
        "from_mnli",
        True,
        "Start mrpc, rte and sts-b from the model of mnli with the same seed.",
    )
    model.model(
        "mnli_checkpoint",
        None,
        "A model of mnli to start these from, and to ask ax of, instead of "
        "those that are trained here.",
    )
    training = flags.FlagGroup(fv, "Training")
    training.integer(
        "num_seeds",
        None,
        "Train each task so often, with the seeds --seed, --seed + 1, …, and "
        "report the medians. Default: 1.",
        lower_bound=1,
        upper_bound=1000,
    )
    training.names("seeds", None, "The seeds themselves, instead.")
    flags.FlagGroup(fv, "Predictions").boolean(
        "do_predict",
        True,
        "Predict the test sets with the best model of each task, and pack them "
        "for GLUE's server.",
    )
    device_flags.define_device_flags(fv)


def main(fv):
    """Makes the runs that are left, then the table and the archive.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    check_flags(fv)
    outputs.check_directory(fv.output_dir, _FLAG)
    plan = make_plan(fv)
    entries, left_out = find_tasks(fv, plan)
    check_runs(fv, plan, entries)
    for entry in entries:
        counts = planning.check_data(
            entry, fv.data_dir, fv.skip_bad_rows, fv.do_predict
        )
        logging.info(
            "%s: %s",
            entry.name,
            ", ".join(f"{count:,} {split}" for split, count in counts.items()),
        )

    # ------------------------------------------- task by task, seed by seed
    found, predictions = {}, {}
    for note in finished_tasks.describe_other_mnli(plan, entries):
        logging.warning("%s", note)
    for entry in benchmark.in_order_of_work(entries):
        if entry.is_trained:
            for seed in plan.seeds:
                make(plan.training(entry, seed))
            found[entry.name] = finished_tasks.collect_trained(plan, entry)
            best = found[entry.name].best
        elif plan.needs_mnli(entry):
            mnli = benchmark.find(entry.starts_from)
            best = finished_tasks.collect_trained(plan, mnli).best
        else:
            best = plan.seeds[0]
        run = plan.predictions(entry, best, fv.do_predict)
        if run is not None:
            make(run)
            if fv.do_predict:
                predictions[entry.name] = run.directory
            if not entry.is_trained and (
                asked := finished_tasks.collect_asked(entry, best, run)
            ):
                found[entry.name] = asked
        write_results(plan, entries, found, left_out, fv.do_predict)

    # ------------------------------------------------------------- summary
    table, written, of_others = write_results(
        plan, entries, found, left_out, fv.do_predict
    )
    print(f"\n{table}")
    if fv.do_predict:
        path, faults = submission.write(fv.output_dir, predictions | of_others)
        written.append(path)
        if faults:
            logging.warning(
                "GLUE's server will refuse %s: %s", path, "; ".join(faults)
            )
    for path in written:
        print(f"Written: {path}")


def check_runs(fv, plan, entries):
    """Refuses flags that `albert classify` will refuse, before the first run.

    Raises:
      UserError: as of ``classification_flags.check_flags``.
    """
    for entry in entries:
        runs = [plan.predictions(entry, plan.seeds[0], fv.do_predict)]
        if entry.is_trained:
            runs.append(plan.training(entry, plan.seeds[0]))
        for run in filter(None, runs):
            parsed = absl_flags.FlagValues()
            classification_flags.define_flags(parsed)
            parsed(["classify", *run.arguments])
            classification_flags.check_flags(parsed)


def make(run):
    """Makes a run that has not finished yet."""
    if run.finished.is_there():
        print(f"---- {run.title}: finished before: {run.directory}")
        return
    print(f"---- {run.title}: {run.command_line()}")
    run.make()


def write_results(plan, entries, found, left_out, with_test):
    """Writes the results of all tasks that are done, now or before.

    Returns:
      (table, paths, predictions): the table as a text, the files, and dict
      from the name of a task that was done before to the directory of its
      predictions.
    """
    others, predictions, reasons = finished_tasks.find_others(
        plan, entries, found, with_test
    )
    found, left_out = found | others, left_out | reasons
    entries = [
        entry
        for entry in benchmark.BENCHMARK
        if entry in entries or entry.name in found
    ]
    results = [found[entry.name] for entry in entries if entry.name in found]
    if not results:  # The diagnostics alone, without their labels.
        return "No results: predictions alone.\n", [], predictions
    width = model_directory.read_config(results[0].model).hidden_size
    published = benchmark.nearest_published(width)
    waiting = {
        entry.name: "not done yet"
        for entry in entries
        if entry.name not in found and entry.is_trained
    }
    absent = {
        name: reason
        for name, reason in (left_out | waiting).items()
        if name not in found
    }
    notes = finished_tasks.describe_other_mnli(plan, entries)
    table = glue_results.format_table(
        results, published, width, plan.changes(), absent, notes
    )
    content = glue_results.to_json(
        results, published, width, plan.changes(), notes
    )
    path = os.path.join(plan.output_dir, RESULTS_FILE)
    files = {
        TABLE_FILE: table.encode(),
        RESULTS_FILE: outputs.json_bytes(content),
    }
    outputs.write_files(path, files, _FLAG)
    paths = [os.path.join(plan.output_dir, name) for name in files]
    return table, paths, predictions


def make_plan(fv):
    """Returns the ``Plan`` that the flags say."""

    def given(names):
        return tuple(
            f"--{name}={flag_commands.text_of(fv[name], fv[name].value)}"
            for name in names
            if fv[name].value != fv[name].default
            and not flag_spelling.ALIAS.fullmatch(fv[name].help)
        )

    classify = [name for name in own_flags(fv) if name not in _OWN]
    return planning.Plan(
        data_dir=fv.data_dir,
        output_dir=fv.output_dir,
        seeds=find_seeds(fv),
        init_checkpoint=fv.init_checkpoint,
        mnli_checkpoint=fv.mnli_checkpoint,
        from_mnli=fv.from_mnli,
        start_flags=given(n for n in classify if n in _OF_START),
        training_flags=given(n for n in classify if n in _OF_TRAINING),
        flags=given(n for n in classify if n not in _OF_START | _OF_TRAINING),
    )


def own_flags(fv):
    """Returns the names of the flags that ``define_flags`` defines, sorted."""
    defined = absl_flags.FlagValues()
    define_flags(defined)
    return sorted(defined)


def find_tasks(fv, plan):
    """Finds the tasks that are done, and says which are not.

    Returns:
      (entries, left_out): list of ``Entry``, and dict from the name of a task
      to why it is left out.

    Raises:
      UserError: folders are missing, or a model of MNLI.
    """
    entries = planning.find_entries(fv.tasks)
    missing = planning.find_missing(entries, fv.data_dir)
    if missing and not fv.allow_missing:
        raise UserError(
            f"{fv.data_dir}: no folder "
            f"{', '.join(entry.task.folder for entry in missing)} in it, for "
            f"{', '.join(entry.name for entry in missing)}: put it there, "
            "choose others with --tasks, or leave such tasks out with "
            "--allow_missing"
        )
    left_out = {
        entry.name: "not among --tasks"
        for entry in benchmark.BENCHMARK
        if entry not in entries
    } | {entry.name: "no folder" for entry in missing}
    entries = [entry for entry in entries if entry not in missing]
    without = find_without_mnli(entries, plan)
    if any(entry.is_trained or fv.tasks for entry in without):
        raise UserError(
            f"{', '.join(entry.name for entry in without)} start from a model "
            "of mnli, or are asked of one, and none is trained here: add mnli "
            "to --tasks and its folder to --data_dir, give a model with "
            "--mnli_checkpoint, or start from the pretrained model with "
            "--nofrom_mnli"
        )
    left_out |= {entry.name: "needs a model of mnli" for entry in without}
    entries = [entry for entry in entries if entry not in without]
    if not any(entry.is_trained or plan.needs_mnli(entry) for entry in entries):
        raise UserError(
            "no task is left to do: give others as --tasks (`albert "
            "classify --task_name=ax` asks the diagnostics of a model)"
        )
    for name, reason in left_out.items():
        logging.info("%s is left out: %s", name, reason)
    return entries, left_out


def find_without_mnli(entries, plan):
    """Returns the entries that need a model of MNLI which there will not be."""
    mnli = benchmark.find(planning.MNLI)
    if mnli in entries or all(
        # Of an earlier command.
        os.path.exists(plan.training(mnli, seed).results_path)
        for seed in plan.seeds
    ):
        return []
    return [entry for entry in entries if plan.needs_mnli(entry)]


def find_seeds(fv):
    """Returns the seeds that the flags say: list of int.

    Raises:
      UserError: one is no seed or comes twice, or they are said in two ways.
    """
    if fv.seeds is None:
        first, number = fv.seed, fv.num_seeds or 1
        last = first + number - 1
        if last > flag_parsers.LARGEST_SEED:
            raise UserError(
                f"--seed={first} with --num_seeds={number} ends with the seed "
                f"{last}: the largest is {flag_parsers.LARGEST_SEED}, so give "
                "a smaller --seed"
            )
        return list(range(first, last + 1))
    if fv.num_seeds is not None or fv.seed != fv["seed"].default:
        raise UserError(
            "--seeds says all seeds: leave out --num_seeds and --seed"
        )
    parser = flag_parsers.IntegerParser(0, flag_parsers.LARGEST_SEED)
    seeds = []
    for text in fv.seeds:
        try:
            seed = parser.parse(text)
        except ValueError as error:
            raise UserError(f"--seeds: {text[:40]}: {error}") from None
        if seed in seeds:
            raise UserError(f"--seeds: {seed} comes twice: name it once")
        seeds.append(seed)
    return seeds


def check_flags(fv):
    """Refuses flags that do not work together."""
    flags.require(fv, "data_dir", "output_dir")
    flags.refuse_both(fv, "albert_config_file", "model_size")
    flags.refuse_both(fv, "num_train_steps", "num_train_epochs")
    if not (fv.init_checkpoint or fv.albert_config_file or fv.model_size):
        raise UserError(
            "--init_checkpoint is required (or --albert_config_file or "
            "--model_size, to start from random weights); see --help"
        )
    if fv.init_checkpoint:
        weight_paths.find_weights(fv.init_checkpoint)
    if fv.mnli_checkpoint:
        weight_paths.find_weights(fv.mnli_checkpoint)
    if fv.distribution_strategy not in ("one_device", "mirrored"):
        raise UserError(
            f"--distribution_strategy={fv.distribution_strategy}: this command "
            "starts its runs on one machine: use one_device or mirrored, or "
            "`albert classify` for each task"
        )


if __name__ == "__main__":
    command_line.run(main, define_flags)
