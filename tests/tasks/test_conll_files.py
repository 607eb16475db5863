# SPDX-License-Identifier: Apache-2.0
"""Reading of CoNLL columns."""

import pytest

from albert.errors import UserError
from albert.tasks import conll_files
from albert.tasks import interface
from albert.tasks import selection

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def load(tmp_path, content, split="train", name="train.txt", skip=False, **s):
    if isinstance(content, str):
        content = content.encode()
    (tmp_path / name).write_bytes(content)
    task = selection.get_task("ner", **s)
    return interface.load(task, str(tmp_path), split, skip_bad_rows=skip)


def test_two_columns(tmp_path):
    examples = load(tmp_path, "Ann B-PER\nsleeps O\n\n\nBonn B-LOC\n")
    assert examples.sentences == [["Ann", "sleeps"], ["Bonn"]]
    assert examples.labels == [["B-PER", "O"], ["B-LOC"]]


def test_four_columns_in_iob1(tmp_path):
    content = (
        "-DOCSTART- -X- O O\n\nAnn NNP - I-PER\nLee NNP - I-PER\n"
        "Bob NNP - B-PER\n\n-DOCSTART- -X- O O\nhums VBZ - O\r\n"
    )
    examples = load(tmp_path, content)
    assert examples.sentences == [["Ann", "Lee", "Bob"], ["hums"]]
    assert examples.labels == [["B-PER", "I-PER", "B-PER"], ["O"]]


def test_words_with_spaces_need_tabs(tmp_path):
    examples = load(tmp_path, "New York\tB-LOC\n \tO\na\u00a0b O\n")
    assert examples.sentences == [["New York", "", "a\u00a0b"]]


def test_columns_by_number(tmp_path):
    examples = load(
        tmp_path,
        "1 Ann B-PER NNP\n2 hums O VBZ\n",
        text_column="2",
        label_column="3",
    )
    assert examples.sentences == [["Ann", "hums"]]
    assert examples.labels == [["B-PER", "O"]]


def test_words_alone(tmp_path):
    examples = load(tmp_path, "Ann\nhums\n", "test", "test.txt")
    assert examples.labels is None
    tagged = load(tmp_path, "Ann B-PER\n", "test", "test.txt")
    assert tagged.labels == [["B-PER"]]


def test_other_names(tmp_path):
    assert len(load(tmp_path, "Ann O\n", "dev", "eng.testa")) == 1


def test_two_files_of_a_split(tmp_path):
    (tmp_path / "train.conll").write_text("Bonn B-LOC\n")
    words = f"{tmp_path}: train.txt, train.conll: one file is read for the tr"
    with pytest.raises(UserError, match=words):
        load(tmp_path, "Ann B-PER\n")


def test_types(tmp_path):
    examples = load(tmp_path, "A I-PER\nB I-PER\n\nC B-LOC\nD B-PER\n")
    assert conll_files.find_labels(examples) == LABELS


BAD_LINES = {
    "no tag": (b"Lee", "1 columns, and column 2 is needed"),
    "a word of two": (
        b"New York B-LOC",
        "3 columns where other lines have 2; put tabs between the columns",
    ),
    "not a tag": (b"Lee NNP", "'NNP' is not a tag; .*--tag_scheme=none"),
    "suffix": (b"Lee PER-B", "'PER-B' is not a tag; it should be O, or B-PER"),
    "near type": (b"Lee B-Per", "type 'Per' is not .*; is it 'PER'"),
    "type": (b"Lee B-ORG", "type 'ORG' is not one of LOC, PER"),
    "NUL byte": (b"L\x00ee O", "NUL byte"),
    "not UTF-8": (b"L\xe9e O", "not UTF-8"),
}


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_lines(tmp_path, case, place):
    line, message = BAD_LINES[case]
    lines = [b"Ann B-PER", b"hums O"]
    lines.insert(place, line)
    content = b"One O\n\n" + b"\n".join(lines) + b"\n\nTwo O\nis O\n"
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, content, labels=LABELS)
    assert f"train.txt:{3 + place}: " in str(error.value)
    examples = load(tmp_path, content, labels=LABELS, skip=True)
    assert examples.sentences == [["One"], ["Two", "is"]]
    assert examples.labels == [["O"], ["O", "O"]]
    assert examples.bad_rows == 1


