# SPDX-License-Identifier: Apache-2.0
"""The recipe that makes pretraining records, from flags to files."""

import contextlib
import gzip
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

import pytest
from absl import flags

from albert import processes
from albert.errors import UserError
from albert.inspection import found_sets
from albert.records import framing
from albert.records import pretraining
from albert.records import pretraining_report
from albert.records import pretraining_sets
from albert.records import pretraining_warnings
from albert.records.pretraining_batches import pretraining_dataset
from albert.records.record_set import RecordSet
from albert.text.wordpiece import WordPieceTokenizer

ROOT = pathlib.Path(__file__).parents[2]
RECIPE = ROOT / "data" / "create_pretraining_data.py"
GOLDEN = ROOT / "tests" / "golden"
INPUT = GOLDEN / "pretraining_data" / "input.txt"
MODEL = GOLDEN / "tokenization" / "spm2000.model"
WORDPIECE = GOLDEN / "wordpiece" / "vocab.txt"
# Seconds; nothing here takes a tenth of it on a calm machine.
PATIENCE = 240.0


@pytest.fixture
def run_recipe(call_recipe):
    """Runs the recipe's main in this process."""

    def run(output, *arguments, text=INPUT):
        call_recipe(
            RECIPE,
            f"--input_file={text}",
            f"--output_file={output}",
            f"--spm_model_file={MODEL}",
            "--max_seq_length=61",
            "--dupe_factor=2",
            "--num_workers=1",
            *arguments,
        )

    return run


def test_records_of_a_wordpiece_vocabulary(tmp_path, capsys, call_recipe):
    text = tmp_path / "text.txt"
    text.write_text("曹操说：大下英雄。\n不使公与操！\n\n" * 40, "utf-8")
    call_recipe(
        RECIPE,
        f"--input_file={text}",
        f"--output_file={tmp_path / 'train.tfrecord'}",
        f"--vocab_file={WORDPIECE}",
        "--max_seq_length=61",
        "--dupe_factor=1",
        "--num_workers=1",
    )
    record_set = RecordSet.open(str(tmp_path / "train*"))
    assert record_set.tokenizer_file() == str(WORDPIECE)
    tokenizer = WordPieceTokenizer(WORDPIECE)
    record_set.check(61, 20, 916, tokenizer.fingerprint)
    assert "操" in capsys.readouterr().out


