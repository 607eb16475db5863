# SPDX-License-Identifier: Apache-2.0
"""What a comparison counts, with outputs made by hand."""

import pathlib
import types

import numpy as np
import pytest

from albert.errors import UserError
from albert.export import verification
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
TOKENIZER = Tokenizer(GOLDEN / "spm2000.model")
TEXTS = ("the dog barked at night", "no", "the house of the man")


def source(head, outputs=("logits",), length=17, **shapes):
    inputs = dict.fromkeys(
        ("input_ids", "input_mask", "segment_ids"), (length,)
    )
    return types.SimpleNamespace(
        head=head,
        outputs=outputs,
        tokenizer=TOKENIZER,
        max_seq_length=length,
        inputs={**inputs, **shapes},
    )


def examples(*lengths, size=7):
    mask = np.arange(size) < np.array(lengths)[:, None]
    return {
        "input_ids": np.ones(mask.shape, np.int32),
        "input_mask": mask.astype(np.int32),
    }


# ----------------------------------------------------------------- examples


def test_texts_alone_in_pairs_empty_and_full():
    made = verification.make_examples(source("classification"), TEXTS)
    lengths = made["input_mask"].sum(1)
    pieces = [len(TOKENIZER.encode(text)) for text in TEXTS]
    assert made["input_ids"].shape == (3 + 2 + 4, 17)
    assert lengths[:4].tolist() == [min(n + 2, 17) for n in pieces] + [2]
    assert lengths[4] == 17
    first = made["input_ids"][0, : lengths[0]].tolist()
    assert first == [
        TOKENIZER.cls_id,
        *TOKENIZER.encode(TEXTS[0])[:15],
        TOKENIZER.sep_id,
    ]
    assert not made["segment_ids"][:5].any()
    assert made["segment_ids"][5:].any(axis=1).all()
    separators = (made["input_ids"] == TOKENIZER.sep_id).sum(1)
    assert separators.tolist() == [1] * 5 + [2] * 4


def test_choices_are_different_sequences():
    made = verification.make_examples(
        source("multiple_choice", input_ids=(5, 17)), TEXTS
    )
    assert made["input_ids"].shape == (9, 5, 17)
    for row in made["input_ids"]:
        assert len({tuple(choice) for choice in row}) == 5


def test_answers_are_in_the_second_text_or_at_cls():
    made = verification.make_examples(source("span_v2", p_mask=(17,)), TEXTS)
    assert len(made["p_mask"]) == 4
    for row in range(4):
        ids, second = made["input_ids"][row], made["segment_ids"][row]
        allowed = np.flatnonzero(made["p_mask"][row] == 0)
        assert allowed[0] == 0
        assert second[allowed[1:]].all()
        assert TOKENIZER.sep_id not in ids[allowed]
        assert len(allowed) == second.sum()


def test_masks_are_where_the_positions_are():
    made = verification.make_examples(
        source("masked_lm", masked_lm_positions=(3,)), TEXTS
    )
    for row in range(len(made["input_ids"])):
        places = made["masked_lm_positions"][row]
        masked = np.flatnonzero(made["input_ids"][row] == TOKENIZER.mask_id)
        assert masked.tolist() == places[places > 0].tolist()
        assert made["input_mask"][row, masked].all()
    assert (made["masked_lm_positions"] > 0).any()


def test_masked_texts_are_fewer():
    texts = [f"the house {number}" for number in range(120)]
    head = source("masked_lm", masked_lm_positions=(3,))
    made = verification.make_examples(head, texts)
    assert len(made["input_ids"]) == 2 * 50 + 3
    last = TOKENIZER.encode(texts[-1])[-1]
    assert (made["input_ids"] == last).any()


def test_texts_without_pieces():
    with pytest.raises(UserError, match="no pieces"):
        verification.make_examples(source("classification"), [" ", ""])


def test_run_fills_the_last_batch_and_takes_it_away():
    sizes = []

    def function(batch):
        sizes.append(len(batch["input_ids"]))
        return {"double": 2 * batch["input_ids"][:, 0]}

    ids = np.arange(7)[:, None]
    outputs = verification.run(function, {"input_ids": ids}, batch_size=3)
    assert sizes == [3, 3, 3]
    assert outputs["double"].tolist() == [0, 2, 4, 6, 8, 10, 12]


