# SPDX-License-Identifier: Apache-2.0
"""Reading of tab-separated files: GLUE's and a user's."""

import logging
import subprocess

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


@pytest.fixture
def warnings_of(caplog):
    """Calls a function; returns the warnings that it logs: list of str."""

    def call(function, *arguments, **settings):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "absl"):
            function(*arguments, **settings)
        return [record.getMessage() for record in caplog.records]

    return call


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

    def test_qqp_short_rows_are_left_out(self, tmp_path, caplog):
        header = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n"
        rows = "0\t1\t2\tWhat?\tWhy?\t0\n2\t1\t2\tHow?\tWho?\t1\n"
        with caplog.at_level(logging.INFO, "absl"):
            load(tmp_path, header + rows, name="qqp")
            assert not caplog.records
            examples = load(tmp_path, f"{header}1\t2\n{rows}3\n", name="qqp")
        assert examples.texts == ["What?", "How?"]
        assert examples.bad_rows == 0
        assert "train.tsv: 2 rows that are too short left out" in caplog.text
        assert "2 are kept" in caplog.text

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

    def test_first_row_with_a_rare_label(self, tmp_path):
        content = "Odd.\trare\nA\twet\nB\twet\nC\tdry\nD\tdry\n"
        with pytest.raises(UserError, match=":1: looks like a header .label"):
            load(tmp_path, content, **NUMBERED)
        labels = ("dry", "rare", "wet")
        examples = load(tmp_path, content, labels=labels, **NUMBERED)
        assert examples.labels == ["rare", "wet", "wet", "dry", "dry"]
        with pytest.raises(UserError, match=":1: looks like a header .label"):
            load(tmp_path, "text\tlabel\n" + content, labels=labels, **NUMBERED)

    def test_labels_keep_their_case(self, tmp_path):
        examples = load(tmp_path, "text\tlabel\nA\tYes\nB\tyes\n")
        assert examples.labels == ["Yes", "yes"]

    def test_test_file_may_lack_labels(self, tmp_path, warnings_of):
        assert load(tmp_path, "text\nA\n", "test").labels is None
        assert load(tmp_path, "text\tlabel\nA\tx\n", "test").labels == ["x"]
        numbers = {"text_column": "1", "label_column": "2"}
        assert load(tmp_path, "A\n", "test", **numbers).labels is None
        (warning,) = warnings_of(load, tmp_path, "A\n", "test", **numbers)
        assert warning == (
            f"{tmp_path}/test.tsv: no column 2 among 1 (the first line: A): "
            "read without labels"
        )
        content = "text\tsource\nA\tweb\n"
        (warning,) = warnings_of(
            load, tmp_path, content, "test", label_column="sentiment"
        )
        assert warning.endswith(
            "test.tsv: no column 'sentiment' among 2 (the first line: text, "
            "source): read without labels"
        )
        assert not warnings_of(load, tmp_path, CSV_TRAIN, "test")

    @pytest.mark.parametrize("name", ["Sentiment", " sentiment "])
    def test_a_label_column_of_another_spelling(self, tmp_path, name):
        content = f"text\t{name}\nA\tx\n"
        with pytest.raises(
            UserError,
            match=f"test.tsv:1: no column 'sentiment' .*'{name}' is there",
        ):
            load(tmp_path, content, "test", label_column="sentiment")

    def test_numbers(self, tmp_path):
        content = "text\tlabel\nA\t-1.5\nB\t2e3\nC\t3.4e38\n"
        examples = load(tmp_path, content, regression=True)
        assert examples.labels.tolist()[:2] == [-1.5, 2000]
        assert np.isfinite(examples.labels).all()

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
    "infinity": (b"A\t-inf", {"regression": True}, "'-inf' is not a number"),
    "no float32": (b"A\t-1e39", {"regression": True}, "'-1e39' is too large"),
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