def test_segmenter_that_is_not_installed(tmp_path, run_recipe, monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(UserError, match=r"pip install 'albert-keras\[jieba\]'"):
        run_recipe(tmp_path / "x" / "y.tfrecord", "--word_segmenter=jieba")
    assert not list(tmp_path.iterdir())


def test_vocab_file_has_no_effect_beside_a_model(
    tmp_path, run_recipe, contents
):
    run_recipe(tmp_path / "a" / "x.tfrecord")
    run_recipe(tmp_path / "b" / "x.tfrecord", f"--vocab_file={WORDPIECE}")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_records_json_and_summary(
    tmp_path, capsys, caplog, run_recipe, contents
):
    run_recipe(tmp_path / "train.tfrecord", "--num_shards=3")
    assert sorted(contents(tmp_path)) == [
        *(f"train-0000{n}-of-00003.tfrecord" for n in range(3)),
        "train.json",
    ]
    record_set = RecordSet.open(str(tmp_path / "train*"))
    value = record_set.metadata
    instances = value["statistics"]["instances"]
    assert sum(record_set.counts) == instances
    # Dealt in turn over units and passes.
    assert max(record_set.counts) - min(record_set.counts) <= 1
    assert list(record_set.counts) == [
        framing.count_records(file) for file in record_set.files
    ]
    record_set.check(61, 20, 2000, value["vocabulary"]["fingerprint"])
    assert "has no JSON" not in caplog.text
    assert record_set.locate_damage() is None
    assert value["settings"]["dupe_factor"] == 2
    assert value["corpus"]["documents"] == 60
    assert value["corpus"]["sentences"] == 1924
    printed = capsys.readouterr().out
    for words in (
        "Wrote 3 record files and ",
        f"{instances:,} = 2 passes",
        "padding",
        "[MASK]",
        "label 1",
        "[CLS]",
        " > ",
    ):
        assert words in printed


def test_one_sentence_a_document_is_warned_of(tmp_path, run_recipe, caplog):
    text = tmp_path / "sentences.txt"
    text.write_text(
        "It rained.\nIt was late.\n\n"
        + "The house stood there.\n\nNobody came to see it.\n\n" * 9
    )
    output = tmp_path / "train.tfrecord"

    def warnings(*arguments):
        caplog.clear()
        with caplog.at_level("WARNING", "absl"):
            run_recipe(output, "--overwrite", *arguments, text=text)
        return [each for each in caplog.messages if "of the text" in each]

    (warning,) = warnings("--sentence_splitting=lines")
    assert "18 of 19 documents have one sentence" in warning
    assert "--document_separator=file" in warning
    assert warnings("--sentence_splitting=lines", "--objective=none") == []
    assert warnings("--document_separator=file") == []
    corpus = RecordSet.open(str(output)).metadata["corpus"]
    assert corpus["documents"] == 1
    assert corpus["sentences"] == 20


def read_json(path):
    return json.loads(path.read_text())


def test_text_of_endless_lines_is_used(tmp_path, capsys, caplog, run_recipe):
    text = tmp_path / "long.txt"
    line = " ".join(["The house stood by the river"] * 400) + "\n"
    text.write_text(line * 40)
    for arguments, least, most in (
        ([], 0.95, 1),
        (["--objective=none"], 1, 1),
        (["--original_segment_pairs"], 0, 0.03),
    ):
        run_recipe(
            tmp_path / "a.tfrecord", "--overwrite", *arguments, text=text
        )
        used = read_json(tmp_path / "a.json")["statistics"]["text_used_share"]
        assert least <= used <= most
        printed = capsys.readouterr().out
        assert f"text used    {used:.1%} in a pass" in printed
        assert (f"a pass uses {used:.0%} of the text" in caplog.text) == (
            "--original_segment_pairs" in arguments
        )


def test_text_of_another_script_is_refused_unless_told(
    tmp_path, capsys, caplog, run_recipe, contents
):
    text = tmp_path / "text.txt"
    text.write_text("Дом стоял у реки.\nНикто не пришёл.\n" * 40)
    before = contents(tmp_path)
    with pytest.raises(UserError) as caught:
        run_recipe(tmp_path / "a.tfrecord", text=text)
    for words in (str(text), str(MODEL), "44%", "--max_unknown_share"):
        assert words in str(caught.value)
    assert contents(tmp_path) == before
    run_recipe(tmp_path / "a.tfrecord", "--max_unknown_share=1", text=text)
    share = read_json(tmp_path / "a.json")["corpus"]["unknown_share"]
    assert 0.4 < share < 0.6
    assert f"{share:.2%} of them <unk> (" in capsys.readouterr().out
    assert f"{share:.1%} of the pieces are <unk>, 9" in caplog.text


def test_lines_of_another_script_are_one_unknown_piece_each(
    tmp_path, run_recipe
):
    text = tmp_path / "text.txt"
    text.write_text(
        "The house stood by the river where the old mill had been.\n" * 40
        + f"{'水' * 60}\n" * 40
    )
    with pytest.raises(UserError, match="5.% of the characters are unknown"):
        run_recipe(tmp_path / "a.tfrecord", text=text)
    run_recipe(tmp_path / "a.tfrecord", "--max_unknown_share=1", text=text)
    corpus = read_json(tmp_path / "a.json")["corpus"]
    assert corpus["unknown_share"] < 0.1
    assert corpus["unknown_characters_share"] == 60 / (60 + 46)


def test_what_normalisation_takes_from_turkish(tmp_path, capsys, run_recipe):
    text = tmp_path / "text.txt"
    text.write_text("Isparta'da kışın şarkılar okunur.\nIrmak ılıktır.\n" * 40)
    words = ["  accents ", "lost a mark", "  case ", "are ı, as in Turkish"]
    for arguments, found in (
        ([], words),
        (["--strip_accents=false"], words[2:]),
        (["--do_lower_case=false"], words[:2]),
    ):
        run_recipe(
            tmp_path / "a.tfrecord",
            "--overwrite",
            "--max_unknown_share=1",
            *arguments,
            text=text,
        )
        printed = capsys.readouterr().out
        assert [word for word in words if word in printed] == found


def test_small_texts_start_few_processes(tmp_path, monkeypatch, run_recipe):
    started = []
    pool = processes.ProcessPool

    def count(number, make_context):
        started.append(number)
        return pool(1, make_context)

    monkeypatch.setattr(processes, "ProcessPool", count)
    monkeypatch.setattr(processes, "available_cores", lambda: 64)
    for passes in (1, 40):
        run_recipe(
            tmp_path / "a.tfrecord",
            "--overwrite",
            "--num_workers=64",
            f"--dupe_factor={passes}",
        )
    # 0.3 and 12 MB of text times passes.
    assert started == [1, 7]


HEALTHY = {
    "max_seq_length": 128,
    "max_predictions_per_seq": 20,
    "corpus": {
        "documents": 10,
        "sentences": 500,
        "tokens": 15_000,
        "unknown_share": 0.009,
        "unknown_characters_share": 0.009,
        "lost_marks_share": 0.04,
    },
    "settings": {
        "objective": "sop",
        "masked_lm_prob": 0.15,
        "original_segment_pairs": False,
        "dupe_factor": 5,
    },
    "statistics": {
        "text_used_share": 0.93,
        "dropped_documents": 5,
        "surface": {"accuracy": 0.54, "chance": 0.01},
        "masked_per_instance": 16.0,
        "unused_budget_per_instance": 4.0,
    },
}


@pytest.mark.parametrize(
    "changes, words",
    [
        ({}, []),
        ({"statistics": {"text_used_share": 0.8}}, ["80%", "30 pieces", "128"]),
        (
            {"statistics": {"text_used_share": 0.8, "dropped_documents": 20}},
            ["80%", "4 of 10 documents", "--objective=none"],
        ),
        ({"corpus": {"unknown_share": 0.031}}, ["3.1%", "create-vocabulary"]),
        (
            {"corpus": {"lost_marks_share": 0.104}},
            ["10.4% of the characters lost a mark", "--strip_accents=false"],
        ),
        (
            {"corpus": {"tokens": 64_500}},
            ["129 pieces on average, sequences 128"],
        ),
        (
            {"corpus": {"unknown_characters_share": 0.031}},
            ["0.9% of the pieces are <unk>, 3.1% of the characters"],
        ),
        (
            {"statistics": {"masked_per_instance": 3.0}},
            ["3.0 tokens of 7.0 an instance", "--do_whole_word_mask=false"],
        ),
        (
            {"statistics": {"surface": {"accuracy": 0.56, "chance": 0.01}}},
            ["56% of the labels", "--sentence_splitting=prose"],
        ),
        # Few records: as much as chance gives.
        ({"statistics": {"surface": {"accuracy": 0.6, "chance": 0.06}}}, []),
        ({"statistics": {"surface": None}}, []),
        ({"max_seq_length": 512}, ["3.9%", "512", "give 77"]),
        (
            {
                "statistics": {"text_used_share": 0.8},
                "settings": {"original_segment_pairs": True},
            },
            ["80%", "--original_segment_pairs"],
        ),
    ],
)
def test_faults_come_with_their_remedy(changes, words):
    metadata = {
        key: value | changes.get(key, {})
        if isinstance(value, dict)
        else changes.get(key, value)
        for key, value in HEALTHY.items()
    }
    faults = pretraining_warnings.list_warnings(metadata)
    assert len(faults) == bool(words)
    for word in words:
        assert word in faults[0]


def commands_in(printed):
    _, _, next_ = printed.partition("Next:\n")
    return [shlex.split(line) for line in next_.splitlines()]


def test_the_next_command_suits_the_records(
    tmp_path, capsys, run_recipe, load_recipe
):
    for name, more in (
        ("eval61", []),
        ("eval37", ["--max_seq_length=37"]),
    ):
        run_recipe(tmp_path / f"{name}.tfrecord", "--dupe_factor=1", *more)
        printed = capsys.readouterr().out
        assert commands_in(printed) == []
        assert f"Wrote {tmp_path}/{name}.tfrecord and " in printed
        assert " passes x about" not in printed
    run_recipe(tmp_path / "train.tfrecord", "--num_shards=3")
    ((albert, pretrain, *arguments),) = commands_in(capsys.readouterr().out)
    assert (albert, pretrain) == ("albert", "pretrain")
    flag_values = flags.FlagValues()
    load_recipe(ROOT / "run_pretraining.py").define_flags(flag_values)
    flag_values(["", *arguments])
    assert flag_values.input_file == f"{tmp_path}/train-*-of-00003.tfrecord"
    assert flag_values.eval_input_file == f"{tmp_path}/eval61.tfrecord"
    assert flag_values.output_dir == f"{tmp_path}/train_model"
    records = RecordSet.open(flag_values.input_file).count()
    examples = flag_values.train_batch_size * flag_values.num_train_steps
    # So few are read ten times.
    assert 10 * records <= examples < 12 * records


@pytest.mark.parametrize(
    ("instances", "steps"), [(100, 20), (43_760, 1000), (1_000_000, 15_625)]
)
def test_steps_of_the_next_command(tmp_path, instances, steps):
    command = pretraining_report.next_command(
        {"statistics": {"instances": instances}},
        [f"{tmp_path}/a b.tfrecord"],
        f"{tmp_path}/a b.tfrecord",
    )
    assert f"--num_train_steps={steps}" in command.split()
    assert f"--input_file='{tmp_path}/a b.tfrecord'" in command
    assert "--eval_input_file" not in command


def test_make_knows_what_comes_next(tmp_path, monkeypatch, capsys, run_recipe):
    monkeypatch.setenv("MAKELEVEL", "1")
    run_recipe(tmp_path / "train.tfrecord")
    assert "Next:" not in capsys.readouterr().out


def test_records_know_their_tokenizer(tmp_path, monkeypatch, run_recipe):
    for name in ("model", "records", "elsewhere"):
        (tmp_path / name).mkdir()
    model = tmp_path / "model" / "spm.model"
    model.write_bytes(MODEL.read_bytes())
    monkeypatch.chdir(tmp_path / "records")
    run_recipe("a.tfrecord", "--spm_model_file=../model/spm.model")
    monkeypatch.chdir(tmp_path)

    def found():
        record_set = RecordSet.open("records/a.tfrecord")
        return record_set.tokenizer_file()

    assert found() == os.path.join("model", "spm.model")
    moved = model.rename(tmp_path / "records" / "spm.model")
    assert found() == os.path.join("records", "spm.model")
    moved.unlink()
    assert found() is None


def test_same_bytes_whatever_the_number_of_processes(
    tmp_path, run_recipe, contents
):
    # Long enough for several blocks, and so several units, in each pass.
    text = tmp_path / "long.txt"
    text.write_text(INPUT.read_text() * 8)
    found = []
    for name, arguments in (
        ("one", ["--num_workers=1"]),
        ("two", ["--num_workers=2"]),
        ("other", ["--num_workers=1", "--random_seed=4"]),
        ("dynamic one", ["--num_workers=1", "--masking=dynamic"]),
        ("dynamic two", ["--num_workers=2", "--masking=dynamic"]),
    ):
        (tmp_path / name).mkdir()
        run_recipe(
            tmp_path / name / "a.tfrecord",
            "--num_shards=2",
            *arguments,
            text=text,
        )
        found.append(contents(tmp_path / name))
    one, two, other, dynamic_one, dynamic_two = found
    assert one == two
    assert dynamic_one == dynamic_two
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one)


