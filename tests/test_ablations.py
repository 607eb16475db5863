# SPDX-License-Identifier: Apache-2.0
"""The ablations: which models they train, the paper's counts, and a small run.

Exact counts are those of the released shapes, as in
``tests/modeling/test_parameter_counts.py``, which asks models for them.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import time
from importlib import import_module

import pytest

import albert

ROOT = pathlib.Path(__file__).parents[1]


files = import_module("ablation_files")
grid = import_module("ablation_grid")
paper = import_module("ablation_paper")
report = import_module("ablation_report")
measured = import_module("ablation_results")


def test_each_model_is_trained_once():
    tables = grid.tables(grid.FULL)
    cells = grid.list_cells(tables.values())
    assert [len(table.rows) for table in tables.values()] == [8, 8, 3, 4, 4, 2]
    # Table 4 shares four with Table 3; Table 5, depth and "start" have its
    # model of E 32, and width that of three layers.
    assert len(cells) == 8 + 4 + 2 + 3 + 3 + 1
    assert len({cell.name for cell in cells}) == len(cells)


def test_rows_stand_beside_those_of_the_paper():
    labels = {
        name: [
            (row.label, row.paper.label, row.paper.average)
            for row in table.rows
            if row.paper
        ]
        for name, table in grid.tables(grid.FULL).items()
    }
    assert labels["table_3"][1] == (
        "E 32, not shared",
        "E 128, not shared",
        81.7,
    )
    assert labels["table_3"][7] == (
        "E 128, all shared",
        "E 768, all shared",
        79.8,
    )
    assert labels["table_4"][1] == (
        "E 128, attention shared",
        "E 768, attention shared",
        81.6,
    )
    assert labels["table_4"][6] == (
        "E 32, feed-forward shared",
        "E 128, feed-forward shared",
        80.2,
    )
    assert labels["depth"][3] == ("L 12", "L 12", 81.5)
    assert labels["width"][3] == ("H 384", "H 6144", 74.0)


def test_comparisons():
    def compared(name):
        table = grid.tables(grid.FULL)[name]
        return [(a.label, b.label) for a, b in table.comparisons()]

    assert compared("table_3")[:2] == [
        ("E 16, not shared", "E 16, all shared"),
        ("E 32, not shared", "E 32, all shared"),
    ]
    assert compared("table_3")[-1] == ("E 128, all shared", "E 64, all shared")
    assert compared("table_5") == [
        ("next sentence (NSP)", "no sentence loss"),
        ("sentence order (SOP)", "no sentence loss"),
        ("sentence order (SOP)", "next sentence (NSP)"),
    ]
    assert compared("depth") == [
        ("L 3", "L 1"),
        ("L 6", "L 3"),
        ("L 12", "L 6"),
    ]


def test_exact_counts_of_the_paper():
    counts = {
        name: [grid.encoder_parameters(row.config) for row in rows]
        for name, rows in paper.tables().items()
    }
    assert counts == {
        "table_3": [
            *(87_648_000, 89_650_176, 93_654_528, 109_081_344),
            *(9_681_408, 11_683_584, 15_687_936, 31_114_752),
        ],
        "table_4": [
            *(31_114_752, 83_078_400, 57_117_696, 109_081_344),
            *(11_683_584, 63_647_232, 37_686_528, 89_650_176),
        ],
        "table_5": [11_683_584] * 3,
        "depth": [17_683_968] * 6,
        "width": [17_683_968, 58_724_864, 222_595_584, 495_518_208],
    }


def test_scores_of_the_paper_have_its_averages():
    for rows in paper.tables().values():
        for each in rows:
            scores = [
                statistics.mean(map(float, score.split("/")))
                for score in each.scores
            ]
            assert len(scores) == 5
            # MNLI of one model differs between Tables 3 and 4.
            assert statistics.mean(scores) == pytest.approx(
                each.average, abs=0.11
            )


@pytest.mark.parametrize("embedding_size", [7, 16])
@pytest.mark.parametrize("sharing", ["all", "attention", "ffn", "none"])
def test_counts_are_those_of_models(embedding_size, sharing):
    config = albert.AlbertConfig(
        vocab_size=37,
        embedding_size=embedding_size,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=41,
        max_position_embeddings=11,
        sharing=sharing,
    )
    count = albert.AlbertEncoder(config).count_params()
    assert grid.encoder_parameters(config) == count


def test_only_models_of_table_5_are_measured_on_other_records():
    others = {
        cell.name: grid.other_objectives(cell, grid.FULL)
        for cell in grid.list_cells(grid.tables(grid.FULL).values())
        if cell.objective
    }
    assert {name: found for name, found in others.items() if found} == {
        "e32_h128_l6_all_none": ["sop"],
        "e32_h128_l6_all_nsp": ["sop"],
        "e32_h128_l6_all_sop": ["nsp"],
    }


def row(cell, seed, accuracy, objective="sop"):
    """Returns a row of results, as far as the report reads it."""
    return {
        "cell": {**vars(cell)},
        "seed": seed,
        "encoder_parameters": 5,
        "pretraining": {
            objective: {
                "masked_lm_accuracy": accuracy,
                "masked_lm_loss": 7 - accuracy,
                "sentence_order_accuracy": 0.625,
                "baseline": {"masked_lm_loss": 6.5},
            }
        },
        "finetuning": {
            "sst-2": {"accuracy": accuracy / 2},
            "mrpc": {"accuracy": accuracy / 4},
        },
        "training_loss": [[2, 5.0], [4, 4.0 + accuracy]],
    }


@pytest.mark.parametrize(
    "ours, others, found",
    [
        # The middle one counts, not the mean; the ranges lie apart.
        ([0.5, 0.6, 0.9], [0.1, 0.2, 0.4], (40.0, True)),
        ([0.5, 0.6, 0.9], [0.1, 0.2, 0.55], (40.0, False)),
        ([0.1, 0.2, 0.4], [0.5, 0.6, 0.9], (-40.0, True)),
        # One or two seeds tell nothing of the spread.
        ([0.5], [0.1], (40.0, None)),
        ([0.5, 0.6, 0.7], [0.1, 0.3], (40.0, None)),
        ([], [0.1], None),
    ],
)
def test_difference_of_two_models(ours, others, found):
    one, other = grid.Cell(8, 16, 2), grid.Cell(8, 16, 3)
    results = measured.Results(
        [row(one, seed, value) for seed, value in enumerate(ours)]
        + [row(other, seed, value) for seed, value in enumerate(others)]
    )
    difference = results.difference(one, other, measured.METRICS[0])
    assert difference == (found and (pytest.approx(found[0]), found[1]))


@pytest.mark.parametrize(
    "found, wanted, text",
    [
        ((1.5, True), 2.0, "as the paper"),
        ((-1.5, True), -2.0, "as the paper"),
        ((1.5, True), -2.0, "opposite"),
        ((1.5, False), 2.0, "within the spread"),
        ((1.5, True), 0.0, "no difference there"),
        ((1.5, None), 2.0, "of too few seeds"),
    ],
)
def test_verdicts(found, wanted, text):
    assert report.verdict(found, wanted) == text


@pytest.mark.parametrize(
    "table, pair, wanted",
    [
        # Of Table 5: masked LM gets worse with SOP, SST-2 and the average
        # (79.0 and 80.1) better.
        ("table_5", (2, 0), (-0.9, 0.4, None)),
        ("table_5", (2, 1), (-0.5, -0.8, None)),
        # E 256 and E 128 of Table 3, shared: 90.3 both; the average is less.
        ("table_3", (6, 5), (None, 0.0, None)),
        ("depth", (1, 0), (None, 5.9, None)),
        ("width", (3, 2), (None, -1.3, None)),
        ("start", (0, 1), (None, None, None)),
    ],
)
def test_each_metric_is_compared_with_the_same_of_the_paper(
    table, pair, wanted
):
    first, second = (grid.tables(grid.FULL)[table].rows[i].paper for i in pair)
    assert wanted == tuple(
        metric.paper_difference(first, second) for metric in measured.METRICS
    )


def test_verdicts_of_a_table():
    table = grid.tables(grid.FULL)["table_5"]
    without, _, order = (each.cell for each in table.rows)
    rows = [row(without, seed, 0.2 + seed / 100) for seed in (1, 2, 3)]
    rows += [row(order, seed, 0.4 + seed / 100) for seed in (1, 2, 3)]
    results = measured.Results(rows)
    tables = {"table_5": table}
    # Both are better here: masked LM is worse there, SST-2 is better, and
    # there is no MRPC.
    assert report.count_verdicts(tables, results)[-1] == (
        "| The sentence loss (the paper's Table 5) | 1 opposite | "
        "1 as the paper | — |"
    )
    line = report.compare(table, results)[3]
    assert line == (
        "| sentence order (SOP) − no sentence loss | **+20.0** | -0.9 | "
        "**+10.0** | +0.4 | **+5.0** | — | +1.1 |"
    )
    # A pair in two tables is one; 3 of 20 orders of seeds are 0.3 by chance.
    text = report.describe_chance({"again": table, **tables}, results)
    assert text.startswith("3 comparisons have at least three seeds")
    assert "3 of them are bold" in text and "about 0.3 would be" in text
    text = report.describe_chance(tables, measured.Results(rows[:5]))
    assert text == (
        "No comparison has three seeds on both sides yet: none is bold."
    )


def test_page_says_whether_the_run_has_ended():
    scale = grid.QUICK
    tables = grid.tables(scale)
    rows = []
    text = report.describe_progress(rows, tables, scale)
    assert text.startswith("**Not run to the end yet: 0 of 2 models**")
    one, other = grid.list_cells(tables.values())
    rows = [row(one, 1, 0.2), row(other, 7, 0.2)]  # No seed 7 is asked for.
    text = report.describe_progress(rows, tables, scale)
    assert text.startswith("**Not run to the end yet: 1 of 2 models**")
    rows.append(row(other, 1, 0.2))
    text = report.describe_progress(rows, tables, scale)
    assert text.startswith("Run to the end: 2 of 2 models")
    # All of the paper's tables.
    text = report.describe_progress([], grid.tables(grid.FULL), grid.FULL)
    assert "0 of 63 models" in text


def test_report_of_nothing_draws_nothing(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- results: curves -->\n<!-- end -->\n")
    report.write(page, grid.tables(grid.FULL), [], grid.FULL)
    assert "Nothing to draw yet." in page.read_text()
    assert list(tmp_path.iterdir()) == [page]


def test_report_of_a_part(tmp_path):
    tables = grid.tables(grid.FULL)
    shallow, deeper = (each.cell for each in tables["depth"].rows[:2])
    rows = [row(shallow, seed, 0.2 + seed / 100) for seed in (1, 2, 3)]
    rows += [row(deeper, 1, 0.3), row(deeper, 2, 0.4)]
    rows = [
        {
            **each,
            "commands": {"mrpc": {"seconds": 9, "cpu_seconds": 1800.0}},
            "versions": {"albert": "1"},
            "machine": {
                "processor": "Some EPYC",
                "cores": 3,
                "amx_bf16": False,
                "avx512_bf16": True,
            },
        }
        for each in rows
    ]
    page = tmp_path / "page.md"
    page.write_text(
        "Before.\n<!-- results: depth -->\nold\n<!-- end -->\nBetween.\n"
        "<!-- results: state -->\n<!-- end -->\n"
        "<!-- results: reading -->\n<!-- end -->\n"
        "<!-- results: curves -->\n<!-- end -->\nAfter.\n"
    )
    report.write(page, tables, rows, grid.FULL)
    text = page.read_text()
    assert text.startswith("Before.\n") and text.endswith("\nAfter.\n")
    assert "\nold\n" not in text and "\nBetween.\n" in text
    count = f"{grid.encoder_parameters(deeper.config(grid.FULL)):,}"
    assert (
        f"| L 3 | {count} | 6.650 (6.600 to 6.700) | 35.0 (30.0 to 40.0) | "
        "62.5 (62.5 to 62.5) | 17.5 (15.0 to 20.0) | 8.8 (7.5 to 10.0) | L 3 | "
        "18M | 86.7 | 71.2 |\n"
    ) in text
    assert (
        "| L 3 − L 1 | +13.0 | — | +6.5 | +5.9 | +3.2 | — | +18.3 |"
    ) in text
    assert "| L 6 − L 3 | — | — | — | +2.2 | — | — | +6.0 |" in text
    assert "(the paper's Table 11) | — | 1 of too few seeds | — |" in text
    assert "**Not run to the end yet: 5 of 63 models**" in text
    assert "5 results of 21 models (seeds 1, 2, 3), 2.5 hours of one" in text
    assert "line for each model](page_curves.png)" in text
    for name in ("page_parameters.png", "page_curves.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_last_weights_are_measured_and_fine_tuned(tmp_path):
    runs = import_module("ablation_runs")
    workshop = runs.Workshop(tmp_path, grid.FULL, 0.0)
    workshop.make_folders()
    started = []
    workshop.run = lambda recipe, flags, done, log: started.append(
        (recipe, flags.get("init_checkpoint"))
    )
    workshop._collect = lambda *_: {}
    workshop.train(grid.Cell(32, 128, 6), 2)
    last = f"{tmp_path}/runs/e32_h128_l6_all_sop_seed2/pretrained"
    last += "/model.ckpt-1500"
    assert started == [
        ("run_pretraining.py", None),
        ("run_pretraining.py", last),  # On records of NSP.
        ("run_classifier.py", last),
        ("run_classifier.py", last),
    ]


def test_no_row_is_lost_of_models_that_end_together(tmp_path):
    runs = import_module("ablation_runs")
    workshop = runs.Workshop(tmp_path, grid.FULL, 0.0)
    workshop.make_folders()
    read, cell = workshop.rows, grid.Cell(32, 128, 6)

    def read_slowly():
        rows = read()
        time.sleep(0.02)  # Time for another to store its row.
        return rows

    workshop.rows = read_slowly
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda seed: workshop.store(cell, seed, {"seed": seed}),
                range(8),
            )
        )
    lines = (tmp_path / "results.jsonl").read_text().splitlines()
    assert [json.loads(line)["seed"] for line in lines] == [*range(8)]


def test_files_of_the_same_names_are_other_settings(tmp_path):
    runs = import_module("ablation_runs")
    workshop = runs.Workshop(tmp_path / "run", grid.FULL, 0.0)
    workshop.make_folders()
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / "a.txt").write_text("the same")
        (folder / "train.tsv").write_text(f"of {folder.name:5}")

    def difference(folder, name):
        described = {name: files.describe_files([*folder.iterdir()])}
        return workshop.check_settings({"steps": (1,), **described})

    for name in runs.FILES:
        (tmp_path / "run" / "settings.json").unlink(missing_ok=True)
        assert difference(one, name) is None
        assert difference(one, name) is None
        assert difference(other, name) == (
            f"other files of {name} than before, such as train.tsv"
        )
    (other / "train.tsv").unlink()
    assert difference(other, name) is not None


def test_examples_are_drawn_once(tmp_path):
    runs = import_module("ablation_runs")
    write_tasks(tmp_path / "glue")
    workshop = runs.Workshop(tmp_path / "run", grid.QUICK, 0.0)
    workshop.make_folders()
    workshop.run = lambda *_: None
    data = tmp_path / "run" / "data" / "glue"
    half = data / "MRPC.new"  # Of a start that was killed.
    half.mkdir(parents=True)
    (half / "train.tsv").write_text("Quality")
    workshop.prepare("text", "held_out", f"{tmp_path}/glue")
    drawn = {
        path: path.read_bytes() for path in data.rglob("*") if path.is_file()
    }
    assert {str(path.relative_to(data)) for path in drawn} == {
        f"{task}/{split}.tsv"
        for task in ("SST-2", "MRPC")
        for split in ("train", "dev")
    }
    assert len((data / "MRPC" / "train.tsv").read_text().splitlines()) == 17
    (tmp_path / "glue" / "MRPC" / "train.tsv").write_text("other\n1\n")
    workshop.prepare("text", "held_out", f"{tmp_path}/glue")
    assert all(path.read_bytes() == text for path, text in drawn.items())


def test_curves_of_seeds_meet_at_common_steps():
    pictures = import_module("ablation_pictures")
    same = [[[2, 5.0], [4, 4.0]], [[2, 6.0], [4, 3.0]]]
    assert pictures.align(same) == ([2, 4], [[5.0, 6.0], [4.0, 3.0]])
    # One was saved at step 3 as well, and one has no step 1 and none after 4.
    others = [[[1, 9.0], [2, 5.0], [4, 4.0], [6, 1.0]], same[1]]
    others[1] = [[2, 6.0], [3, 2.0], [4, 3.0]]
    assert pictures.align(others) == (
        [2, 3, 4],
        [[5.0, 6.0], [4.5, 2.0], [4.0, 3.0]],
    )


def test_word_frequencies_are_of_one_set_of_records(tmp_path):
    from matplotlib.figure import Figure

    pictures, tables = (
        import_module("ablation_pictures"),
        grid.tables(grid.FULL),
    )

    def labels_of(name):
        cells = [each.cell for each in tables[name].rows[:2]]
        rows = [row(cell, 1, 0.2, cell.objective) for cell in cells]
        for each in rows[1:]:
            each["training_loss"].insert(0, [1, 6.0])
        axes = Figure().subplots()
        pictures._draw_panel(axes, tables[name], measured.Results(rows))
        return axes.get_legend_handles_labels()[1]

    assert labels_of("depth") == ["L 1", "L 3", "word frequencies"]
    assert labels_of("table_5") == ["no sentence loss", "next sentence (NSP)"]


def test_estimate(tmp_path):
    command, runs = (
        import_module("ablations"),
        import_module("ablation_runs"),
    )
    workshop = runs.Workshop(tmp_path, grid.FULL, 0.0)
    workshop.make_folders()
    base, other = grid.Cell(32, 128, 6), grid.Cell(32, 128, 12)
    pairs = [(cell, seed) for seed in (1, 2) for cell in (base, other)]
    assert command.estimate(workshop, pairs, 1) == "0 of 4 done"

    def finish_one(cell, hours):
        commands = {"mrpc": {"seconds": 3600 * hours}}
        files.write_json(
            workshop.path_of_row(cell, 1),
            {"name": cell.name, "seed": 1, "commands": commands},
        )

    finish_one(base, 1.0)
    ratio = command.work_of(other, grid.FULL) / command.work_of(base, grid.FULL)
    assert 1.9 < ratio < 2
    # One of base, and two of the other of three halves of its time.
    text = "1 of 4 done, about 4.0 hours left"
    assert command.estimate(workshop, pairs, 1) == text
    finish_one(other, 5.0)
    text = "2 of 4 done, about 3.0 hours left"
    assert command.estimate(workshop, pairs, 2) == text


def test_page_has_a_place_for_all_results():
    page = (ROOT / "docs" / "ablations.md").read_text()
    places = re.findall(r"^<!-- results: (\w+) -->$", page, re.M)
    others = ["curves", "exact", "parameters", "reading", "state"]
    assert sorted(places) == sorted([*grid.tables(grid.FULL), *others])
    assert page.count("<!-- end -->") == len(places)


def command(folder, *more):
    """Returns the command of a small run on the sample text."""
    return [
        sys.executable,
        "benchmarks/ablations.py",
        "--quick",
        f"--output_dir={folder / 'run'}",
        "--text=data/sample/train/*.txt",
        "--held_out=data/sample/eval/*.txt",
        f"--glue_dir={folder / 'glue'}",
        *more,
    ]


def start(words, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(words, cwd=ROOT, env=environment, **options)


def finish(words):
    """Runs a command; returns (status, output, errors)."""
    process = start(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    output, errors = process.communicate()
    return process.returncode, output, errors


def test_reports_of_other_scales_and_pages_are_refused(tmp_path, capsys):
    program, runs = (
        import_module("ablations"),
        import_module("ablation_runs"),
    )
    workshop = runs.Workshop(tmp_path / "run", grid.QUICK, 0.0)
    workshop.make_folders()
    workshop.check_settings({**vars(grid.QUICK), "text": [["a", 1, "b"]]})
    page = tmp_path / "page.md"
    page.write_text("<!-- results: table_5 -->\n<!-- end -->\n")

    def report_of(*flags, path=page):
        parser = program.make_parser()
        arguments = parser.parse_args(
            [f"--output_dir={tmp_path}/run", f"--report={path}", *flags]
        )
        scale = grid.QUICK if arguments.quick else grid.FULL
        program.check_report(
            parser, arguments, runs.Workshop(tmp_path / "run", scale, 0.0)
        )

    report_of("--quick")
    with pytest.raises(SystemExit) as error:
        report_of()
    assert error.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "other settings (vocab_size is 4000, and was 300)" in message
    assert message.endswith("try with --quick")
    with pytest.raises(SystemExit):
        report_of("--quick", path=tmp_path / "none.md")
    assert "none.md: no such page" in capsys.readouterr().err


def write_tasks(folder):
    """Writes a few rows in the layouts of SST-2 and MRPC."""
    for name, header, line in (
        ("SST-2", "sentence\tlabel", "the cat number {} sat\t{}"),
        (
            "MRPC",
            "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String",
            "{1}\t1\t2\tThe cat sat {0}.\tIt sat.",
        ),
    ):
        (folder / name).mkdir(parents=True)
        for split, count in (("train", 24), ("dev", 10)):
            lines = [line.format(i, i % 2) for i in range(count)]
            text = "\n".join([header, *lines]) + "\n"
            (folder / name / f"{split}.tsv").write_text(text)


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--only=table_7"], "table_7 is none of table_5"),
        (["--text=nothing/*.txt"], "--text=nothing/*.txt: no such files"),
        (["--held_out=data/sample/train/*.txt"], "both in --text and in"),
        (["--glue_dir=nothing"], "nothing/SST-2/train.tsv: no such file"),
        (["--processes=0"], "--processes: 0 is no whole number of 1 or more"),
        (["--seeds=1,1"], "--seeds: 1,1 is not a list of different numbers"),
        (["--seeds=1,x"], "--seeds: 1,x is not a list of different numbers"),
        (["--minutes=nan"], "--minutes: nan is no number of 0 or more"),
        (["--report"], "run: no folder of results (no settings.json)"),
    ],
)
def test_mistakes_are_explained(tmp_path, flags, message, monkeypatch, capsys):
    write_tasks(tmp_path / "glue")
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "argv", command(tmp_path, *flags)[1:])
    with pytest.raises(SystemExit) as end:
        import_module("ablations").main()
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_small_run_continues_after_a_kill(tmp_path):
    write_tasks(tmp_path / "glue")
    log = tmp_path / "run" / "logs" / "e8_h16_l2_all_nsp_seed1.log"
    checkpoint = "runs/e8_h16_l2_all_nsp_seed1/pretrained/model.ckpt-2.index"
    process = start(command(tmp_path))
    while not (tmp_path / "run" / checkpoint).exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # Time to begin nothing: what was done is kept, and all else is left.
    status, output, _ = finish(command(tmp_path, "--minutes=0"))
    assert (status, output) == (0, "0 of 2 done\n")
    records = tmp_path / "run" / "data" / "nsp_train.tfrecord"
    written = records.stat().st_mtime_ns
    # Two models at a time, as on a machine with more processors.
    status, output, _ = finish(command(tmp_path, "--processes=2"))
    assert status == 0
    assert output.splitlines()[-1].endswith("; 2 of 2 done")
    assert records.stat().st_mtime_ns == written
    assert re.search(r"continuing at step [24] of 6", log.read_text())

    path = tmp_path / "run" / "results.jsonl"
    nsp, sop = map(json.loads, path.read_text().splitlines())
    assert nsp["name"] == "e8_h16_l2_all_nsp" and nsp["seed"] == 1
    assert sop["name"] == "e8_h16_l2_all_sop"
    for each in (nsp, sop):
        assert set(each["pretraining"]) == {"nsp", "sop"}
        assert each["training_loss"][-1][0] == 6
        assert 0 <= each["finetuning"]["mrpc"]["accuracy"] <= 1
        assert set(each["commands"]) >= {"pretrained", "sst-2", "mrpc"}
        assert each["commands"]["sst-2"]["cpu_seconds"] > 0
        assert each["encoder_parameters"] == 6384
        assert str(tmp_path) not in json.dumps(each)
    assert not list((tmp_path / "run" / "runs").iterdir())

    # All is done; another text would be another experiment.
    status, output, _ = finish(command(tmp_path, "--minutes=0"))
    assert (status, output) == (0, "2 of 2 done\n")
    status, _, errors = finish(
        command(tmp_path, "--text=data/sample/train/barclay*.txt")
    )
    assert status == 2
    assert "results of other settings (other files of text than" in errors

    page = tmp_path / "page.md"
    page.write_text("<!-- results: table_5 -->\n<!-- end -->\n")
    status, output, _ = finish(command(tmp_path, f"--report={page}"))
    assert status == 0
    assert "| next sentence (NSP) | 6,384 | " in page.read_text()
    assert (tmp_path / "page_curves.png").exists()
