# SPDX-License-Identifier: Apache-2.0
"""Reading of tab-separated files: GLUE's and a user's."""

import numpy as np
import pytest

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks import selection

CSV_TRAIN = "text\tlabel\nIt rained.\twet\nSun.\tdry\nIt rained.\twet\n"


def write(folder, name, content):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    return path


def load(tmp_path, content, split="train", name="tsv", skip=False, **settings):
    task = selection.get_task(name, **settings)
    file = task.files[split].name
    write(tmp_path, f"{task.folder}/{file}" if task.folder else file, content)
    return interface.load(task, str(tmp_path), split, skip_bad_rows=skip)


class TestGlue:
    def test_cola_has_no_header(self, tmp_path):
        examples = load(
            tmp_path,
            "gj04\t1\t\tThe dog barked.\ngj04\t0\t*\tBarked the.\n",
            name="cola",
        )
        assert examples.texts == ["The dog barked.", "Barked the."]
        assert examples.labels == ["1", "0"]
        assert examples.texts_b is None

    def test_cola_test_has_one(self, tmp_path):
        examples = load(
            tmp_path, "index\tsentence\n5\tA dog.\n", "test", "cola"
        )
        assert (examples.ids, examples.texts) == (["5"], ["A dog."])
        assert examples.labels is None

    def test_mrpc_quotes_and_byte_order_mark(self, tmp_path):
        rows = (
            "\ufeffQuality\t#1 ID\t#2 ID\t#1 String\t#2 String\n"
            '1\t7\t8\tHe said " no .\t" No , " he said .\n'
            '0\t9\t11\t"\t"\n'
        )
        examples = load(tmp_path, rows, name="mrpc")
        assert examples.texts == ['He said " no .', '"']
        assert examples.texts_b == ['" No , " he said .', '"']
        assert examples.labels == ["1", "0"]

    def test_sts_b(self, tmp_path):
        header = (
            "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2"
            "\tsentence1\tsentence2\tscore\n"
        )
        row = "0\tnews\tf\t2012\t1\tnone\tnone\tA plane.\tAn air plane.\t4.25\n"
        examples = load(tmp_path, header + row, name="sts-b")
        assert examples.texts_b == ["An air plane."]
        assert examples.labels.dtype == np.float32
        assert examples.labels.tolist() == [4.25]

    def test_mnli_label_is_gold(self, tmp_path):
        header = (
            "index\tpromptID\tpairID\tgenre\tsentence1_binary_parse"
            "\tsentence2_binary_parse\tsentence1_parse\tsentence2_parse"
            "\tsentence1\tsentence2\tlabel1\tlabel2\tgold_label\n"
        )
        row = "0\tp\tq\tg\t(\t(\t(\t(\tOne.\tTwo.\tneutral\tneutral\tentailment"
        for split in ("dev_matched", "dev_mismatched"):
            examples = load(tmp_path, header + row, split, "mnli")
            assert examples.labels == ["entailment"]
            assert examples.texts == ["One."]

    def test_qqp_short_rows_are_left_out(self, tmp_path):
        examples = load(
            tmp_path,
            "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
            "0\t1\t2\tWhat?\tWhy?\t0\n1\t2\n2\t1\t2\tHow?\tWho?\t1\n",
            name="qqp",
        )
        assert examples.texts == ["What?", "How?"]

    def test_data_dir_may_be_the_task_itself(self, tmp_path):
        write(tmp_path, "dev.tsv", "sentence\tlabel\nfine \t1\n")
        task = selection.get_task("sst-2")
        examples = interface.load(task, str(tmp_path), "dev")
        assert examples.texts == ["fine "]


class TestOwnColumns:
    def test_defaults(self, tmp_path):
        examples = load(tmp_path, CSV_TRAIN)
        assert examples.labels == ["wet", "dry", "wet"]
        assert examples.ids == ["0", "1", "2"]

    def test_by_name(self, tmp_path):
        examples = load(
            tmp_path,
            "n\tanswer\tquestion\tclass\n3\tB.\tA?\tyes\n",
            text_column="question",
            text_b_column="answer",
            label_column="class",
        )
        assert (examples.texts, examples.texts_b) == (["A?"], ["B."])
        assert examples.labels == ["yes"]

    def test_by_number_means_no_header(self, tmp_path):
        examples = load(
            tmp_path, "yes\tA?\nno\tB?\n", text_column="2", label_column="1"
        )
        assert examples.texts == ["A?", "B?"]
        assert examples.labels == ["yes", "no"]

    def test_labels_keep_their_case(self, tmp_path):
        examples = load(tmp_path, "text\tlabel\nA\tYes\nB\tyes\n")
        assert examples.labels == ["Yes", "yes"]

    def test_test_file_may_lack_labels(self, tmp_path):
        assert load(tmp_path, "text\nA\n", "test").labels is None
        assert load(tmp_path, "text\tlabel\nA\tx\n", "test").labels == ["x"]
        numbers = {"text_column": "1", "label_column": "2"}
        assert load(tmp_path, "A\n", "test", **numbers).labels is None

    def test_numbers(self, tmp_path):
        content = "text\tlabel\nA\t-1.5\nB\t2e3\n"
        examples = load(tmp_path, content, regression=True)
        assert examples.labels.tolist() == [-1.5, 2000]

    def test_line_ends(self, tmp_path):
        content = "text\tlabel\r\nA\u2028B\x0cC\x85D\tx\r\nE\ty\r\n\r\n \n"
        examples = load(tmp_path, content)
        assert examples.texts == ["A\u2028B\x0cC\x85D", "E"]
        assert examples.labels == ["x", "y"]

    def test_last_row_with_an_empty_text(self, tmp_path):
        examples = load(tmp_path, "label\ttext\nx\tA\ny\t\n")
        assert examples.texts == ["A", ""]