@pytest.mark.parametrize("objective", ["sop", "nsp", "none"])
def test_segment_pairs_without_masks(tmp_path, capsys, run_recipe, objective):
    flags = [f"--objective={objective}", "--dupe_factor=1"]
    run_recipe(tmp_path / "static.tfrecord", *flags)
    capsys.readouterr()
    run_recipe(tmp_path / "dynamic.tfrecord", *flags, "--masking=dynamic")
    printed = capsys.readouterr().out
    static, dynamic = (
        json.loads((tmp_path / f"{name}.json").read_text())
        for name in ("static", "dynamic")
    )
    assert dynamic["masking"] == "dynamic"
    assert "masking" not in static and "pieces" not in static
    assert dynamic["pieces"]["mask_id"] == 4
    assert static["settings"] == dynamic["settings"]
    # The same pairs, of which the masks are a sample.
    ours, theirs = dynamic["statistics"], static["statistics"]
    assert ours["instances_masked_to_measure"] == 256 < ours["instances"]
    for name in ("instances", "mean_length", "label_1_share", "surface"):
        assert ours[name] == theirs[name]
    assert abs(ours["masked_share"] / theirs["masked_share"] - 1) < 0.03
    size = (tmp_path / "dynamic.tfrecord").stat().st_size
    tokens = ours["mean_length"] * ours["instances"]
    assert ours["bytes_per_token"] == pytest.approx(size / tokens)
    assert ours["bytes_per_token"] < 4 < 7 < theirs["bytes_per_token"]
    assert f"{ours['bytes_per_token']:.2f} a token" in printed
    assert "while training, as a sample of 256 was" in printed
    assert "{" in printed.split("what the model sees}:")[1]
    # As pieces, whatever their order.
    texts = []
    for name in ("static", "dynamic"):
        record_set = RecordSet.open(str(tmp_path / f"{name}.tfrecord"))
        record_set.check(61, 20, 2000)
        (batch,) = pretraining_dataset(
            record_set, ours["instances"], training=False, seed=None
        ).as_numpy_iterator()
        texts.append(sorted(segments_of(batch, objective)))
    assert texts[0] == texts[1]


