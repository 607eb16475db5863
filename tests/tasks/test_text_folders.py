# SPDX-License-Identifier: Apache-2.0
"""Texts that are files, in folders named after their labels."""

import pytest

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks.table import TASKS

TASK = TASKS["imdb"]


@pytest.fixture
def place(tmp_path):
    """IMDB with 120 texts to train on and 6 to test on."""
    for split, number in (("train", 60), ("test", 3)):
        for label in ("neg", "pos"):
            folder = tmp_path / "aclImdb" / split / label
            folder.mkdir(parents=True)
            for text in range(number):
                (folder / f"{text}_7.txt").write_text(
                    f"{label} {text} of {split}.<br /><br>It rained.\n"
                )
    return tmp_path


def load(place, split, **settings):
    return interface.load(TASK, str(place), split, **settings)


@pytest.mark.parametrize("above", [True, False])
def test_test_set(place, above):
    found = load(place if above else place / "aclImdb", "test")
    assert found.ids == [
        f"{x}/{n}_7.txt" for x in ("neg", "pos") for n in "012"
    ]
    assert found.texts[4] == "pos 1 of test.  It rained."
    assert found.labels == ["neg"] * 3 + ["pos"] * 3


def test_files_are_in_the_order_of_their_numbers(place):
    ids = load(place, "train").ids
    numbers = [int(x.split("/")[1].split("_")[0]) for x in ids if "neg" in x]
    assert numbers == sorted(numbers) and numbers[-1] > 9


def test_a_part_of_the_training_data_is_held_out(place, caplog):
    train, dev = load(place, "train"), load(place, "dev")
    assert not set(train.ids) & set(dev.ids)
    assert len(train) + len(dev) == 120
    assert 4 <= len(dev) <= 25
    assert set(dev.labels) == {"neg", "pos"}
    # Whatever else is there.
    for path in place.glob("aclImdb/train/*/1?_7.txt"):
        path.unlink()
    kept = [x for x in dev.ids if "/1" not in x or "/1_" in x]
    assert load(place, "dev").ids == kept


def test_equal_texts_are_on_one_side(place):
    text = next(iter(load(place, "dev").texts))
    (place / "aclImdb/train/neg/99_1.txt").write_text(f"  {text}\n")
    assert "neg/99_1.txt" in load(place, "dev").ids
    assert "neg/99_1.txt" not in load(place, "train").ids


def test_a_dev_set_of_ones_own(place, caplog):
    (place / "aclImdb/test").rename(place / "aclImdb/dev")
    caplog.set_level("INFO", logger="absl")
    assert len(load(place, "dev")) == 6
    assert f"dev: {place}/aclImdb/dev" in caplog.text
    assert len(load(place, "train")) == 120


@pytest.mark.parametrize("above", [True, False])
def test_a_dev_set_of_other_data(place, above):
    """It is beside other texts than those that are trained on."""
    if above:
        for label in ("neg", "pos"):
            (place / "dev" / label).mkdir(parents=True)
    else:
        (place / "aclImdb/test").rename(place / "test")
        (place / "aclImdb/train").rename(place / "train")
        (place / "aclImdb/dev").mkdir()
    train, dev = load(place, "train"), load(place, "dev")
    assert len(train) + len(dev) == 120 and len(dev) < 60


def test_a_dev_set_without_its_labels(place):
    (place / "aclImdb/dev/neg").mkdir(parents=True)
    (place / "aclImdb/dev/neg/0.txt").write_text("Bad.")
    with pytest.raises(UserError, match="dev/pos.*no such folder"):
        load(place, "dev")
    # Otherwise all texts would be trained on.
    with pytest.raises(UserError, match="dev/pos.*no such folder"):
        load(place, "train")


def test_what_is_not_read_is_counted(place, caplog):
    caplog.set_level("INFO", logger="absl")
    (place / "aclImdb/train/unsup").mkdir()
    (place / "aclImdb/train/unsup/0_0.txt").write_text("Well.")
    (place / "aclImdb/train/neg/labeledBow.feat").write_text("1 2")
    assert len(load(place, "train")) + len(load(place, "dev")) == 120
    assert "unsup: 1 texts without labels" in caplog.text
    assert "60 texts, 1 other files passed over: labeledBow.feat" in caplog.text
    assert "120 texts hold <br />" in caplog.text
    assert "of 120 texts are held out" in caplog.text


@pytest.mark.parametrize(
    "content, what",
    [(b"", "no text"), (b"caf\xe9", "not UTF-8"), (b"a\0b", "NUL")],
)
def test_bad_texts(place, content, what, caplog):
    path = place / "aclImdb/test/pos/1_7.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"pos/1_7.txt:1: .*{what}"):
        load(place, "test")
    found = load(place, "test", skip_bad_rows=True)
    assert len(found) == 5 and found.bad_rows == 1
    assert "1 bad rows left out" in caplog.text


def test_missing_folders(place):
    (place / "aclImdb/test/pos").rename(place / "elsewhere")
    with pytest.raises(UserError, match="test/pos: no such file.*label pos"):
        load(place, "test")
    (place / "aclImdb/test/pos").mkdir()
    with pytest.raises(UserError, match="test/pos: no texts"):
        load(place, "test")


def test_too_few_texts_to_hold_some_out(place):
    for path in place.glob("aclImdb/train/*/*.txt"):
        if path.name != "0_7.txt":
            path.unlink()
    (place / "aclImdb/train/neg/0_7.txt").write_text("Text 1")
    (place / "aclImdb/train/pos/0_7.txt").write_text("Text 2")
    with pytest.raises(UserError, match="2 texts are too few.*folder dev"):
        load(place, "dev")