GIVEN = {"labels": ("wet", "dry")}
NUMBERED = {"text_column": "1", "label_column": "2"}
BAD_ROWS = {
    "missing column": (b"A", GIVEN, "1 columns, and column 2 is needed"),
    "extra column": (b"A\tB\twet", GIVEN, "3 columns below a header of 2"),
    "unknown label": (b"A\tWet", GIVEN, "label 'Wet' is not one of wet, dry"),
    "no label": (b"A\t ", {}, "no label"),
    "blank line": (b"", GIVEN, "a blank line"),
    "NUL byte": (b"A\x00\twet", GIVEN, "holds a NUL byte"),
    "not UTF-8": (b"caf\xe9\twet", GIVEN, r"not UTF-8 \(byte 0xe9\)"),
    "no number": (b"A\tmany", {"regression": True}, "'many' is not a number"),
    "NaN": (b"A\tnan", {"regression": True}, "'nan' is not a number"),
}


@pytest.mark.parametrize("case", BAD_ROWS)
class TestBadRows:
    def content(self, case):
        row, settings, _ = BAD_ROWS[case]
        label = b"7" if "regression" in settings else b"wet"
        good = b"A\t" + label + b"\n"
        return b"text\tlabel\n" + good + row + b"\n" + good * 2

    def test_is_an_error(self, tmp_path, case):
        _, settings, message = BAD_ROWS[case]
        with pytest.raises(UserError, match=message) as error:
            load(tmp_path, self.content(case), **settings)
        assert str(error.value).startswith(f"{tmp_path}/train.tsv:3: ")
        assert "--skip_bad_rows" in str(error.value)
        assert "\n" not in str(error.value)

    def test_is_left_out_and_counted(self, tmp_path, case, caplog):
        _, settings, message = BAD_ROWS[case]
        examples = load(tmp_path, self.content(case), skip=True, **settings)
        assert examples.texts == ["A", "A", "A"]
        assert len(examples.labels) == 3
        assert examples.bad_rows == 1


BAD_FILES = {
    "empty": ("", {}, ": empty: "),
    "blank": ("\r\n \n\n", {}, ": empty: "),
    "header alone": ("text\tlabel\n", {}, ": no rows below the header"),
    "missing header": (
        "It rained.\twet\nSun.\tdry\n",
        {},
        r":1: no column 'text', 'label' in the header \(It rained., wet\)",
    ),
    "header twice": ("text\tlabel\ttext\nA\tx\tB\n", {}, "two columns are"),
    "header where none should be": (
        "text\tlabel\nA\twet\nB\tdry\nC\twet\nD\tdry\n",
        NUMBERED,
        ":1: looks like a header",
    ),
    "the same with known labels": (
        "text\tlabel\nA\twet\n",
        NUMBERED | GIVEN,
        ":1: .*remove the line if it is a header",
    ),
    "header of numbers where none should be": (
        "text\tscore\nA\t3\n",
        NUMBERED | {"regression": True},
        ":1: .*remove the line if it is a header",
    ),
    "texts as labels": (
        "text\tlabel\n" + "".join(f"A\tlabel {i}\n" for i in range(67)),
        {},
        "67 different labels in 67 rows",
    ),
    "no row is good": ("text\tlabel\nA\tx\n", GIVEN, "'x' is not one of"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_bad_files(tmp_path, case):
    content, settings, message = BAD_FILES[case]
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, content, **settings)
    assert f"{tmp_path}/train.tsv" in str(error.value)
    assert "\n" not in str(error.value)


def test_nothing_left_of_the_rows(tmp_path):
    with pytest.raises(UserError, match="no rows below the header"):
        load(tmp_path, "text\tlabel\nA\tx\n", skip=True, **GIVEN)


def test_header_in_cola(tmp_path):
    rows = "source\tlabel\tmark\tsentence\ngj04\t1\t\tA dog.\n"
    with pytest.raises(UserError, match="train.tsv:1: .* remove the line if"):
        load(tmp_path, rows, name="cola")


def test_no_header_in_sst_2(tmp_path):
    with pytest.raises(UserError, match="train.tsv:1: no column 'sentence'"):
        load(tmp_path, "fine \t1\n", name="sst-2")


def test_no_dev_file(tmp_path):
    task = selection.get_task("rte")
    with pytest.raises(UserError, match="RTE/dev.tsv: no such file") as error:
        interface.load(task, str(tmp_path), "dev")
    assert "dev data of rte" in str(error.value)


def test_no_folder(tmp_path):
    task = selection.get_task("rte")
    with pytest.raises(UserError, match="nowhere: no such folder"):
        interface.load(task, str(tmp_path / "nowhere"), "dev")
    with pytest.raises(UserError, match="--data_dir"):
        interface.load(task, None, "dev")


def test_a_folder_in_place_of_a_file(tmp_path):
    (tmp_path / "train.tsv").mkdir()
    with pytest.raises(UserError, match="cannot be read"):
        interface.load(selection.get_task("tsv"), str(tmp_path), "train")