def test_equal_segment_pairs_have_masks_of_their_own(tmp_path, run_recipe):
    text = tmp_path / "text.txt"
    boilerplate = "All rights are reserved here.\nNo part may be copied now.\n"
    text.write_text(f"{boilerplate}\n" * 60)
    # Two sentences can be cut in one way alone: all are the same pair.
    run_recipe(
        tmp_path / "a.tfrecord",
        "--masking=dynamic",
        "--dupe_factor=4",
        text=text,
    )
    record_set = RecordSet.open(str(tmp_path / "a.tfrecord"))
    assert record_set.count() == 240
    (batch,) = (
        pretraining_dataset(record_set, 240, training=True, seed=5)
        .take(1)
        .as_numpy_iterator()
    )
    pairs = list(segments_of(batch, "sop"))
    assert all(pair == pairs[0] for pair in pairs)
    labels = batch["next_sentence_labels"]
    assert 80 < labels.sum() < 160
    for label in (0, 1):
        seen = batch["input_ids"][labels[:, 0] == label].tolist()
        assert len(set(map(tuple, seen))) > 20


def segments_of(batch, objective):
    """The segments of each row in the order of the text, as lists."""
    used = batch["masked_lm_weights"] > 0
    ids = batch["input_ids"].copy()
    ids[used.nonzero()[0], batch["masked_lm_positions"][used]] = batch[
        "masked_lm_ids"
    ][used]
    for row, mask, segment, (label,) in zip(
        ids,
        batch["input_mask"],
        batch["segment_ids"],
        batch["next_sentence_labels"].tolist(),
        strict=True,
    ):
        length = mask.sum()
        a_end = length - segment.sum()
        pair = [row[1 : a_end - 1].tolist(), row[a_end : length - 1].tolist()]
        if objective == "sop" and label:
            pair.reverse()
        yield [*pair, label * (objective == "nsp")]


@pytest.mark.parametrize(
    "arguments", [["--random_next_sentence"], ["--objective=nsp"]]
)
def test_random_next_sentence_is_the_objective_nsp(
    tmp_path, arguments, run_recipe
):
    run_recipe(tmp_path / "a.tfrecord", *arguments)
    value = json.loads((tmp_path / "a.json").read_text())
    assert value["settings"]["objective"] == "nsp"
    assert abs(value["statistics"]["label_1_share"] - 0.5) < 0.05


@pytest.mark.parametrize("masking", ["static", "dynamic"])
def test_some_sequences_are_single_sentences(
    tmp_path, masking, run_recipe, capsys
):
    run_recipe(
        tmp_path / "a.tfrecord",
        "--single_sentence_share=0.2",
        f"--masking={masking}",
        "--dupe_factor=1",
    )
    value = json.loads((tmp_path / "a.json").read_text())
    assert value["settings"]["single_sentence_share"] == 0.2
    share = value["statistics"]["single_sentence_share"]
    printed = capsys.readouterr().out
    assert f"one sentence {share:.1%} of the instances" in printed
    assert abs(value["statistics"]["label_1_share"] - 0.5) < 0.1
    record_set = RecordSet.open(str(tmp_path / "a.tfrecord"))
    count = record_set.count()
    (batch,) = (
        pretraining_dataset(record_set, count, training=True, seed=5)
        .take(1)
        .as_numpy_iterator()
    )
    alone = batch["segment_ids"].max(axis=1) == 0
    assert 0.2 < alone.mean() == pytest.approx(share)
    labels = batch["next_sentence_labels"][:, 0]
    assert not labels[alone].any() and 0.3 < labels[~alone].mean() < 0.7


def test_command_of_the_original(tmp_path, run_recipe, contents):
    run_recipe(
        f"{tmp_path}/a.tfrecord,{tmp_path}/b.tfrecord",
        "--vocab_file=30k-clean.vocab",
        "--input_file_mode=r",
        "--do_lower_case=True",
        "--do_whole_word_mask=True",
        "--do_permutation=False",
        "--favor_shorter_ngram=True",
        "--random_next_sentence=False",
        "--max_predictions_per_seq=20",
        "--ngram=3",
        "--random_seed=12345",
        "--masked_lm_prob=0.15",
        "--short_seq_prob=0.1",
    )
    assert sorted(contents(tmp_path)) == ["a.json", "a.tfrecord", "b.tfrecord"]
    record_set = RecordSet.open(f"{tmp_path}/*.tfrecord")
    assert abs(record_set.counts[0] - record_set.counts[1]) <= 1


def test_gzip_in_and_out(tmp_path, run_recipe):
    zipped = tmp_path / "text.txt.gz"
    zipped.write_bytes(gzip.compress(INPUT.read_bytes()))
    run_recipe(tmp_path / "a.tfrecord")
    run_recipe(tmp_path / "b.tfrecord", "--compression=GZIP", text=zipped)
    plain, packed = tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"
    assert packed.stat().st_size < plain.stat().st_size / 2
    assert list(framing.iterate_records(plain)) == list(
        framing.iterate_records(packed)
    )


