# SPDX-License-Identifier: Apache-2.0
"""Commands that are written of the flags that were given."""

import shlex

import pytest
from absl import flags

from albert import flag_commands
from albert.flag_groups import FlagGroup


def define():
    fv = flags.FlagValues()
    group = FlagGroup(fv, "Training")
    group.path("data_dir", None, "Folder.")
    group.path("output_dir", None, "Folder.")
    group.path("init_checkpoint", None, "Weights.")
    group.boolean("do_train", False, "Train.")
    group.boolean("shuffle", True, "Shuffle.")
    group.integer("steps", 7, "Steps.", lower_bound=1, upper_bound=99)
    group.real("rate", 0.5, "Rate.", lower_bound=0.0, upper_bound=9.0)
    group.names("labels", None, "Labels.")
    group.alias("train_step", "steps")
    return fv


GIVEN = [
    "--data_dir=my data",
    "--do_train",
    "--noshuffle",
    "--train_step=3",
    "--rate=1e-05",
    "--labels=a b,c:2",
    "--output_dir=out",
]


def test_the_command_says_what_was_given_and_what_is_changed():
    fv = define()
    fv(["program", *GIVEN])
    command = flag_commands.write_command(
        "albert classify", fv, output_dir="out-2", init_checkpoint="my out"
    )
    program, name, *given = shlex.split(command)
    assert (program, name) == ("albert", "classify")
    assert len(given) == len(set(given)) == 8
    again = define()
    again(["program", *given])
    changed = {"output_dir": "out-2", "init_checkpoint": "my out"}
    assert again.flag_values_dict() == fv.flag_values_dict() | changed
    assert "'--data_dir=my data'" in command and "--steps=3" in command


@pytest.mark.parametrize("given", GIVEN)
def test_the_text_of_a_value_is_parsed_to_it(given):
    fv = define()
    fv(["program", given])
    (flag,) = [
        fv[name] for name in fv if fv[name].present and "_step" not in name
    ]
    text = flag_commands.text_of(flag, flag.value)
    assert flag.parser.parse(text) == flag.value


def test_flags_are_left_out_by_the_names_that_aliases_stand_for():
    fv = define()
    fv(["program", *GIVEN])
    command = flag_commands.write_command(
        "x", fv, without=("steps", "shuffle", "init_checkpoint")
    )
    for name in ("step", "shuffle", "init_checkpoint"):
        assert name not in command
    assert "--rate=1e-05" in command


def test_a_directory_that_is_not_there(tmp_path):
    out = tmp_path / "out"
    assert flag_commands.find_free_directory(f"{out}/") == f"{out}-2"
    (tmp_path / "out-2").mkdir()
    (tmp_path / "out-3").symlink_to("nowhere")
    assert flag_commands.find_free_directory(out) == f"{out}-4"
