# SPDX-License-Identifier: Apache-2.0
"""Reads the rows of a file one after another, however many there are.

A row is a dict, from the names of columns to their values: those of a table,
of an object of JSON, or one that is named here.
"""

import dataclasses
import itertools
import string

from albert import json_files
from albert.errors import UserError
from albert.tasks import conll_lines
from albert.tasks import delimited_rows
from albert.tasks import header_lines
from albert.tasks import line_files
from albert.tasks.bad_rows import BadRows
from albert.tasks.json_items import Item
from albert.text.foreign_files import refuse_document
from albert.text.foreign_files import refuse_foreign_file
from albert.text.text_files import read_whole_lines

# The columns of files that name none.
TEXT = "text"
WORDS = "words"

# Longer ones are no rows: perhaps a list of all of them on one line.
_MAX_ROW_BYTES = 1 << 28
# Of a table: they show whether its fields are in quotes.
_LOOKED_AT = 1000
# Of sentences with a word a line, lines that are read together.
_LINES_TOGETHER = 1 << 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class RowFile:
    """A file of rows.

    Attributes:
      path: str; plain or compressed, or a pipe.
      form: str, a key of ``FORMS``.
      header: bool, whether the first line of a table names the columns; if
        not, they are called "1", "2", ….
      delimiter: str, the character between the columns of a table; None: as
        the form says.
      quoting: str of ``delimited_rows.QUOTINGS``, or None for the usual.
      text_column: int, from 0, where the words of sentences stand, or the
        texts of a table without a header; None: as the lines say.
    """

    path: str
    form: str
    header: bool = True
    delimiter: str | None = None
    quoting: str | None = None
    text_column: int | None = None

    def read(self, bad_rows):
        """Yields an ``Item`` for each row, its value a dict.

        Args:
          bad_rows: ``BadRows`` of the path.

        Raises:
          UserError: the file cannot be read, is a table of another form, or
            has a bad row, and such are not left out.
        """
        return FORMS[self.form].read(self, bad_rows)

    def lines(self, bad_rows, refuse=refuse_document):
        """Yields (int, str): number from 1, and the line; None: a bad one."""
        lines = read_whole_lines(
            self.path, _MAX_ROW_BYTES, "put a row on it", refuse
        )
        for number, line in lines:
            yield number, line_files.decode(number, line, bad_rows)


@dataclasses.dataclass(frozen=True)
class Form:
    """What files of rows can look like.

    Attributes:
      endings: tuple of str, of the names of such files.
      read: function of ``RowFile`` and ``BadRows`` that yields ``Item``.
      delimiter: str, that of such tables; None of what is no table.
    """

    endings: tuple
    read: object
    delimiter: str | None = None


def find_form(path):
    """Returns the form that the name of a file tells, or None.

    Args:
      path: str; the ending of a compressed file does not matter.
    """
    for ending in (".gz", ".bz2", ".xz", ".zst"):
        path = path.removesuffix(ending)
    return next(
        (name for name, form in FORMS.items() if path.endswith(form.endings)),
        None,
    )


def _read_texts(file, bad_rows):
    for number, text in file.lines(bad_rows, _refuse_other_than_lines):
        if text is not None:
            yield Item(number, number - 1, {TEXT: text})


def _refuse_other_than_lines(path, start):
    try:
        refuse_foreign_file(path, start, text_field_of=())
    except UserError as error:
        raise UserError(
            f"{error}; --input_format names the form of other rows"
        ) from None


def _read_objects(file, bad_rows):
    numbers = itertools.count()
    for line, text in file.lines(bad_rows):
        if text is not None and not text.strip():
            continue
        number = next(numbers)
        if text is None:
            continue
        try:
            value = json_files.parse(text)
        except ValueError as error:
            what = f"not valid JSON ({getattr(error, 'msg', error)})"
            bad_rows.add(line, what, "write one object a line")
            continue
        if isinstance(value, dict):
            yield Item(line, number, value)
        else:
            bad_rows.add(line, "no JSON object", "write one object a line")


