# SPDX-License-Identifier: Apache-2.0
"""BLEU, chrF and ROUGE (run by `make test-extras`)."""

import sacrebleu
from rouge_score import rouge_scorer

from albert.text_to_text import text_metrics

WRITTEN = [
    "A man is standing on the ladder and cleans a window.",
    "Two dogs play in the snow.",
    "",
]
REFERENCES = [
    "A man in a blue shirt is standing on a ladder cleaning a window.",
    "Two dogs are playing in the snow.",
    "A girl climbs.",
]


def compute(*metrics, lower_case=False, **options):
    return text_metrics.compute(
        metrics, WRITTEN, REFERENCES, lower_case, **options
    )


def test_bleu_and_chrf_are_those_of_sacrebleu():
    values, signatures = compute("bleu", "chrf")
    assert values == {
        "bleu": sacrebleu.corpus_bleu(WRITTEN, [REFERENCES]).score,
        "chrf": sacrebleu.corpus_chrf(WRITTEN, [REFERENCES]).score,
    }
    assert 10 < values["bleu"] < 60 and 30 < values["chrf"] < 70
    version = f"version:{sacrebleu.__version__}"
    assert signatures == {
        "bleu": f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|{version}",
        "chrf": f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|{version}",
    }


def test_case_and_tokenizer_of_bleu():
    _, signatures = compute("bleu", lower_case=True, bleu_tokenizer="char")
    assert "|case:lc|" in signatures["bleu"]
    assert "|tok:char|" in signatures["bleu"]
    for tokenizer in text_metrics.BLEU_TOKENIZERS:
        values, _ = compute("bleu", bleu_tokenizer=tokenizer)
        assert 0 < values["bleu"] < 100


def test_rouge_is_that_of_rouge_score():
    values, signatures = compute("rouge")
    names = ["rouge1", "rouge2", "rougeL"]
    scorer = rouge_scorer.RougeScorer(names, use_stemmer=False)
    scores = [
        scorer.score(reference, text)
        for text, reference in zip(WRITTEN, REFERENCES, strict=True)
    ]
    for name, ours in zip(
        names, ("rouge_1", "rouge_2", "rouge_l"), strict=True
    ):
        mean = sum(score[name].fmeasure for score in scores) / 3
        assert abs(values[ours] - 100 * mean) < 1e-9
    assert signatures["rouge"].startswith("f:mean|stem:no|words:unicode|")


def test_rouge_of_other_scripts():
    texts = ["Größe: 3 Äpfel", "собака лает"]
    values, _ = text_metrics.compute(["rouge"], texts, texts, False)
    assert values == {"rouge_1": 100, "rouge_2": 100, "rouge_l": 100}
    values, _ = text_metrics.compute(["rouge"], ["Große"], ["Größe"], False)
    assert values["rouge_1"] == 0
    # One of two vowel signs, and one of two characters.
    for written, reference in (("की", "का"), ("東京", "東方")):
        values, _ = text_metrics.compute(["rouge"], [written], [reference], 0)
        assert values["rouge_1"] == (50 if written == "東京" else 0)
    values, _ = text_metrics.compute(["rouge"], ["Cafe\u0301"], ["Café"], 0)
    assert values["rouge_1"] == 100