def sentences(good, bad):
    """Sentences of 5 words, the bad ones with two lines that have no tag."""
    words = "A O\n" * 3
    content = f"{words}B O\nC O\n\n" * good + f"{words}B\nC\n\n" * bad
    return content.encode()


def test_a_bad_line_takes_its_sentence_with_it(tmp_path, caplog):
    with pytest.raises(UserError, match="more than half") as error:
        load(tmp_path, sentences(1, 9), skip=True)
    assert str(error.value).startswith(
        f"{tmp_path}/train.txt: 45 words of 9 of 10 sentences left out for 18 "
        f"bad lines, 5 read (90.0% lost), more than half: correct the file, "
        f"first {tmp_path}/train.txt:10: 1 columns"
    )
    examples = load(tmp_path, sentences(6, 4), skip=True)
    assert (len(examples), examples.bad_rows) == (6, 4)
    assert (
        "20 words of 4 of 10 sentences left out for 8 bad lines, 30 read"
        in (caplog.text)
    )


class TestWidths:
    def test_a_column_is_missing(self, tmp_path):
        content = "Ann NNP - B-PER\nLee NNP O\nhums VBZ - O\n"
        with pytest.raises(UserError, match=":2: 3 columns where other .* 4;"):
            load(tmp_path, content)
        settings = {"text_column": "1", "label_column": "3"}
        with pytest.raises(UserError, match=":2: 3 columns where other .* 4;"):
            load(tmp_path, "Ann x O y\nLee x O\nhums x O y\n", **settings)

    def test_words_alone(self, tmp_path):
        content = "Ann\nNew York\nhums\n"
        with pytest.raises(
            UserError, match=":2: 2 columns where .* have 1; put one word a"
        ):
            load(tmp_path, content, "test", "test.txt")
        examples = load(
            tmp_path, content + "\nBob\n" * 3, "test", "test.txt", skip=True
        )
        assert examples.sentences == [["Bob"]] * 3

    def test_placeholders(self, tmp_path):
        content = "Ann _\nNew York _\nhums _\n"
        with pytest.raises(UserError, match=":2: 3 columns where .* have 2;"):
            load(tmp_path, content, "test", "test.txt")

    def test_words_that_begin_with_a_hash(self, tmp_path):
        assert load(tmp_path, "#a O\n#b O\n").sentences == [["#a", "#b"]]

    def test_the_label_column_is_not_there(self, tmp_path):
        content = "Ann O\nhums O\n"
        with pytest.raises(UserError, match=":1: 2 columns, and column 4 is"):
            load(tmp_path, content, "test", "test.txt", label_column="4")


def test_empty(tmp_path):
    with pytest.raises(UserError, match="empty"):
        load(tmp_path, "\n\n")
    with pytest.raises(UserError, match="no sentences"):
        load(tmp_path, "-DOCSTART- O\n\n")


GERMEVAL = (
    "#\thttp://example.org/a [2020-01-02]\n1\tAnna\tB-PER\tO\n"
    "2\tNovak\tI-PER\tO\n\n#\thttp://example.org/b\n1\t#\tO\tO\n"
    "2\tBonn\tB-LOC\tO\n"
)
UNER = (
    "# sent_id = 1\n# text = Anna hums\n1\tAnna\tB-PER\t-\t-\n"
    "2\thums\tO\t-\t-\n\n# sent_id = 2\n1\tHi\tO\t-\t-\n"
)
CONLL_U = (
    "# newpar\n# text = don't\n1-2\tdon't" + "\t_" * 8 + "\n"
    "1\tdo\tdo\tAUX" + "\t_" * 6 + "\n2\tn't\tnot\tPART" + "\t_" * 6 + "\n"
    "2.1\tgo\tgo\tVERB" + "\t_" * 6 + "\n"
)
PLAIN = {"label_column": "4", "tag_scheme": "none"}


