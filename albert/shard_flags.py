# SPDX-License-Identifier: Apache-2.0
"""Defines and checks the flags of work that many machines share."""

from absl import logging

from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.paths import read_paths
from albert.records import corpus_shards


def define_shard_flags(fv):
    """Defines the flags of which part of the work a command does."""
    machines = FlagGroup(fv, "Machines")
    machines.string(
        "shard",
        None,
        "Part of the work, for many machines: 3/64 makes shard 3 (from 0) of "
        "64, of some of the files of text; all/64 makes those that are "
        "missing, and then, as merge/64 does, the JSON of the whole set.",
    )
    machines.string(
        "runner",
        None,
        "With --shard=all/64: make the shards with Apache Beam (needs pip "
        "install 'albert-keras[beam]'): DirectRunner, FlinkRunner, SparkRunner "
        "or DataflowRunner. Text and records may be on its file systems.",
    )
    machines.names(
        "pipeline_options",
        None,
        "Options of Beam and its runner, such as direct_num_workers=4,"
        "direct_running_mode=multi_processing.",
    )


def find_shard(fv):
    """Returns which shards the command makes, and of how many.

    Args:
      fv: values of flags.

    Returns:
      (int, "all" or "merge", int); (None, None) without --shard.

    Raises:
      UserError: flags that do not go together.
    """
    if not fv.runner:
        for name in ("input_file", "output_file"):
            try:
                read_paths(fv[name].value)
            except ValueError as error:
                raise UserError(
                    f"--{name}={fv[name].value}: {error}; or give a --runner, "
                    "which reads and writes such addresses"
                ) from None
    if fv.pipeline_options and not fv.runner:
        raise UserError("--pipeline_options are those of a --runner: give one")
    if not fv.shard:
        if fv.runner:
            raise UserError(
                "--runner makes shards: say of how many, as in --shard=all/64"
            )
        return None, None
    which, number = corpus_shards.parse_shard_flag(fv.shard)
    if fv.runner and which != corpus_shards.ALL:
        raise UserError(
            f"--runner makes all shards that are missing: give --shard="
            f"{corpus_shards.ALL}/{number}, not {fv.shard}"
        )
    if fv.runner and fv.num_workers:
        raise UserError(
            "--num_workers are those of this machine, and --runner starts its "
            "own: see --pipeline_options"
        )
    if fv.num_shards not in (1, number):
        raise UserError(
            f"--num_shards={fv.num_shards}: with --shard={fv.shard} there are "
            f"{number} files: leave it out"
        )
    if fv.left_out_file and which in (corpus_shards.ALL, corpus_shards.MERGE):
        raise UserError(
            f"--left_out_file with --shard={fv.shard} would not list what "
            "earlier commands left out: give each shard's command one"
        )
    if fv.duplicates != "keep":
        logging.warning(
            "--duplicates=%s: they are found inside each of the %d shards, "
            "not between them",
            fv.duplicates,
            number,
        )
    return which, number
