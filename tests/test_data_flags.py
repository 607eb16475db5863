# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/data_flags.py."""

import inspect

import pytest
from absl import flags

from albert import data_flags
from albert.errors import UserError
from albert.tasks import selection

# A value of each flag, and a task that takes it.
SETTINGS = {
    "text_column": ("tsv", "sentence"),
    "text_b_column": ("tsv", "other"),
    "label_column": ("tsv", "class"),
    "id_column": ("tsv", "key"),
    "option_columns": ("multiple-choice", ["a", "b"]),
    "delimiter": ("tsv", ";"),
    "quoting": ("tsv", "csv"),
    "tag_scheme": ("ner", "IOB1"),
    "labels": ("tsv", ["a", "b"]),
    "regression": ("tsv", True),
    "multi_label": ("tsv", True),
    # Those of several labels alone are refused.
    "label_separator": ("tsv", ";", {"multi_label": True}),
    "label_columns": ("tsv", ["a", "b"], {"multi_label": True}),
    "high_only": ("race", True),
    "middle_only": ("race", True),
}


def parse(**values):
    fv = flags.FlagValues()
    data_flags.define_task_flags(fv)
    fv(["albert"])
    for name, value in values.items():
        fv[name].value = value
    return fv


def test_every_setting_of_a_task_is_tried():
    parameters = inspect.signature(selection.get_task).parameters
    assert set(SETTINGS) == set(parameters) - {"name"}


@pytest.mark.parametrize("flag", SETTINGS)
def test_flags_change_the_task(flag):
    name, value, *others = SETTINGS[flag]
    others = others[0] if others else {}
    given = {**others, flag: value}
    task = data_flags.get_task(parse(task_name=name, **given))
    assert task == selection.get_task(name, **given)
    assert task != data_flags.get_task(parse(task_name=name, **others))


def test_names_of_tagging():
    fv = flags.FlagValues()
    data_flags.define_task_flags(fv)
    given = ["--task_name=ner", "--token_column=form", "--tag_column=UPOS"]
    fv(["albert", *given, "--tag_scheme=iob2"])
    assert data_flags.get_task(fv) == selection.get_task(
        "ner", text_column="form", label_column="UPOS", tag_scheme="IOB2"
    )


def test_no_such_task():
    with pytest.raises(UserError, match="--task_name yelp: no such task"):
        data_flags.get_task(parse(task_name="yelp"))


def test_files_that_are_trained_and_measured_on(tmp_path, caplog):
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "b")
    fv = flags.FlagValues()
    flags.DEFINE_string("train_file", f"{tmp_path}/a,{tmp_path}/b", "", fv)
    flags.DEFINE_string("eval_file", None, "", fv)
    fv(["albert"])
    names = fv, "train_file", "eval_file"
    for given in (None, f"{tmp_path}/c"):
        fv.eval_file = given
        data_flags.refuse_shared_files(*names)
    fv.eval_file = f"{tmp_path}/c,{tmp_path}/link"
    told = f"{tmp_path}/link: --eval_file is of --train_file too"
    with pytest.raises(UserError, match=f"^{told}: .* give other records"):
        data_flags.refuse_shared_files(*names)
    assert not caplog.messages
    fv.eval_file = f"{tmp_path}/a,{tmp_path}/c,{tmp_path}/link"
    data_flags.warn_of_shared_files(*names)
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path}/a and 1 more: --eval_file is of")