class TestCountersAndComments:
    def test_germeval(self, tmp_path):
        examples = load(tmp_path, GERMEVAL)
        assert examples.sentences == [["Anna", "Novak"], ["#", "Bonn"]]
        assert examples.labels == [["B-PER", "I-PER"], ["O", "B-LOC"]]
        inner = load(tmp_path, GERMEVAL, label_column="4")
        assert inner.labels == [["O", "O"], ["O", "O"]]

    def test_universal_ner(self, tmp_path):
        for skip in (False, True):
            examples = load(tmp_path, UNER, skip=skip)
            assert examples.sentences == [["Anna", "hums"], ["Hi"]]
            assert examples.labels == [["B-PER", "O"], ["O"]]
            assert examples.bad_rows == 0

    def test_conll_u(self, tmp_path):
        examples = load(tmp_path, CONLL_U, **PLAIN)
        assert examples.sentences == [["do", "n't"]]
        assert examples.labels == [["AUX", "PART"]]
        with pytest.raises(UserError, match="--tag_column=upos for parts"):
            load(tmp_path, CONLL_U)

    def test_counters_given_as_words(self, tmp_path):
        settings = {"text_column": "1", "label_column": "3"}
        with pytest.raises(UserError, match="column 1 .*--token_column=2"):
            load(tmp_path, GERMEVAL, **settings)

    def test_a_line_without_its_counter(self, tmp_path):
        content = GERMEVAL * 8 + "1\tAnna\tB-PER\tO\nNovak\tI-PER\tO\tO\n"
        with pytest.raises(UserError, match=":66: 'Novak' does not count"):
            load(tmp_path, content.replace("LOC\tO\n", "LOC\tO\n\n"))

    def test_counters_and_words_alone(self, tmp_path):
        content = "1\tAnna\n2\thums\n"
        examples = load(tmp_path, content, "test", "test.txt")
        assert (examples.sentences, examples.labels) == (
            [["Anna", "hums"]],
            None,
        )

    def test_words_that_are_numbers(self, tmp_path):
        content = "1 O\n2 O\n\n1 B-PER\n"
        examples = load(tmp_path, content, "test", "test.txt")
        assert examples.sentences == [["1", "2"], ["1"]]

    def test_comments_without_counters(self, tmp_path):
        content = (
            "# text = # hums\n# B-PER\nhums O\n# O\n\n"
            "# a longer comment\n#tag O\nAnn B-PER\n"
        )
        examples = load(tmp_path, content)
        assert examples.sentences == [["#", "hums", "#"], ["#tag", "Ann"]]


