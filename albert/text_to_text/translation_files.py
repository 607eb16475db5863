# SPDX-License-Identifier: Apache-2.0
"""Finds and checks the files that ``albert translate`` reads and writes."""

import glob
import os

from albert import data_flags
from albert import inputs
from albert import model_directory
from albert import outputs
from albert import vocabulary_flags
from albert.errors import UserError
from albert.text_to_text.parallel_text import PairTable
from albert.text_to_text.parallel_text import ParallelFiles
from albert.training import curves
from albert.training import model_card

# How the flags of files name the standard input or output.
_STANDARD_STREAM = "-"

# What an evaluation writes into the run's directory: texts, and a table.
PREDICTION_FILES = ("dev_predictions.txt", "dev_predictions.tsv")
# What a run writes into its directory besides the model.
_OF_THE_DIRECTORY = (
    model_card.CARD_FILE,
    curves.RUN_PICTURE,
    *PREDICTION_FILES,
)
# The modes that read pairs, each with the beginning of its flags.
_SPLITS = {"train": ("do_train", ""), "dev": ("do_eval", "eval_")}


def check_inputs(fv):
    """Refuses texts that are missing, given twice, or cannot be opened."""
    for mode, prefix in _SPLITS.values():
        if fv[mode].value:
            _check_texts(fv, mode, prefix)
    if fv.do_train and fv.do_eval:
        for name in ("input_file", "source_file"):
            data_flags.warn_of_shared_files(fv, name, f"eval_{name}")
    if fv.do_predict:
        inputs.open_file(find_streams(fv)[0], allow_pipe=True).close()


def check_outputs(fv):
    """Refuses files that cannot be written, or may not be replaced.

    Raises:
      UserError: they are read too, are of the model, are the same, or exist.
    """
    paths = {"attention_plot": fv.attention_plot}
    if fv.do_predict:
        _, paths["output_file"] = find_streams(fv)
        others = fv.do_train or fv.do_eval or fv.attention_plot
        if others and not paths["output_file"]:
            raise UserError(
                "--output_file is required for --do_predict together with "
                "anything else, which prints to the standard output too"
            )
    taken = _find_read(fv) + model_directory.find_files(fv.output_dir)
    taken += [os.path.join(fv.output_dir, name) for name in _OF_THE_DIRECTORY]
    for name, path in paths.items():
        if not path:
            continue
        outputs.check_file(path, f"--{name}", taken)
        if os.path.realpath(path) in map(os.path.realpath, taken):
            raise UserError(
                f"{path} is for another file of this command: choose another "
                f"--{name}"
            )
        if os.path.lexists(path) and not fv.overwrite:
            raise UserError(
                f"{path} exists: choose another --{name} or give --overwrite"
            )
        taken.append(path)


def _find_read(fv):
    """Returns the paths of all files that the command reads: list of str."""
    paths = [fv.albert_config_file, vocabulary_flags.vocabulary_file(fv)]
    if fv.init_checkpoint:
        # What is there of one file, a prefix or a directory.
        paths += [fv.init_checkpoint]
        paths += glob.glob(f"{glob.escape(fv.init_checkpoint)}.*")
        paths += glob.glob(os.path.join(glob.escape(fv.init_checkpoint), "*"))
    for mode, prefix in _SPLITS.values():
        if fv[mode].value:
            paths += _texts(fv, prefix)
    if fv.do_predict:
        paths.append(find_streams(fv)[0])
    return list(filter(None, paths))


def _texts(fv, prefix):
    """Returns what is given as a table, sources and targets: list of str."""
    names = ("input_file", "source_file", "target_file")
    return [fv[f"{prefix}{name}"].value for name in names]


def _check_texts(fv, mode, prefix):
    """Refuses texts of a mode that are missing, or given twice."""
    table, *files = _texts(fv, prefix)
    if table and any(files):
        raise UserError(
            f"--{prefix}input_file is a table of both sides: leave out "
            f"--{prefix}source_file and --{prefix}target_file"
        )
    if not (table or all(files)):
        raise UserError(
            f"--{mode} needs --{prefix}source_file and --{prefix}target_file, "
            f"or --{prefix}input_file with both; see --help"
        )
    for path in filter(None, (table, *files)):
        inputs.open_file(path, allow_pipe=True).close()


def find_streams(fv):
    """Returns what is read and written to predict.

    Returns:
      (str, str or None): a path, that of the standard input by default; a
      path, or None for the standard output.
    """
    source, destination = (
        None if value == _STANDARD_STREAM else value
        for value in (fv.predict_file, fv.output_file)
    )
    return source or "/dev/stdin", destination


def find_pairs(fv):
    """Returns the pairs of each split that the modes need.

    Returns:
      dict from "train" and "dev" to ``ParallelFiles`` or ``PairTable``.
    """
    pairs = {}
    for split, (mode, prefix) in _SPLITS.items():
        if not fv[mode].value:
            continue
        table, *files = _texts(fv, prefix)
        if table:
            pairs[split] = PairTable(table, fv.source_column, fv.target_column)
        else:
            pairs[split] = ParallelFiles(*files)
    return pairs
