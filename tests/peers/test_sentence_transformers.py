# SPDX-License-Identifier: Apache-2.0
"""sentence-transformers opens what this package exports for it."""

import json

import numpy as np
import pytest
import sentence_transformers

import albert
from albert.convert import convert
from albert.export.sentence_transformers import export

TOLERANCE = 1e-5
# Without two ways to cut a text that have the same score, such as 00 0 and
# 0 00, of which the package tokenizers takes another one.
TEXTS = [
    "",
    " ",
    "a",
    "The house by the river was empty, and nobody had lived in it since 1911.",
    "He paid 950 pounds (or £1.050?) for a café in Zürich; naïve, wasn't he?",
    "ΠΕΡΙΣΣΟΤΕΡΑ λόγια, Ελληνικά ΣΑΣ καὶ πάλιν; ещё раз, совсем другое дело.",
    "한국어 문장도 하나 있고 漢字とかなも少し。 हिन्दी में भी।",
    "  two   spaces\tand\na line, NBSP\u00a0ideographic\u3000zero\u200bwidth  ",
    "``quotes'' of '''three''' ` and ´ emoji 👩‍👩‍👧",
    "A long one is cut. " * 40,
    "x" * 300,
]


def vectors_of(directory):
    model = sentence_transformers.SentenceTransformer(
        str(directory), device="cpu"
    )
    return model, model.encode(TEXTS, show_progress_bar=False)


def assert_equal(vectors, wanted):
    assert vectors.shape == wanted.shape
    assert np.abs(wanted).max() > 0.1
    # The vectors of two texts differ by more than the tolerance.
    assert np.abs(wanted[2] - wanted[3]).max() > 100 * TOLERANCE
    assert np.abs(vectors - wanted).max() < TOLERANCE


@pytest.mark.parametrize(
    ("head", "pooling", "normalize", "length"),
    [
        ("pretraining", "mean", False, None),
        ("classification", "cls", True, 17),
        ("pretraining", "max", False, 23),
    ],
)
def test_vectors_are_those_of_embed(
    models, tmp_path, head, pooling, normalize, length
):
    export(str(models(head)), str(tmp_path / "a"), length, pooling, normalize)
    model, vectors = vectors_of(tmp_path / "a")
    ours = albert.load(models(head), max_seq_length=length)
    wanted = ours.embed(TEXTS, pooling=pooling, normalize=normalize)
    assert_equal(vectors, wanted)
    assert model.max_seq_length == (length or 128)
    assert model.similarity_fn_name == "cosine"
    assert len(model) == (3 if normalize else 2)


def test_no_vector_depends_on_the_pooler_that_it_makes(models, tmp_path):
    convert(
        models("pretraining"), tmp_path / "a", "huggingface", head="masked_lm"
    )
    export(str(tmp_path / "a"), str(tmp_path / "b"))
    _, vectors = vectors_of(tmp_path / "b")
    assert_equal(vectors, albert.load(models("pretraining")).embed(TEXTS))


def test_names_are_those_that_it_reads_of_itself(models, tmp_path):
    """What it writes of the model that it opened says the same."""
    export(str(models("pretraining")), str(tmp_path / "a"), 19, "max", True)
    model, vectors = vectors_of(tmp_path / "a")
    model.save(str(tmp_path / "b"))
    steps = json.loads((tmp_path / "b" / "modules.json").read_text())
    assert [step["path"] for step in steps] == ["", "1_Pooling", "2_Normalize"]
    again, repeated = vectors_of(tmp_path / "b")
    assert again.max_seq_length == 19
    np.testing.assert_array_equal(repeated, vectors)
