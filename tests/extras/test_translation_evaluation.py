# SPDX-License-Identifier: Apache-2.0
"""Evaluations with sacrebleu and rouge-score (run by `make test-extras`)."""

import json
import types

import sacrebleu

from albert.text_to_text import translation_evaluation
from albert.text_to_text.translation import Translation

SOURCES = ["Two dogs play in the snow.", "", "A girl climbs a wall.", "One"]
TARGETS = ["Two dogs are playing in the snow.", "Nothing", "A girl climbs.", ""]
WRITTEN = ["Two dogs are playing in snow.", "", "A girl is climbing it.", ""]


class Translator:
    """Translator that knows what to write."""

    settings = types.SimpleNamespace(
        beam_size=4, length_penalty=0.5, max_target_length=20
    )

    def translate(self, texts, counts, advance):
        counts.texts += len(texts)
        written = dict(zip(SOURCES, WRITTEN, strict=True))
        return [[Translation(written[text], -1.25)] for text in texts]


def test_what_results_say(tmp_path):
    data = types.SimpleNamespace(
        sources=SOURCES,
        targets=TARGETS,
        has_texts=[
            bool(source and target)
            for source, target in zip(SOURCES, TARGETS, strict=True)
        ],
        description={
            "split": "dev",
            "path": "dev.en, dev.de",
            "examples": 2,
            "checksum": "0123456789abcdef",
        },
    )
    outcome = translation_evaluation.evaluate(
        data,
        {"target_loss": 1.5},
        Translator(),
        ["bleu", "chrf", "rouge"],
        lower_case=False,
        bleu_tokenizer="13a",
    )
    outcome.write(str(tmp_path), "model.ckpt-best", data)
    results = json.loads((tmp_path / "eval_results.json").read_text())
    # Those with a text on both sides.
    sources, targets, written = (
        [texts[0], texts[2]] for texts in (SOURCES, TARGETS, WRITTEN)
    )
    assert results["bleu"] == sacrebleu.corpus_bleu(written, [targets]).score
    assert results["chrf"] == sacrebleu.corpus_chrf(written, [targets]).score
    baseline = results["baseline"]
    assert baseline["bleu"] == sacrebleu.corpus_bleu(sources, [targets]).score
    # Seven and three words against six and five: six, and two, are the same.
    rouge = (2 * 6 / (7 + 6) + 2 * 2 / (3 + 5)) / 2
    assert abs(results["rouge_1"] - 100 * rouge) < 1e-9
    assert set(baseline) == {"bleu", "chrf", "rouge_1", "rouge_2", "rouge_l"}
    assert results["target_loss"] == 1.5
    signatures = results["signatures"]
    assert signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|")
    assert set(signatures) == {"bleu", "chrf", "rouge"}
    assert results["search"] == vars(Translator.settings)
    assert results["scored_pairs"] == 2
    texts = (tmp_path / "dev_predictions.txt").read_text()
    assert texts.split("\n") == [*WRITTEN, ""]
    # What is there is the input of other programs, line by line.
    assert (
        (tmp_path / "dev_predictions.tsv")
        .read_text()
        .startswith(
            "source\ttarget\tprediction\tscore\n"
            f"{SOURCES[0]}\t{TARGETS[0]}\t{WRITTEN[0]}\t-1.2500\n"
            "\tNothing\t\t0.0000\n"
        )
    )