def test_rows_are_documents(tmp_path, run_recipe):
    rows = tmp_path / "rows.jsonl"
    documents = INPUT.read_text("utf-8").split("\n\n")
    rows.write_text(
        "".join(json.dumps({"body": text}) + "\n" for text in documents)
    )
    run_recipe(tmp_path / "a.tfrecord", "--sentence_splitting=lines")
    run_recipe(
        tmp_path / "b.tfrecord",
        "--sentence_splitting=lines",
        "--text_field=body",
        text=rows,
    )
    assert (tmp_path / "a.tfrecord").read_bytes() == (
        tmp_path / "b.tfrecord"
    ).read_bytes()


def test_what_is_left_out_is_counted_and_listed(tmp_path, capsys, run_recipe):
    twice = tmp_path / "twice.txt"
    twice.write_bytes(INPUT.read_bytes() + b"\n" + INPUT.read_bytes())
    listing = tmp_path / "left_out.jsonl"
    run_recipe(tmp_path / "a.tfrecord")
    run_recipe(
        tmp_path / "b.tfrecord",
        "--duplicates=documents",
        f"--left_out_file={listing}",
        text=twice,
    )
    assert (tmp_path / "a.tfrecord").read_bytes() == (
        tmp_path / "b.tfrecord"
    ).read_bytes()
    value = json.loads((tmp_path / "b.json").read_text())
    (count,) = value["left_out"].values()
    assert count["number"] == value["corpus"]["documents"] == 60
    assert RecordSet.open(str(tmp_path / "b.tfrecord")).metadata == value
    assert "left_out" not in json.loads((tmp_path / "a.json").read_text())
    assert "left out     duplicate document: 60, " in capsys.readouterr().out
    entries = list(map(json.loads, listing.read_text("utf-8").splitlines()))
    assert len(entries) == 60
    assert {entry["file"] for entry in entries} == {str(twice)}


def write_bad_inputs(directory):
    (directory / "empty.txt").write_text("\n \n")
    (directory / "rows.txt").write_text('{"body": "It rained."}\n')
    (directory / "latin.txt").write_bytes(b"fine\ncaf\xe9\n")
    (directory / "word.txt").write_text("the\n")
    (directory / "one.txt").write_text("one document.\nof two lines.\n")
    (directory / "broken.model").write_text("not a model")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--input_file=nowhere.txt"], ["nowhere.txt"]),
        (["--input_file="], ["--input_file=", "empty"]),
        (["--output_file="], ["--output_file=", "empty"]),
        (["--spm_model_file="], ["--spm_model_file=", "empty"]),
        (["--input_file=empty.txt"], ["empty.txt"]),
        (["--input_file=latin.txt"], ["latin.txt", "line 2", "UTF-8"]),
        (["--input_file=rows.txt"], ["rows.txt", "JSON lines", "(body)"]),
        (
            ["--input_file=rows.txt", "--text_field=text"],
            ["rows.txt", 'no field "text"', '"body"'],
        ),
        (["--input_file=word.txt"], ["word.txt", "two sentences"]),
        (["--input_file=one.txt", "--objective=nsp"], ["two documents"]),
        (["--spm_model_file=none.model"], ["none.model"]),
        (["--spm_model_file=broken.model"], ["broken.model"]),
        (["--max_predictions_per_seq=0"], ["--max_predictions_per_seq"]),
        (["--max_predictions_per_seq=62"], ["--max_predictions_per_seq"]),
        (["--max_seq_length=4"], ["--max_seq_length"]),
        (["--dupe_factor=0"], ["--dupe_factor"]),
        (["--masked_lm_prob=0"], ["--masked_lm_prob"]),
        (["--short_seq_prob=1.5"], ["--short_seq_prob"]),
        (["--single_sentence_share=1"], ["--single_sentence_share"]),
        (
            ["--single_sentence_share=0.1", "--objective=nsp"],
            ["--single_sentence_share=0.1", "--objective=sop, not nsp"],
        ),
        (["--num_shards=0"], ["--num_shards"]),
        (["--do_permutation"], ["--do_permutation"]),
        (
            ["--objective=sop", "--random_next_sentence"],
            ["--random_next_sentence", "--objective=sop"],
        ),
        (["--output_file=one.txt/a/b.tfrecord"], ["one.txt", "in the way"]),
        (["--output_file=gs://bucket/a"], ["gs://bucket", "--output_file"]),
        (["--output_file=exists.tfrecord", "--overwrite"], ["no records"]),
        (
            ["--output_file=new/folder/a.tfrecord", "--input_file=latin.txt"],
            ["latin.txt", "UTF-8"],
        ),
        (["--output_file=one.txt", "--overwrite"], ["one.txt"]),
        (["--left_out_file=one.txt"], ["one.txt", "--left_out_file"]),
        (["--left_out_file=./a.tfrecord"], ["a.tfrecord", "already"]),
        (["--left_out_file=a.json"], ["a.json", "already"]),
        (["--left_out_file=a.json", "--num_shards=2"], ["a.json", "already"]),
        (["--min_document_characters=1000000"], ["all text was left out"]),
        (["--output_file=exists.tfrecord"], ["exists", "--overwrite"]),
    ],
)
def test_bad_input_writes_nothing(
    tmp_path, monkeypatch, arguments, words, contents, run_recipe
):
    monkeypatch.chdir(tmp_path)
    write_bad_inputs(tmp_path)
    (tmp_path / "exists.tfrecord").write_text("mine")
    if "--output_file=one.txt" in arguments:
        arguments = [*arguments, "--input_file=one.txt"]
    before = contents(tmp_path)
    with pytest.raises((UserError, flags.Error)) as caught:
        run_recipe("a.tfrecord", *arguments)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert contents(tmp_path) == before