class TestTagSchemes:
    @pytest.mark.parametrize(
        ("content", "scheme", "tags"),
        [
            ("A B-PER\nB M-PER\nC E-PER\n", None, "B-PER I-PER I-PER"),
            ("A B\nB I\nC O\n", None, "B-ENTITY I-ENTITY O"),
            ("A B_PER\nB I_PER\nC O\n", None, "B-PER I-PER O"),
            ("A b-per\nB i-per\nC o\n", None, "B-per I-per O"),
            ("A PER-B\nB PER-I\nC O\n", None, "B-PER I-PER O"),
            ("A NOUN\nB VERB\nC ADP\n", "none", "NOUN VERB ADP"),
            ("A NOUN\nB VERB\nC S\n", None, "NOUN VERB S"),
        ],
    )
    def test_read(self, tmp_path, content, scheme, tags):
        assert load(tmp_path, content, tag_scheme=scheme).labels == (
            [tags.split()]
        )

    @pytest.mark.parametrize("skip", [False, True])
    @pytest.mark.parametrize(
        "settings", [{"labels": LABELS}, {"tag_scheme": "IOB2"}]
    )
    def test_most_tags_are_none(self, tmp_path, settings, skip):
        with pytest.raises(
            UserError,
            match=":1: 'PROPN' is not a tag, nor are 2 of 3 in column 2: "
            ".*--tag_scheme=none",
        ):
            load(tmp_path, "A PROPN\nB O\n\nC VERB\n", skip=skip, **settings)

    def test_half_of_them_are_of_entities(self, tmp_path):
        with pytest.raises(UserError, match="'NN' is not a tag, nor are 3 of"):
            load(tmp_path, "A NN\nB NN\nC B-PER\nD I-PER\nE NN\n")

    def test_entities_are_no_plain_tags(self, tmp_path):
        with pytest.raises(UserError, match="leave out --tag_scheme=none"):
            load(tmp_path, "A B-PER\nB O\n", tag_scheme="none")

    @pytest.mark.parametrize("scheme", [None, "none"])
    def test_more_tags_than_could_be_learnt(self, tmp_path, scheme):
        content = "".join(f"A tag{n}\n" for n in range(60))
        with pytest.raises(UserError, match="60 different .*--tag_column"):
            load(tmp_path, content, tag_scheme=scheme)

    def test_a_scheme_that_the_file_is_not_in(self, tmp_path):
        content = "A I-PER\nB I-PER\nC O\nD I-LOC\n"
        assert load(tmp_path, content, tag_scheme="IOB1").labels == (
            [["B-PER", "I-PER", "O", "B-LOC"]]
        )
        with pytest.raises(UserError, match="2 of 3 .* break IOB2: they look "):
            load(tmp_path, content, tag_scheme="IOB2")

    def test_a_tag_that_breaks_a_scheme(self, tmp_path, caplog):
        good = "A B-PER\nB I-PER\n\n"
        content = good * 3 + "C O\nD I-LOC\n\n" + good
        with pytest.raises(
            UserError,
            match=r"txt:11: 'I-LOC' between 'O' and 'O' breaks IOB2; correct",
        ):
            load(tmp_path, content, tag_scheme="IOB2")
        examples = load(tmp_path, content, tag_scheme="IOB2", skip=True)
        assert (len(examples), examples.bad_rows) == (4, 1)
        examples = load(tmp_path, content)
        assert examples.labels[3] == ["O", "B-LOC"]
        assert "1 of 9 tags of entities break IOB2, the first 'I-LOC' in " in (
            caplog.text
        )

    def test_what_is_guessed_is_said(self, tmp_path, caplog):
        caplog.set_level("INFO", logger="absl")
        load(tmp_path, "A I-PER\n")
        assert (
            "train.txt: tags look like IOB1; --tag_scheme=IOB1" in caplog.text
        )
        load(tmp_path, "A PER-B\nB PER-E\n")
        assert "tags look like BIOES, the prefix behind the type" in caplog.text
        load(tmp_path, "A NOUN\nB VERB\n")
        assert caplog.records[-1].levelname != "WARNING"
        load(tmp_path, "A PER\nB O\n")
        assert "no tag is that of an entity: 2 tags" in caplog.text
        assert caplog.records[-1].levelname == "WARNING"

    def test_labels_of_plain_tags(self, tmp_path):
        examples = load(tmp_path, "A NOUN\nB VERB\n", tag_scheme="none")
        task = selection.get_task("ner")
        task = task.with_labels_of(examples)
        assert task.labels == ("NOUN", "VERB")
        with pytest.raises(UserError, match="label 'verb' .*; is it 'VERB'"):
            load(
                tmp_path,
                "A NOUN\nB verb\n",
                labels=task.labels,
            )


