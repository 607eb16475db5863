# SPDX-License-Identifier: Apache-2.0
"""What is written for the pairs of a split, and what it is compared with."""

import json

import numpy as np
import pytest

from albert.text_to_text import text_metrics
from albert.text_to_text import translation_evaluation
from albert.text_to_text.pair_data import PairData
from albert.text_to_text.pair_features import PairSettings
from albert.text_to_text.pair_features import encode_pairs
from albert.text_to_text.parallel_text import PairTable
from albert.text_to_text.parallel_text import ParallelFiles
from albert.text_to_text.token_batches import BatchLimits
from albert.text_to_text.translation import SearchSettings
from albert.text_to_text.translation import Translation

# The first, the third and the last have ids: the others are too long, have a
# text on one side only, or none.
PAIRS = [
    ("a b", "A B"),
    ("c", "C D E F G H"),
    ("b", "B"),
    ("", "E"),
    ("d", " "),
    # A space of no width has no piece.
    ("g", "\u200b"),
    ("", ""),
    ("a b c d e", "A"),
    ("f", "F"),
]
WRITTEN = ["A B", "C", "B", "", "", "", "", "A B C", "F"]


class Capitals:
    """Translator that writes the first three letters of a source large."""

    settings = SearchSettings(
        max_seq_length=5,
        max_target_length=4,
        beam_size=3,
        length_penalty=0.5,
        batch_size=2,
    )

    def translate(self, texts, counts, advance):
        counts.texts += len(texts)
        counts.cut += sum(len(text.split()) > 3 for text in texts)
        counts.full += sum(len(text.split()) == 2 for text in texts)
        counts.empty += 1
        counts.target_pieces += 8
        counts.target_unknown += 2
        advance(len(texts))
        return [
            [Translation(text[:5].upper(), -0.5), Translation("M", -2.0)]
            for text in texts
        ]


def share_equal(metrics, written, references, lower_case, bleu_tokenizer):
    """Stands in for ``text_metrics.compute``, without its packages."""
    equal = np.mean([a == b for a, b in zip(written, references, strict=True)])
    signature = f"n:{len(written)}|lc:{lower_case}|tok:{bleu_tokenizer}"
    return {metrics[0]: 100 * float(equal)}, {metrics[0]: signature}


@pytest.fixture
def data(tmp_path, tokenizer):
    return read(write_files(tmp_path), tokenizer)


def write_files(folder):
    for side, name in enumerate(("en", "de")):
        (folder / name).write_text("".join(f"{pair[side]}\n" for pair in PAIRS))
    return ParallelFiles(str(folder / "en"), str(folder / "de"))


def read(pairs, tokenizer):
    encoded = encode_pairs(
        pairs,
        tokenizer,
        PairSettings(
            max_seq_length=5,
            max_target_length=4,
            max_left_out_share=0.9,
            max_unknown_share=0.9,
        ),
        split="dev",
        keep_texts=True,
    )
    limits = BatchLimits(
        most_tokens=40,
        most_rows=4,
        rows_multiple=1,
        source_lengths=(5,),
        target_lengths=(4,),
    )
    return PairData("dev", pairs.path, encoded, limits)


def evaluate(data, metrics=("bleu",)):
    return translation_evaluation.evaluate(
        data, {"loss": 2.0}, Capitals(), metrics, False, "char"
    )


def test_pairs_that_losses_leave_out_are_written_and_scored(
    data, tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(text_metrics, "compute", share_equal)
    assert data.num_examples == 3
    outcome = evaluate(data)
    paths = outcome.write(str(tmp_path / "out"), "ckpt-7", data)
    texts = tmp_path / "out" / "dev_predictions.txt"
    assert texts.read_text().splitlines() == WRITTEN
    header, *rows = [
        line.split("\t")
        for line in (tmp_path / "out" / "dev_predictions.tsv")
        .read_text()
        .splitlines()
    ]
    assert header == ["source", "target", "prediction", "score"]
    scores = ["-0.5000" if text else "0.0000" for text in WRITTEN]
    assert rows == [
        [*pair, text, score]
        for pair, text, score in zip(PAIRS, WRITTEN, scores, strict=True)
    ]
    results = json.loads((tmp_path / "out" / "eval_results.json").read_text())
    assert results["checkpoint"] == "ckpt-7" and results["loss"] == 2.0
    # Three of these five are right, and none of the sources.
    assert results["bleu"] == 60 and results["baseline"] == {"bleu": 0}
    assert results["signatures"] == {"bleu": "n:5|lc:False|tok:char"}
    assert results["search"] == {
        "beam_size": 3,
        "length_penalty": 0.5,
        "max_target_length": 4,
    }
    assert (results["scored_pairs"], results["cut_sources"]) == (5, 1)
    assert results["full_targets"] == 1
    assert results["empty_targets"] == 1
    assert results["target_unknown_share"] == 0.25
    assert f"{data.path}: 1 of 5 texts with pieces have an em" in caplog.text
    assert f"{data.path}: 25.0% of the pieces of the targets" in caplog.text
    assert results["data"][0]["examples"] == 3
    assert results["data"][0]["pairs"]["long_target"] == 1
    assert len(paths) == 3


def test_a_table_with_what_would_break_it(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr(text_metrics, "compute", share_equal)
    path = tmp_path / "pairs.tsv"
    path.write_text("a\\n\tA\n\nb\tB\r\n")
    data = read(PairTable(str(path), "1", "2"), tokenizer)
    evaluate(data).write(str(tmp_path / "out"), "ckpt-7", data)
    # Blank lines of a table stay.
    table = (tmp_path / "out" / "dev_predictions.tsv").read_text()
    assert table.splitlines()[1:] == [
        "a\\\\n\tA\tA\\\\N\t-0.5000",
        "\t\t\t0.0000",
        "b\tB\tB\t-0.5000",
    ]


def test_without_metrics_nothing_is_written(data, tmp_path):
    outcome = evaluate(data, metrics=())
    (path,) = outcome.write(str(tmp_path / "out"), "ckpt-7", data)
    results = json.loads((tmp_path / "out" / "eval_results.json").read_text())
    assert set(results) == {
        *("albert_version", "checkpoint", "data", "loss", "baseline")
    }