def test_directory_is_made(tmp_path, run_recipe, contents):
    run_recipe(tmp_path / "new" / "folder" / "a.tfrecord")
    assert sorted(contents(tmp_path / "new" / "folder")) == [
        "a.json",
        "a.tfrecord",
    ]


def test_fault_is_an_error_and_leaves_nothing(tmp_path, run_recipe, contents):
    def fail(self, unit):
        raise RuntimeError("a fault")

    with (
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(RuntimeError, match="a fault"),
    ):
        patch.setattr(pretraining.RecordMaker, "make_records", fail)
        run_recipe(tmp_path / "a.tfrecord")
    assert contents(tmp_path) == {}


@pytest.fixture
def start(tmp_path):
    """Starts a long run in a process of its own, killed when a test fails."""
    with contextlib.ExitStack() as stack:

        def start_process(*arguments):
            text = tmp_path / "text" / "long.txt"
            text.parent.mkdir()
            text.write_text(INPUT.read_text() * 40)
            (tmp_path / "out").mkdir()
            process = subprocess.Popen(
                [
                    # SIGINT is ignored, as in a background job of a script.
                    *("sh", "-c", 'trap "" INT; exec "$@"', "sh"),
                    sys.executable,
                    str(RECIPE),
                    f"--input_file={text}",
                    f"--output_file={tmp_path}/out/a.tfrecord",
                    f"--spm_model_file={MODEL}",
                    "--max_seq_length=61",
                    "--dupe_factor=400",
                    "--num_workers=2",
                    *arguments,
                ],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield start_process


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_records_are_written(process, folder):
    def is_writing():
        assert process.poll() is None
        return any(
            path.stat().st_size
            for path in folder.glob(".a.json.albert-incomplete/new/*")
        )

    wait_until(is_writing)


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        signal.SIGTERM,
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_stopped_run_leaves_no_final_name(start, tmp_path, number, run_recipe):
    process = start()
    wait_until_records_are_written(process, tmp_path / "out")
    workers = children(process.pid)
    assert workers
    for flag in ("--random_seed=5", "--overwrite"):
        with pytest.raises(UserError, match="another process is writing"):
            run_recipe(tmp_path / "out" / "a.tfrecord", flag)
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    if number == signal.SIGKILL:
        assert names == [".a.json.albert-incomplete"]
        # The next run takes what was left away.
        run_recipe(tmp_path / "out" / "a.tfrecord")
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert names == ["a.json", "a.tfrecord"]
    else:
        assert names == []
        assert process.returncode == 130
    wait_until(
        lambda: not any(os.path.exists(f"/proc/{worker}") for worker in workers)
    )


def children(pid):
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in tasks for child in path.read_text().split()]


def test_killed_worker_is_one_line(start, tmp_path):
    process = start()
    wait_until_records_are_written(process, tmp_path / "out")
    for worker in children(process.pid):
        command = pathlib.Path(f"/proc/{worker}/cmdline").read_bytes()
        if b"spawn_main" in command:
            os.kill(worker, signal.SIGKILL)
            break
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert "a worker process was killed" in errors.splitlines()[-1]
    assert not list((tmp_path / "out").iterdir())


SHARDED = ("train.json", *(f"train-0000{i}-of-00003.json" for i in range(3)))


@pytest.fixture
def run_shard(tmp_path, run_recipe):
    """Makes shards of a text of four files."""
    text = INPUT.read_text()[:12_000]
    for index in range(4):
        file = tmp_path / "text" / f"{index}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text * (1 + index))

    def run(shard, *arguments, folder="records"):
        (tmp_path / folder).mkdir(exist_ok=True)
        run_recipe(
            tmp_path / folder / "train.tfrecord",
            f"--shard={shard}",
            *arguments,
            text=tmp_path / "text" / "*.txt",
        )

    return run


def test_shards_are_the_same_whoever_makes_them(tmp_path, run_shard, contents):
    run_shard("all/3", folder="one")
    for shard in ("2/3", "0/3", "1/3", "merge/3"):
        run_shard(shard, folder="many")
    assert contents(tmp_path / "one") == contents(tmp_path / "many")
    metadata = json.loads((tmp_path / "one" / "train.json").read_text())
    files = [entry["name"] for entry in metadata["files"]]
    assert files == [f"train-0000{i}-of-00003.tfrecord" for i in range(3)]
    record_set = RecordSet.open(str(tmp_path / "one" / "train-*.tfrecord"))
    assert record_set.count() == metadata["statistics"]["instances"]
    # The same text in other pairs, so that no shard repeats another.
    first, second = (
        list(framing.iterate_records(str(tmp_path / "one" / name)))
        for name in files[:2]
    )
    assert not set(first) & set(second)
    # Without the JSON of all, they are seen to be of one set.
    (tmp_path / "many" / "train.json").unlink()
    file = str(tmp_path / "many" / "train-00000-of-00003.tfrecord")
    ((found,), _) = found_sets.find_sets([file])
    assert (len(found.entries), found.faults) == (3, [])