# --------------------------------------------------------------- comparison


def logits(values):
    return {"logits": np.array(values, np.float32)}


def test_difference_and_agreement():
    compared = verification.compare(
        source("classification"),
        examples(3, 7),
        logits([[1.0, -4.0], [0.0, 0.25]]),
        logits([[1.0, -4.5], [0.25, 0.0]]),
    )
    assert compared.difference == 0.5
    # The scores are 2.5 and -2.5 around their mean, and 0.25 is lost.
    assert compared.relative == pytest.approx(0.1)
    assert (compared.agreeing, compared.answers) == (1, 2)


def test_what_all_scores_have_in_common_hides_no_error():
    shift = np.float32(1000.0)
    rows = [[2.0, -2.0], [0.5, -0.5]]
    wanted = logits(rows)["logits"] + shift
    received = wanted[:, ::-1]
    both = {"logits": wanted}, {"logits": received}
    compared = verification.compare(
        source("classification"), examples(3, 7), *both
    )
    assert compared.difference == 4.0
    assert compared.relative == pytest.approx(2.0)
    # A number is not chosen among others: its size counts.
    number = {"logits": wanted[:, :1]}, {"logits": received[:, :1]}
    compared = verification.compare(
        source("regression"), examples(3, 7), *number
    )
    assert compared.relative == pytest.approx(4.0 / 10.02)


@pytest.mark.parametrize("size", [1000.0, 0.001])
def test_numbers_are_measured_by_what_lies_between_them(size):
    right = size * np.array([[1.0], [1.5], [1.25]])
    there = right + size * np.array([[0.0], [0.125], [0.0]])
    compared = verification.compare(
        source("regression"),
        examples(3, 7, 2),
        {"logits": right},
        {"logits": there},
    )
    assert compared.relative == pytest.approx(0.25)
    # All the same, and the same.
    compared = verification.compare(
        source("regression"), examples(3), *2 * [{"logits": np.zeros((1, 1))}]
    )
    assert compared.relative == 0.0


def test_the_mean_of_starts_is_that_of_real_positions():
    right = np.array([[9.0, 8.0, 7.0, -1e4, -1e4, -1e4, -1e4]], np.float32)
    there = right[:, [2, 1, 0, 3, 4, 5, 6]]
    data = {"start_logits": right}, {"start_logits": there}
    data = [{**one, "end_logits": right} for one in data]
    compared = verification.compare(
        source("span_v1", ("start_logits", "end_logits")), examples(3), *data
    )
    assert compared.relative == pytest.approx(2.0)
    assert (compared.agreeing, compared.answers) == (1, 2)


def test_texts_of_files_are_spread_over_them(tmp_path):
    (tmp_path / "a").write_text("one\n\n two \n")
    lines = [str(number) for number in range(2 * verification.MOST_TEXTS + 1)]
    (tmp_path / "b").write_text("\n".join(lines))
    assert verification.read_texts([str(tmp_path / "a")]) == ["one", "two"]
    both = verification.read_texts([str(tmp_path / "[ab]")])
    assert len(both) == verification.MOST_TEXTS
    assert both[0] == "one" and both[-1] == lines[-1]
    (tmp_path / "empty").write_text(" \n\n")
    with pytest.raises(UserError, match="empty: no text in it"):
        verification.read_texts([str(tmp_path / "empty")])


def test_texts_of_a_pipe_are_refused(pipe_of):
    """It could not be read twice, and nothing of it would be compared."""
    with pytest.raises(UserError, match="pipe"):
        verification.read_texts([pipe_of(b"a text\nanother\n")])


@pytest.mark.parametrize(
    ("head", "outputs", "shape"),
    [
        ("none", ("pooled_output",), (2, 7)),
        ("classification", ("logits",), (2, 7)),
    ],
)
def test_as_many_values_as_positions_are_all_compared(head, outputs, shape):
    """Not those alone whose number is that of a real position."""
    wanted = np.zeros(shape, np.float32)
    found = wanted.copy()
    found[:, 6] = 3.0
    comparison = verification.compare(
        source(head, outputs),
        examples(3, 4),
        {outputs[0]: wanted},
        {outputs[0]: found},
    )
    assert comparison.difference == 3.0