class TestShareOfBadRows:
    """One cell too many, as an unquoted tab leaves it."""

    def content(self, good, bad):
        return "text\tlabel\n" + "A\twet\n" * good + "A\tB\twet\n" * bad

    @pytest.mark.parametrize(("good", "bad"), [(4, 996), (1, 2), (0, 1)])
    def test_more_than_half(self, tmp_path, good, bad):
        with pytest.raises(UserError, match="more than half") as error:
            load(tmp_path, self.content(good, bad), skip=True)
        path = f"{tmp_path}/train.tsv"
        words = (
            f"{bad} bad rows left out, {good} read ({bad / (good + bad):.1%}"
        )
        assert str(error.value).startswith(f"{path}: {words} lost)")
        first = f"{path}:{good + 2}: 3 columns below a header of 2; put tabs"
        assert f"half: correct the file, first {first}" in str(error.value)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("good", "bad", "level"),
        [(1, 1, "WARNING"), (99, 1, "WARNING"), (100, 1, "INFO")],
    )
    def test_less(self, tmp_path, good, bad, level, caplog):
        caplog.set_level("INFO", logger="absl")
        load(tmp_path, self.content(good, bad), skip=True)
        (record,) = caplog.records
        assert record.levelname == level
        assert f"{bad} bad rows left out, {good} read (" in caplog.text


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


# Rows of a user's own table: content, settings, and the message.
TABS = "good film\tpos\ndull film\tneg\nso so\tpos\n"
QUOTED = 'text\tlabel\n"He said ""a small wonder"""\tpos\ndull\tneg\n'
REFUSED = {
    "a tab in a text, no header": (
        TABS + "a bright and\tfunny film\tpos\n",
        NUMBERED,
        ":4: 3 columns where most rows have 2; put tabs between the columns "
        "and nowhere else",
    ),
    "a row without one of the columns": (
        "id\ttext\tlabel\tdate\n1\tgood film\tpos\t2020\nbad film\tneg\t2021\n",
        {},
        ":3: 3 columns below a header of 4; put tabs between the columns and "
        "nowhere else",
    ),
    "a row of CSV with a comma in its text": (
        "text,label\nA,pos\nB, or so,neg\n",
        {"delimiter": ","},
        ":3: 3 columns below a header of 2; put commas between the columns and "
        "nowhere else but in quotes",
    ),
    "as many rows of two widths": (
        "good film\tpos\ndull film\tneg\n"
        "a bright and\tfunny film\tpos\ndull\tand far too long\tneg\n",
        NUMBERED,
        ":3: 3 columns, and as many rows have 2: put tabs between the columns",
    ),
    "as many rows of two widths, and semicolons": (
        "good film;pos\nA; B;neg\n",
        NUMBERED | {"delimiter": ";", "quoting": "none"},
        ":2: 3 columns, and as many rows have 2: put semicolons between the",
    ),
    "a label first and a tab in a text": (
        "pos\tgood\nneg\tdull and\tlong\npos\tfine\n",
        {"text_column": "2", "label_column": "1"},
        ":2: 3 columns where most rows have 2",
    ),
    "a header that is left in, and a rare label": (
        "text\tlabel\nA\twet\nB\twet\nC\tdry\n",
        NUMBERED,
        ":1: looks like a header .label 'label' occurs nowhere else.*, or give "
        "--labels if it is a row",
    ),
    "a header of numbers that is left in": (
        "0\t1\nA\t1\nB\t0\n",
        NUMBERED,
        ":1: looks like a header .its fields count the columns",
    ),
    "columns named by numbers, and no such header": (
        TABS,
        {"text_column": "0", "label_column": "1"},
        ":1: no column '0', '1' .*columns are numbered from 1",
    ),
    "doubled quotes": (QUOTED, {}, ":2: a field in quotes .*--quoting=csv"),
    "a line end in quotes": (
        'text\tlabel\n"dull\nand long"\tneg\nA\tpos\n',
        {},
        r':2: a field in quotes \("dull\), as pandas .*csv.QUOTE_NONE',
    ),
    "a line end in quotes, label first": (
        'label\ttext\nneg\t"dull\nand long"\npos\tA\n',
        {},
        ":3: a field in quotes .*--quoting=csv",
    ),
    "a tab in quotes": (
        'text\tlabel\nA\tpos\n"dull\tand long"\tneg\n',
        {},
        ":3: a field in quotes",
    ),
    "all fields in quotes": (
        '"text"\t"label"\n"A"\t"pos"\n"B"\t"neg"\n',
        {},
        ":1: a field in quotes",
    ),
    "quotes that do not close": (
        'text\tlabel\n"A\tpos\nB\tneg\n',
        {"quoting": "csv"},
        ":2: not a row of --quoting=csv .*--quoting=none",
    ),
    "commas": (
        'text,label\n"A, b",pos\nB,neg\n',
        {},
        ": the columns are separated by commas, not by tabs: give "
        "--delimiter=','",
    ),
    "semicolons, no header": (
        "A, b;pos\nB;neg\n",
        NUMBERED,
        "separated by semicolons, not by tabs: give --delimiter=';'",
    ),
    "commas where semicolons are given": (
        "text,label\nA,pos\n",
        {"delimiter": ";"},
        "separated by commas, not by semicolons",
    ),
    "one column is both": (
        "text\tlabel\nA\tpos\n",
        {"text_column": "text", "label_column": "text"},
        "column 1 is given as text and as label: correct --text_column, --",
    ),
    "one column is both, by name and by number": (
        "text\tlabel\nA\tpos\n",
        {"text_column": "text", "label_column": "1"},
        "column 1 is given as text and as label",
    ),
    "one column is the second text and the label": (
        "a\tb\nA\tpos\n",
        {"text_column": "1", "text_b_column": "2", "label_column": "2"},
        "column 2 is given as text and as label: correct .*, --text_b_column",
    ),
    "one column is both texts": (
        "text\tlabel\nA\tpos\n",
        {"text_column": "text", "text_b_column": "text"},
        "column 1 is given as both texts of a pair: correct --text_column or",
    ),
    "one column is both texts, by number": (
        "A\tpos\n",
        NUMBERED | {"text_b_column": "1"},
        "column 1 is given as both texts of a pair",
    ),
    "a header in capitals": (
        "Text\t label \nA\tpos\n",
        {},
        "'Text', ' label ' is there: correct the header",
    ),
    "labels that look the same": (
        "text\tlabel\nA\tpos\nB\tpos\u200b\n",
        {},
        r"'pos', 'pos\\u200b' look the same \(pos\)",
    ),
    "UTF-16": (
        "text\tlabel\nA\tpos\n".encode("utf-16"),
        {},
        "UTF-16, not UTF-8: convert it: iconv -f UTF-16 -t UTF-8 ",
    ),
    "UTF-16 without a mark": (
        "text\tlabel\nA\tpos\n".encode("utf-16-le"),
        {},
        "iconv -f UTF-16LE -t UTF-8 ",
    ),
    "line ends of old Macs": (
        "text\tlabel\rA\tpos\rB\tneg\r",
        {},
        r"old Macs .CR alone.: convert it: tr '\\r' '\\n' < ",
    ),
}
# Those that are single rows, which --skip_bad_rows leaves out.
SINGLE_ROWS = {
    "a tab in a text, no header",
    "a label first and a tab in a text",
    "a row without one of the columns",
    "a row of CSV with a comma in its text",
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_would_be_read_as_something_else(tmp_path, case):
    content, settings, message = REFUSED[case]
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, content, **settings)
    assert str(error.value).startswith(f"{tmp_path}/train.tsv")
    assert "\n" not in str(error.value)
    if case in SINGLE_ROWS:
        assert load(tmp_path, content, skip=True, **settings).bad_rows == 1
    else:
        with pytest.raises(UserError, match=message):
            load(tmp_path, content, skip=True, **settings)