def test_counts_are_those_of_all_shards(tmp_path, run_shard):
    run_shard("all/3")
    whole, *parts = (
        json.loads((tmp_path / "records" / name).read_text())
        for name in SHARDED
    )
    for key in ("bytes", "documents", "sentences", "tokens", "characters"):
        assert whole["corpus"][key] == sum(
            each["corpus"][key] for each in parts
        )
    figures = [each["statistics"] for each in parts]
    instances = [each["instances"] for each in figures]
    assert whole["statistics"]["instances"] == sum(instances)
    for key in ("mean_length", "masked_per_instance", "label_1_share"):
        mean = sum(
            n * each[key] for n, each in zip(instances, figures, strict=True)
        )
        assert whole["statistics"][key] == pytest.approx(mean / sum(instances))
    accuracies = [each["surface"]["accuracy"] for each in figures]
    joined = whole["statistics"]["surface"]
    assert min(accuracies) <= joined["accuracy"] <= max(accuracies)
    assert joined["chance"] < figures[0]["surface"]["chance"]
    assert "counts" not in whole


def test_only_missing_shards_are_made(tmp_path, capsys, run_shard, contents):
    run_shard("all/3", folder="whole")
    run_shard("1/3")
    before = os.stat(tmp_path / "records" / SHARDED[2]).st_mtime_ns
    capsys.readouterr()
    run_shard("all/3")
    printed = capsys.readouterr().out
    assert "train-00001-of-00003.tfrecord is there already" in printed
    assert printed.count("is there already") == 1
    assert os.stat(tmp_path / "records" / SHARDED[2]).st_mtime_ns == before
    assert contents(tmp_path / "records") == contents(tmp_path / "whole")
    run_shard("all/3")
    assert capsys.readouterr().out.count("is there already") == 3


def test_shard_that_a_kill_left_between_two_names(
    tmp_path, run_shard, contents
):
    run_shard("all/3", folder="whole")
    run_shard("all/3")
    # What commit does: the JSON first, then the file.
    file = tmp_path / "records" / "train-00001-of-00003.tfrecord"
    place = tmp_path / "records" / f".{SHARDED[2]}.albert-incomplete"
    (place / "ready").mkdir(parents=True)
    file.rename(place / "ready" / file.name)
    run_shard("all/3")
    assert contents(tmp_path / "records") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("--masked_lm_prob=0.2", "masked_lm_prob 0.15, not 0.2"),
        ("--objective=none", "objective 'sop', not 'none'"),
        ("--max_seq_length=37", "max_seq_length 61, not 37"),
        ("--sentence_splitting=prose", "sentence_splitting 'auto', not"),
        ("--min_document_characters=3", "min_document_characters 0, not 3"),
    ],
)
def test_shards_of_other_settings_are_refused(run_shard, change, words):
    run_shard("0/3")
    for shard in ("0/3", "all/3", "merge/3"):
        with pytest.raises(UserError, match=words):
            run_shard(shard, change)


def test_shards_of_another_text_are_refused(tmp_path, run_shard, contents):
    run_shard("0/3")
    before = contents(tmp_path / "records")
    with open(tmp_path / "text" / "0.txt", "a") as stream:
        stream.write("More of it.\n")
    with pytest.raises(UserError, match="was made with another text: names"):
        run_shard("0/3")
    assert contents(tmp_path / "records") == before
    run_shard("0/3", "--overwrite")
    assert contents(tmp_path / "records") != before


def test_shards_that_are_missing_are_warned_of(tmp_path, run_shard, caplog):
    """There is no JSON of the whole set then."""
    run_shard("1/3")
    records = RecordSet.open(str(tmp_path / "records" / "*.tfrecord"))
    schema, size = records.schema, records.metadata["vocabulary"]["size"]
    with caplog.at_level("WARNING", logger="absl"):
        records.check(
            schema.max_seq_length, schema.max_predictions_per_seq, size
        )
    assert (
        f"of the 3 shards of {tmp_path}/records/train.json, 2 are missing "
        "(train-00000-of-00003.tfrecord, ...)"
    ) in caplog.text


def test_merging_needs_every_shard(tmp_path, run_shard):
    run_shard("1/3")
    with pytest.raises(UserError, match=r"2 of 3 shards are missing.*\(0, 2\)"):
        run_shard("merge/3")
    run_shard("all/3")
    file = tmp_path / "records" / "train-00001-of-00003.tfrecord"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match="not as long as"):
        run_shard("merge/3")
    run_shard("all/3", "--overwrite")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--num_shards=2"], "--num_shards=2.*3 files"),
        (["--left_out_file=left.jsonl"], "would not list"),
    ],
)
def test_flags_that_do_not_go_with_shards(run_shard, arguments, words):
    with pytest.raises(UserError, match=words):
        run_shard("all/3", *arguments)


def test_disk_that_may_be_too_small_is_warned_of(
    tmp_path, monkeypatch, caplog, run_recipe
):
    monkeypatch.setattr(pretraining_sets, "_free_space", lambda _: 1000)
    with caplog.at_level("WARNING", logger="absl"):
        run_recipe(tmp_path / "a.tfrecord")
    # Text of kilobytes is not said to take 0 MB.
    words = r"has 0\.0 MB of free space, and this may take about \d\.\d MB of r"
    assert re.search(words, caplog.text)


def test_share_of_unknown_pieces_is_no_setting_of_a_shard(tmp_path, run_shard):
    """Its refusal says to give a larger one, for that shard alone."""
    run_shard("0/3", "--max_unknown_share=0.5")
    path = tmp_path / "records" / SHARDED[1]
    metadata = json.loads(path.read_text())
    assert "max_unknown_share" not in metadata["reading"]
    metadata["reading"]["max_unknown_share"] = 0.3  # as older ones have it
    path.write_text(json.dumps(metadata))
    run_shard("all/3")
    assert (tmp_path / "records" / "train.json").exists()


def test_shard_that_cannot_be_made_again_leaves_the_json_of_all(
    tmp_path, run_shard, contents
):
    run_shard("all/3")
    before = contents(tmp_path / "records")
    with pytest.raises(UserError, match="all text was left out"):
        run_shard("1/3", "--overwrite", "--min_document_characters=1000000")
    assert contents(tmp_path / "records") == before