class TestTagsThatTheTrainingDataLack:
    def test_of_entities(self, tmp_path, caplog):
        content = "A B-PER\nB I-MISC\nC I-MISC\nD O\nE B-LOC\nF I-LOC\n"
        examples = load(tmp_path, content, "dev", "dev.txt", labels=LABELS)
        assert examples.labels[0][1:3] == ["B-MISC", "I-MISC"]
        assert (
            "2 of 5 words have tags that the training data lack ('MISC' 2 "
            in (caplog.text)
        )
        with pytest.raises(UserError, match="type 'MISC' is not one of"):
            load(tmp_path, content, labels=LABELS)

    def test_plain(self, tmp_path, caplog):
        settings = {"labels": ("NOUN", "VERB")}
        content = "A NOUN\nB VERB\nC verb\n"
        examples = load(tmp_path, content, "dev", "dev.txt", **settings)
        assert examples.labels == [["NOUN", "VERB", "verb"]]
        assert "('verb' 1 times, is it 'VERB'?)" in caplog.text

    def test_most_of_them(self, tmp_path):
        with pytest.raises(UserError, match="2 of 3 words .* not know .MISC"):
            load(
                tmp_path,
                "A B-MISC\nB I-MISC\nC B-PER\nD O\n" + "E O\n" * 9,
                "dev",
                "dev.txt",
                labels=LABELS,
            )


HEADER = "Word\tPOS\tNER\nAnna\tNNP\tB-PER\nhums\tVBZ\tO\n"


class TestNamesOfColumns:
    def test_header(self, tmp_path):
        settings = {"text_column": "word", "label_column": "ner"}
        examples = load(tmp_path, HEADER, **settings)
        assert examples.sentences == [["Anna", "hums"]]
        assert examples.labels == [["B-PER", "O"]]
        examples = load(tmp_path, HEADER, text_column="1", label_column="pos")
        assert examples.labels == [["NNP", "VBZ"]]

    def test_a_header_that_nobody_names(self, tmp_path):
        with pytest.raises(
            UserError, match=":1: looks like a header: .*--tag_column=pos"
        ):
            load(tmp_path, HEADER)

    @pytest.mark.parametrize("name", ["UPOS", "upos", "4"])
    def test_conll_u(self, tmp_path, name):
        examples = load(tmp_path, CONLL_U, label_column=name)
        assert examples.sentences == [["do", "n't"]]
        assert examples.labels == [["AUX", "PART"]]

    def test_conll_u_plus(self, tmp_path):
        content = (
            "# global.columns = ID FORM NER:TYPE\n# text = Anna hums\n"
            "1\tAnna\tB-PER\n2\thums\tO\n"
        )
        examples = load(tmp_path, content, label_column="ner:type")
        assert examples.labels == [["B-PER", "O"]]

    def test_no_such_name(self, tmp_path):
        with pytest.raises(UserError, match="no column 'xpos': no line names"):
            load(tmp_path, "Anna O\nhums O\n", label_column="xpos")
        with pytest.raises(UserError, match="no column 'pos': they are id, fo"):
            load(tmp_path, CONLL_U, label_column="pos")

    def test_a_test_set_without_it(self, tmp_path):
        content = "# global.columns = ID FORM\n1\tAnna\n2\thums\n"
        examples = load(
            tmp_path, content, "test", "test.txt", label_column="upos"
        )
        assert (examples.sentences, examples.labels) == (
            [["Anna", "hums"]],
            None,
        )

    def test_what_is_left_out_is_counted(self, tmp_path, caplog):
        caplog.set_level("INFO", logger="absl")
        load(tmp_path, CONLL_U, label_column="upos")
        assert (
            "left out: lines of comments: 2; ranges, whose words follow one "
            "by one (3-4): 1; words that are not written (8.1): 1"
        ) in caplog.text


@pytest.mark.parametrize("tag", ["_", "-", "-1"])
def test_placeholders_of_a_test_set(tmp_path, tag):
    content = f"Ann {tag}\nhums {tag}\n"
    examples = load(tmp_path, content, "test", "test.txt", labels=LABELS)
    assert (examples.sentences, examples.labels) == ([["Ann", "hums"]], None)
    with pytest.raises(UserError, match="is not a tag"):
        load(tmp_path, content, labels=LABELS)


def test_one_column_is_both(tmp_path):
    with pytest.raises(UserError, match="column 2 is the word and the tag"):
        load(tmp_path, "B-PER Ann\nO hums\n", text_column="2")
    with pytest.raises(UserError, match="column 2 is the word and the tag"):
        load(tmp_path, "Ann O\nhums O\n", text_column="2", label_column="2")