def test_several_labels_are_one_answer():
    several = source("multi_label")
    several.thresholds = [0.5, 0.9]
    compared = verification.compare(
        several,
        examples(3, 7),
        logits([[1.0, 2.0], [-0.25, 3.0]]),
        logits([[1.0, 2.5], [0.25, 3.0]]),
    )
    # From 0.9 on is from log(9) = 2.2 on.
    assert (compared.agreeing, compared.answers) == (0, 2)
    compared = verification.compare(
        several,
        examples(3, 7),
        logits([[1.0, 2.0], [-0.25, 3.0]]),
        logits([[1.0, 2.0], [0.25, 3.0]]),
    )
    assert (compared.agreeing, compared.answers) == (1, 2)


def test_the_commonest_tag_and_what_is_no_word_are_no_answers():
    data = examples(5, 7)
    data["input_ids"][:, 0] = TOKENIZER.cls_id
    data["input_ids"][0, 4] = data["input_ids"][1, 6] = TOKENIZER.sep_id
    tags = np.array([[2, 0, 0, 1, 2, 1, 1], [1, 0, 0, 2, 0, 0, 1]])
    there = tags.copy()
    # Of a word, [CLS], padding, and of words with the commonest tag.
    there[0, 3] = there[0, 0] = there[0, 6] = 0
    there[1, 5] = 1
    compared = verification.compare(
        source("token_classification"),
        data,
        *({"logits": np.eye(3)[each]} for each in (tags, there)),
    )
    assert (compared.agreeing, compared.answers) == (1, 3)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_seen(bad):
    compared = verification.compare(
        source("regression"),
        examples(3, 7),
        logits([[1.0], [2.0]]),
        logits([[1.0], [bad]]),
    )
    assert np.isnan(compared.difference)
    assert np.isnan(compared.relative)


def test_padding_is_not_compared_but_must_be_numbers():
    right = np.zeros((2, 7, 3), np.float32)
    there = right.copy()
    there[0, 3:] = 5.0
    data = examples(3, 7)
    tagger = source("token_classification")
    compared = verification.compare(
        tagger, data, {"logits": right}, {"logits": there}
    )
    assert compared.difference == 0.0
    assert (compared.agreeing, compared.answers) == (10, 10)
    there[0, 2, 1] = 0.5
    compared = verification.compare(
        tagger, data, {"logits": right}, {"logits": there}
    )
    assert compared.difference == 0.5
    assert (compared.agreeing, compared.answers) == (0, 1)
    there[0, 5, 1] = np.nan
    compared = verification.compare(
        tagger, data, {"logits": right}, {"logits": there}
    )
    assert np.isnan(compared.difference)


def test_ends_are_compared_where_the_starts_are_the_same():
    outputs = (
        "start_top_log_probs",
        "start_top_index",
        "end_top_log_probs",
        "end_top_index",
        "cls_logits",
    )
    right = {
        "start_top_log_probs": np.array([[-0.5, -1.0]], np.float32),
        "start_top_index": np.array([[3, 5]], np.int32),
        "end_top_log_probs": np.array([[-0.1, -1e30, -0.2, -3.0]], np.float32),
        "end_top_index": np.array([[4, 0, 6, 5]], np.int32),
        "cls_logits": np.array([0.5], np.float32),
    }
    there = {name: values.copy() for name, values in right.items()}
    there["start_top_index"][0, 1] = 2
    there["end_top_log_probs"][0, 1:] = [-2e30, -7.0, -8.0]
    there["end_top_log_probs"][0, 0] = -0.35
    compared = verification.compare(
        source("span_v2", outputs), examples(7), right, there
    )
    assert compared.difference == pytest.approx(0.25)
    assert (compared.agreeing, compared.answers) == (2, 2)


def test_only_masked_places_are_compared():
    data = examples(7)
    data["masked_lm_positions"] = np.array([[2, 5, 0]], np.int32)
    right = {"masked_lm_logits": np.zeros((1, 3, 5), np.float32)}
    there = {"masked_lm_logits": np.zeros((1, 3, 5), np.float32)}
    there["masked_lm_logits"][0, 2] = 9.0
    there["masked_lm_logits"][0, 1, 4] = 0.5
    compared = verification.compare(
        source("masked_lm", ("masked_lm_logits",)), data, right, there
    )
    assert compared.difference == 0.5
    assert (compared.agreeing, compared.answers) == (1, 2)