def test_text_that_changes_while_its_shard_is_made(
    tmp_path, run_shard, monkeypatch
):
    finish = pretraining_sets.token_cache.TokenCacheWriter.finish

    def change(self):
        with open(tmp_path / "text" / "3.txt", "a") as stream:
            stream.write("More of it.\n")
        return finish(self)

    monkeypatch.setattr(
        pretraining_sets.token_cache.TokenCacheWriter, "finish", change
    )
    with pytest.raises(UserError, match=r"3\.txt has changed while"):
        run_shard("0/3")
    assert not list((tmp_path / "records").iterdir())


def test_text_that_changes_while_records_are_made(
    tmp_path, run_recipe, monkeypatch
):
    text = tmp_path / "a.txt"
    text.write_bytes(pathlib.Path(INPUT).read_bytes())
    writer = pretraining_sets.token_cache.TokenCacheWriter
    finish = writer.finish

    def change(self):
        with open(text, "a") as stream:
            stream.write("More of it.\n")
        return finish(self)

    monkeypatch.setattr(writer, "finish", change)
    with pytest.raises(UserError, match=r"a\.txt: was replaced while it was"):
        run_recipe(tmp_path / "new" / "a.tfrecord", text=text)
    assert not (tmp_path / "new").exists()


def test_list_of_what_a_shard_left_out(tmp_path, run_shard, contents):
    listing = tmp_path / "left.jsonl"
    arguments = ("--duplicates=documents", f"--left_out_file={listing}")
    run_shard("0/3", *arguments)
    before = listing.read_bytes()
    assert before
    # A job that is started again.
    run_shard("0/3", *arguments)
    assert listing.read_bytes() == before
    # A kill came between the shard and the list.
    listing.unlink()
    with pytest.raises(UserError, match="is there already, and .*overwrite"):
        run_shard("0/3", *arguments)
    assert not listing.exists()
    run_shard("0/3", *arguments, "--overwrite")
    assert listing.read_bytes() == before


def test_static_and_dynamic_shards_are_not_mixed(run_shard):
    run_shard("0/3", "--masking=dynamic")
    with pytest.raises(UserError, match="masking 'dynamic', not None"):
        run_shard("all/3")


def test_shard_of_its_number_is_made_again(tmp_path, run_shard, contents):
    run_shard("all/3")
    before = contents(tmp_path / "records")
    file = tmp_path / "records" / "train-00001-of-00003.tfrecord"
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 255
    file.write_bytes(damaged)
    run_shard("all/3", "--overwrite")  # those that look right are kept
    assert file.read_bytes() == damaged
    run_shard("1/3", "--overwrite")
    run_shard("all/3")
    assert contents(tmp_path / "records") == before


def test_json_of_all_shards_is_not_that_of_other_masks(tmp_path, run_shard):
    """Dynamic records are the same bytes with any masks."""
    run_shard("all/3", "--masking=dynamic")
    other = ("--masking=dynamic", "--masked_lm_prob=0.4")
    (tmp_path / "records" / SHARDED[1]).unlink()
    (tmp_path / "records" / "train-00000-of-00003.tfrecord").unlink()
    with pytest.raises(UserError, match=r"train.json is of .*0.15, not 0.4"):
        run_shard("0/3", *other)
    for shard in ("0/3", "1/3", "2/3"):
        run_shard(shard, *other, "--overwrite")
        assert not (tmp_path / "records" / "train.json").exists()
    run_shard("merge/3", *other)
    merged = json.loads((tmp_path / "records" / "train.json").read_text())
    assert merged["settings"]["masked_lm_prob"] == 0.4


def test_text_of_the_same_names_and_sizes_is_another(tmp_path, run_shard):
    run_shard("0/3")
    file = tmp_path / "text" / "3.txt"  # the largest is in the first shard
    file.write_text(file.read_text().swapcase())
    with pytest.raises(UserError, match="was made with another text: names"):
        run_shard("0/3")


def test_shard_that_a_kill_left_without_names(tmp_path, run_shard, contents):
    run_shard("all/3", folder="whole")
    run_shard("all/3")
    folder = tmp_path / "records"
    place = folder / f".{SHARDED[2]}.albert-incomplete"
    (place / "ready").mkdir(parents=True)
    for name in (SHARDED[2], "train-00001-of-00003.tfrecord"):
        (folder / name).rename(place / "ready" / name)
    run_shard("all/3")
    assert contents(folder) == contents(tmp_path / "whole")


def test_empty_files_make_no_shard(tmp_path, run_shard):
    for name in ("4.txt", "5.txt"):
        (tmp_path / "text" / name).touch()
    run_shard("all/3")
    with pytest.raises(UserError, match="6 shards need as many.*are 4"):
        run_shard("all/6", folder="other")


@pytest.mark.parametrize("key", ["counts", "files"])
def test_damaged_json_of_a_shard(tmp_path, run_shard, key):
    run_shard("all/3")
    path = tmp_path / "records" / SHARDED[1]
    metadata = json.loads(path.read_text())
    metadata[key] = [] if key == "files" else {}
    path.write_text(json.dumps(metadata))
    with pytest.raises(UserError, match="train-00000-of-00003"):
        run_shard("merge/3")


def test_relative_and_absolute_paths(tmp_path, run_shard, call_recipe):
    file = tmp_path / "text" / "0.txt"
    relative = os.path.relpath(tmp_path / "text" / "1.txt")
    call_recipe(
        RECIPE,
        f"--input_file={file},{relative}",
        f"--output_file={tmp_path}/t.tfrecord",
        f"--spm_model_file={MODEL}",
        *("--max_seq_length=61", "--dupe_factor=1", "--num_workers=1"),
        "--shard=0/2",
    )