def _read_table(file, bad_rows):
    delimiter = file.delimiter or FORMS[file.form].delimiter
    quoting = file.quoting or (None if delimiter == "\t" else "csv")
    # A line that is left out could hold the quote that ends a text.
    of_lines = (
        BadRows(file.path, offers_skip=False) if quoting == "csv" else bad_rows
    )
    lines = _without_last_blanks(file.lines(of_lines))
    rows = delimited_rows.split_rows(
        file.path, lines, delimiter, quoting, file.header
    )
    first = list(itertools.islice(rows, _LOOKED_AT))
    if not first or first[0].number > 0 - file.header:
        return
    names = first[0].fields
    width = len(names)
    if width == 1:
        delimited_rows.check_delimiter(
            file.path,
            [(row.line, delimiter.join(row.fields)) for row in first],
            delimiter,
        )
    if quoting is None:
        delimited_rows.check_unquoted(file.path, first, width)
    if file.header:
        double = [name for name in names if name and names.count(name) > 1]
        if double:
            raise UserError(
                f"{file.path}:1: two columns are named {double[0]!r}: rename "
                "one"
            )
        del first[0]
    else:
        names = [str(number) for number in range(1, width + 1)]
        if file.text_column in range(width):
            columns = {"text": file.text_column}
            header_lines.check_absent(file.path, first, columns, task=None)
    blank = []
    for row in itertools.chain(first, rows):
        if width > 1 and delimited_rows.is_blank(row):
            blank.append(row)
            continue
        # At the end of a file, delimiters alone are no rows either.
        for each in blank:
            bad_rows.add(each.line, "a blank line", "remove it")
        blank.clear()
        if len(row.fields) == width:
            value = dict(zip(names, row.fields, strict=True))
            yield Item(row.line, row.number, value)
        elif delimited_rows.is_blank(row):
            bad_rows.add(row.line, "a blank line", "remove it")
        else:
            above = "below a header of" if file.header else "after a row of"
            bad_rows.add(
                row.line,
                f"{len(row.fields)} columns {above} {width}",
                delimited_rows.explain_width(delimiter, quoting),
            )


def _without_last_blanks(lines):
    """Yields lines but for blank ones at the end, which are no rows."""
    blank = []
    for number, line in lines:
        blank.append((number, line))
        # Spaces as of bytes, see ``line_files.read_lines``.
        if line is None or line.strip(string.whitespace):
            yield from blank
            blank.clear()


def _read_sentences(file, bad_rows):
    numbers = itertools.count()
    column, known = file.text_column, None
    for lines in _blocks_of_sentences(file.lines(bad_rows)):
        found = conll_lines.read_words(file.path, lines, earlier=known)
        if found.width:  # Not comments alone.
            known = found
        if column is None and known:
            column = int(found.has_counters)
        for sentence in found.sentences:
            number = next(numbers)
            words = [
                _word(fields, column, found.width) for _, fields in sentence
            ]
            if all(words):
                value = {WORDS: words}
                yield Item(sentence[0][0], number, value)
                continue
            # One that could not be read is counted already.
            if any(fields is None for _, fields in sentence):
                continue
            line, fields = sentence[words.index("")]
            if len(fields) != found.width:
                bad_rows.add(
                    line, *conll_lines.explain_width(len(fields), found.width)
                )
            else:
                bad_rows.add(
                    line,
                    f"no word in column {column + 1}",
                    "correct the line, or --text_column",
                )


def _word(fields, column, width):
    if fields is None or len(fields) != width or width <= column:
        return ""
    return fields[column].strip()


def _blocks_of_sentences(lines):
    """Yields lists of lines that end where a sentence does."""
    block = []
    for number, line in lines:
        block.append((number, line))
        ends = line is not None and not line.strip()
        if ends and len(block) >= _LINES_TOGETHER:
            yield block
            block = []
    if block:
        yield block


FORMS = {
    "tsv": Form((".tsv",), _read_table, "\t"),
    "csv": Form((".csv",), _read_table, ","),
    "jsonl": Form((".jsonl", ".ndjson"), _read_objects),
    "lines": Form((".txt",), _read_texts),
    "conll": Form((".conll", ".conllu", ".iob", ".bio"), _read_sentences),
}