@pytest.mark.parametrize("name", ["UTF-16", "UTF-16 without a mark"])
def test_the_command_that_converts_works(tmp_path, name):
    content, _, _ = REFUSED[name]
    with pytest.raises(UserError) as error:
        load(tmp_path, content)
    command = str(error.value).split("convert it: ")[1]
    subprocess.run(command, shell=True, check=True)
    path = tmp_path / "train.tsv"
    assert load(tmp_path, path.read_bytes()).labels == ["pos"]


def test_cp1252_is_named_with_its_command(tmp_path):
    content = "text\tlabel\ncaf\u00e9\tpos\n".encode("cp1252")
    with pytest.raises(UserError, match="iconv -f CP1252 -t UTF-8") as error:
        load(tmp_path, content)
    command = str(error.value).split("with ")[1].split(", or leave")[0]
    subprocess.run(command, shell=True, check=True)
    path = tmp_path / "train.tsv"
    assert load(tmp_path, path.read_bytes()).texts == ["caf\u00e9"]


class TestQuotingAndDelimiters:
    def test_csv_quotes(self, tmp_path):
        content = QUOTED + '"two\r\nlines"\tneg\n"a\ttab"\tpos\nB\tpos\n'
        examples = load(tmp_path, content, quoting="csv")
        assert examples.texts == [
            'He said "a small wonder"',
            "dull",
            "two\nlines",
            "a\ttab",
            "B",
        ]
        assert examples.labels == ["pos", "neg", "neg", "pos", "pos"]
        assert examples.ids == list("01234")

    def test_lines_of_bad_rows_below_a_text_of_two_lines(self, tmp_path):
        content = 'text\tlabel\n"two\nlines"\tneg\nB\n'
        with pytest.raises(UserError, match=":4: 1 columns"):
            load(tmp_path, content, quoting="csv")

    def test_long_texts(self, tmp_path):
        text = "long " * 50_000
        content = f"text\tlabel\n{text}\tneg\n"
        assert load(tmp_path, content, quoting="csv").texts == [text]

    def test_quotes_as_characters(self, tmp_path):
        examples = load(tmp_path, QUOTED, quoting="none")
        assert examples.texts[0] == '"He said ""a small wonder"""'

    def test_prose_may_begin_with_a_quote(self, tmp_path):
        rows = 'text\tlabel\n"Well," he said, "so be it.\tA\n"Go!" she\tB\n'
        assert load(tmp_path, rows).texts == (
            ['"Well," he said, "so be it.', '"Go!" she']
        )

    @pytest.mark.parametrize("delimiter", [",", ";"])
    def test_another_delimiter(self, tmp_path, delimiter):
        content = 'text,label\n"A, ""b""; c",pos\nB,neg\n'.translate(
            str.maketrans({",": delimiter, ";": ","})
        )
        examples = load(tmp_path, content, delimiter=delimiter)
        assert examples.labels == ["pos", "neg"]
        assert '"b"' in examples.texts[0]

    @pytest.mark.parametrize("name", ["tsv", "multiple-choice"])
    def test_a_line_of_quotes_cannot_be_left_out(self, tmp_path, name):
        write(tmp_path, "train.csv", b"text,label\nA,pos\n\xff,neg\n")
        task = selection.get_task(name, delimiter=",", quoting="csv")
        with pytest.raises(UserError, match=":3: not UTF-8") as error:
            interface.load(task, str(tmp_path), "train", skip_bad_rows=True)
        assert "--skip_bad_rows" not in str(error.value)

    def test_a_csv_file_is_found(self, tmp_path):
        write(tmp_path, "train.csv", "text,label\nA,pos\n")
        task = selection.get_task("tsv", delimiter=",")
        assert interface.load(task, str(tmp_path), "train").texts == ["A"]
        with pytest.raises(UserError, match="train.csv is there.*delimiter=,"):
            interface.load(selection.get_task("tsv"), str(tmp_path), "train")
        write(tmp_path, "train.tsv", "text\tlabel\nB\tpos\n")
        with pytest.raises(UserError, match="train.tsv, train.csv: one file"):
            interface.load(task, str(tmp_path), "train")

    def test_columns_named_by_numbers(self, tmp_path):
        examples = load(
            tmp_path,
            "0\t1\nA\tpos\nB\tneg\n",
            text_column="0",
            label_column="1",
        )
        assert (examples.texts, examples.labels) == (["A", "B"], ["pos", "neg"])


