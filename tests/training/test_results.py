# SPDX-License-Identifier: Apache-2.0
"""What is printed when a run is done."""

from albert.training import results
from albert.training.monitoring import WordFrequencyBaseline


def test_printed_evaluation_and_commands(capsys):
    results.print_evaluation(
        {"masked_lm_loss": 3.5, "sentence_order_accuracy": 0.75},
        WordFrequencyBaseline(loss=5.25, accuracy=0.0625).metrics(),
        "word frequency",
    )
    results.print_next_commands("my model")
    header, loss, order, *commands = capsys.readouterr().out.splitlines()
    assert header.split() == ["evaluation", "model", "word", "frequency"]
    assert loss.split() == ["masked_lm_loss", "3.5000", "5.2500"]
    assert order.split() == ["sentence_order_accuracy", "0.7500", "0.5000"]
    assert "albert fill-mask 'my model' " in commands[1]
    assert "'my model/tensorboard'" in commands[2]


def test_labels_have_a_table_of_their_own(capsys):
    results.print_evaluation(
        {
            "accuracy": 0.5,
            "entity_f1": 0.75,
            "precision_not ok": 0.125,
            "recall_not ok": 0.25,
            "f1_not ok": 0.375,
            "entity_precision_PER": 0.0625,
            "entity_recall_PER": 1.0,
            "entity_f1_PER": 0.4375,
        },
        {},
        "",
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["evaluation", "model"],
        ["accuracy", "0.5000"],
        ["entity_f1", "0.7500"],
        [],
        ["label", "precision", "recall", "f1"],
        ["not", "ok", "0.1250", "0.2500", "0.3750"],
        ["PER", "0.0625", "1.0000", "0.4375"],
    ]
    assert len({len(line) for line in lines[4:]}) == 1


class Evaluation:
    best_metric = "accuracy"
    baseline = {"accuracy": 0.25}
    tune_thresholds = False


def test_runs_are_summarized_by_their_medians(capsys):
    outcomes = [
        ({"accuracy": 0.5, "loss": 3.0}, None),
        ({"accuracy": 0.75, "loss": 1.0}, None),
        ({"accuracy": 0.625, "loss": 7.0}, None),
    ]
    results.print_runs(Evaluation(), outcomes, "unused")
    printed = capsys.readouterr().out
    assert "accuracy of 3 runs: 0.5000, 0.7500, 0.6250\nMedians:" in printed
    assert "0.6250            0.2500" in printed
    assert "loss" in printed and "3.0000" in printed


def test_one_run(capsys):
    results.print_runs(Evaluation(), [({"accuracy": 0.5}, None)], "a/best")
    assert "Evaluation of a/best:" in capsys.readouterr().out


def test_thresholds_are_said_to_be_tuned(capsys):
    scores = {"exact": 50.0, "f1": 60.0}
    results.print_answer_scores(scores, {})
    assert "tuned" not in capsys.readouterr().out
    results.print_answer_scores(
        scores
        | {
            "best_exact": 51.0,
            "best_exact_thresh": 0.20065151154994962,
            "best_f1": 61.0,
            "best_f1_thresh": -0.25,
        },
        {"f1": 40.0},
    )
    printed = capsys.readouterr().out
    assert "no answers" in printed
    assert "f1 61.00 with -0.25" in printed
    # It can be given back: rounded up, it would answer one question more.
    assert "--null_score_diff_threshold=0.20065151154994962," in printed
