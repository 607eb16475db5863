# SPDX-License-Identifier: Apache-2.0
"""Results that are there already are looked at before any work is done."""

import pytest

# What is damaged, and a command whose data are no data.
COMMANDS = {
    "run_pretraining.py": (
        "eval_results.json",
        ["--input_file={empty}"],
    ),
    "run_classifier.py": (
        "run_2/test_results.json",
        ["--task_name=tsv", "--train_file={empty}", "--num_runs=2"],
    ),
    "run_squad.py": ("predict_questions.json", ["--train_file={empty}"]),
}


@pytest.mark.parametrize("recipe", COMMANDS)
def test_damaged_results(
    recipe, tmp_path, run_command, contents, assert_refused
):
    name, arguments = COMMANDS[recipe]
    (tmp_path / "empty").touch()
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text('{"data": 5, "loss": 3.5}')
    before = contents(tmp_path)
    outcome = run_command(
        recipe,
        f"--output_dir={tmp_path}/out",
        "--model_size=tiny",
        "--do_train",
        *(each.format(empty=tmp_path / "empty") for each in arguments),
    )
    assert_refused(*outcome, [f"{path}: data: ", "restore it"])
    assert contents(tmp_path) == before