class TestIds:
    def test_rows_keep_their_numbers(self, tmp_path):
        content = "text\tlabel\nA\tx\nB\nC\ty\n\nD\tx\n"
        assert load(tmp_path, content, skip=True).ids == ["0", "2", "4"]
        content = content.removeprefix("text\tlabel\n")
        examples = load(tmp_path, content, skip=True, **NUMBERED)
        assert examples.ids == ["0", "2", "4"]

    def test_own_ids(self, tmp_path):
        content = "key\ttext\tlabel\na7\tA\tx\nb9\tB\ty\n"
        assert load(tmp_path, content, id_column="key").ids == ["a7", "b9"]
        content = content.removeprefix("key\ttext\tlabel\n")
        numbers = {"text_column": "2", "label_column": "3", "id_column": "1"}
        assert load(tmp_path, content, **numbers).ids == ["a7", "b9"]

    def test_no_such_column(self, tmp_path):
        with pytest.raises(UserError, match="no column 'key'"):
            load(tmp_path, CSV_TRAIN, id_column="key")


class TestLabels:
    @pytest.mark.parametrize("label", ["", "-", "-1"])
    def test_placeholders_of_a_test_set(self, tmp_path, label, caplog):
        content = f"text\tlabel\nA\t{label}\nB\t{label}\n"
        for settings in (GIVEN, {"regression": True}):
            examples = load(tmp_path, content, "test", **settings)
            assert examples.texts == ["A", "B"]
            assert examples.labels is None
        with pytest.raises(UserError, match="label"):
            load(tmp_path, content, "dev", **GIVEN)

    def test_some_placeholders(self, tmp_path):
        content = "text\tlabel\nA\twet\nB\t-\n"
        assert load(tmp_path, content, "test", **GIVEN).labels is None
        with pytest.raises(UserError, match="'damp' is not one of"):
            load(tmp_path, "text\tlabel\nA\tdamp\n", "test", **GIVEN)

    def test_a_label_may_be_minus_one(self, tmp_path):
        content = "text\tlabel\nA\t-1\nB\t1\n"
        examples = load(tmp_path, content, "test", labels=("-1", "1"))
        assert examples.labels == ["-1", "1"]
        numbers = load(tmp_path, content, "test", regression=True)
        assert numbers.labels.tolist() == [-1, 1]

    def test_mnli_without_agreement(self, tmp_path):
        content = (
            "index\tsentence1\tsentence2\tgold_label\n"
            "0\tA\tB\tneutral\n1\tC\tD\t-\n2\tE\tF\tentailment\n"
        )
        for split in ("train", "dev_matched", "dev_mismatched"):
            examples = load(tmp_path, content, split, "mnli")
            assert examples.texts == ["A", "E"]
            assert (examples.ids, examples.bad_rows) == (["0", "2"], 0)
        with pytest.raises(UserError, match=":2: label '-1' is not one of"):
            load(tmp_path, content.replace("neutral", "-1"), "train", "mnli")

    @pytest.mark.parametrize(
        ("label", "message"),
        [
            ("Wet", "'Wet' is not one of wet, dry; is it 'wet'"),
            ("dry\u200b", r"'dry\\u200b' is not one of .*is it 'dry'"),
            ("damp", "'damp' is not one of wet, dry; correct it"),
        ],
    )
    def test_near_matches(self, tmp_path, label, message):
        content = f"text\tlabel\nA\t{label}\n"
        with pytest.raises(UserError, match=message):
            load(tmp_path, content, "dev", **GIVEN)

    def test_one_and_one_point_zero(self, tmp_path):
        with pytest.raises(UserError, match="'1.0' is not one of .*is it '1'"):
            load(tmp_path, "text\tlabel\nA\t1.0\n", labels=("0", "1"))

    def test_decimal_commas(self, tmp_path):
        with pytest.raises(UserError, match="'2,5' .*a decimal point"):
            load(tmp_path, "text\tlabel\nA\t2,5\n", regression=True)

    @pytest.mark.parametrize("separator", [";", ",", "|"])
    def test_several_labels_in_a_cell(self, tmp_path, separator, warnings_of):
        labels = ["pos", f"pos{separator}long", f"long{separator} neg", "neg"]
        content = "".join(f"A\t{label}\n" for label in labels)
        (warning,) = warnings_of(load, tmp_path, "text\tlabel\n" + content)
        assert "2 of 4 labels share parts" in warning
        content = f"text\tlabel\nA\ta{separator}b\nB\tc\n"
        assert not warnings_of(load, tmp_path, content)

    @pytest.mark.parametrize("label", ["-", "-1"])
    def test_placeholders_that_are_learnt(self, tmp_path, label, warnings_of):
        content = f"text\tlabel\nA\t{label}\nB\tpos\nC\tneg\n"
        (warning,) = warnings_of(load, tmp_path, content)
        assert f"train.tsv: 1 rows have the label '{label}', as rows" in warning
        # Whoever names it means it.
        labels = (label, "pos", "neg")
        assert not warnings_of(load, tmp_path, content, labels=labels)

    def test_spellings_are_counted(self, tmp_path, warnings_of):
        content = "text\tlabel\nA\tPos\nB\tpos\nC\tneg\n"
        (warning,) = warnings_of(load, tmp_path, content)
        assert "'Pos' (1 rows), 'pos' (1 rows) differ in their" in warning


def test_a_file_as_data_dir(tmp_path):
    path = write(tmp_path, "RTE/train.tsv", "x")
    with pytest.raises(UserError, match="train.tsv: a file: give the folder"):
        interface.load(selection.get_task("rte"), str(path), "train")
