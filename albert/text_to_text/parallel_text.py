# SPDX-License-Identifier: Apache-2.0
"""Reads pairs of a source and a target text: two files, or a table."""

import dataclasses
import functools
import itertools
import os
import re

from albert.errors import UserError
from albert.tasks import delimited_rows
from albert.tasks.line_files import shorten
from albert.text import text_files
from albert.text.foreign_files import refuse_document
from albert.text.foreign_files import refuse_foreign_file

# No sentence, nor a text to summarise, is so long.
_MOST_LINE_BYTES = 1 << 24
_LINE_REMEDY = "put one text on a line"
_refuse_other_than_lines = functools.partial(
    refuse_foreign_file, text_field_of=()
)
# Above the columns of a table, and no texts themselves.
_HEADER_NAMES = {
    *("source", "src", "target", "tgt", "input", "output", "inputs", "targets"),
    *("text", "texts", "sentence", "sentences", "source_text", "target_text"),
    *("source_sentence", "target_sentence", "input_text", "output_text"),
    *("src_text", "tgt_text", "text1", "text2", "sentence1", "sentence2"),
    *("summary", "headline", "title", "article", "document", "highlights"),
    *("abstract", "paraphrase", "translation", "reference", "hypothesis"),
    *("source_language", "target_language", "source_lang", "target_lang"),
}
# What may stand above both columns, and is no translation of each other: the
# codes of ISO 639-1, and codes of ISO 639-3 and names of large languages.
_LANGUAGES = """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch
    co cr cs cu cv cy da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga
    gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja
    jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv
    mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or
    os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr
    ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi
    vo wa wo xh yi yo za zh zu afr amh ara ben bul cat ces chi cmn cze dan deu
    dut ell eng est eus fas fin fra fre ger gle glg gre guj hau heb hin hrv
    hun hye ibo ice ind isl ita jpn kan kat kaz khm kor lat lav lit mal mar
    mkd mon mya nep nld nob nor pan per pol por ron rum rus slk slo slv som
    spa sqi srp swa swe swh tam tel tgl tha tur ukr urd uzb vie xho yor zho
    zul arabic chinese czech danish dutch english finnish french german greek
    hebrew hindi hungarian italian japanese korean norwegian polish portuguese
    romanian russian spanish swedish turkish ukrainian vietnamese
"""
# Of a language, such as en-US, zh_Hans and deu_Latn.
_REGION = re.compile(r"[-_][a-z]{2,4}$")
# The first of a file, to see whether they are separated by something else.
_LOOKED_AT = 20
# Pairs that are encoded together.
_BLOCK_PAIRS = 4096


@dataclasses.dataclass(frozen=True)
class ParallelFiles:
    """Two files whose lines belong together.

    Attributes:
      source_file, target_file: str, paths.
    """

    source_file: str
    target_file: str

    @property
    def path(self):
        """str, both files, for messages and results."""
        return f"{self.source_file}, {self.target_file}"

    @property
    def names(self):
        """(str, str), what messages call the source and the target."""
        return self.source_file, self.target_file

    def read_rows(self):
        """Yields (line, source, target), the line from 1.

        Raises:
          UserError: a file cannot be read, or they differ in length.
        """
        if os.path.exists(self.source_file) and os.path.exists(
            self.target_file
        ):
            self._check_distinct()
        rows = itertools.zip_longest(*map(read_lines, self.names))
        for number, (source, target) in enumerate(rows, start=1):
            if source is None or target is None:
                raise self._unequal(number - 1, source is None, rows)
            yield number, source, target

    def _check_distinct(self):
        is_file = os.path.isfile(self.source_file)
        if is_file and os.path.samefile(self.source_file, self.target_file):
            raise UserError(
                f"{self.source_file} is both source and target: give the file "
                "of the other language as one of them"
            )

    def _unequal(self, common, source_ended, rows):
        """Returns the error about a file that is longer than the other."""
        longer = common + 1 + sum(1 for _ in rows)
        lines = (common, longer) if source_ended else (longer, common)
        return UserError(
            f"{self.source_file} has {lines[0]:,} lines, {self.target_file} "
            f"{lines[1]:,}: line N of one must be the translation of line N "
            "of the other, so take both from the same release, or find the "
            "line that one of them lacks"
        )


@dataclasses.dataclass(frozen=True)
class PairTable:
    """A table with a column of source texts and one of target texts.

    Columns are separated by tabs, and quotes are characters of the texts.

    Attributes:
      path: str.
      source_column, target_column: str, names in a first line, or numbers
        from 1 of a table without such a line.
    """

    path: str
    source_column: str
    target_column: str

    @property
    def names(self):
        """(str, str), what messages call the source and the target."""
        return tuple(
            f"{self.path} (column {column})"
            for column in (self.source_column, self.target_column)
        )

    def read_rows(self):
        """Yields (line, source, target), the line from 1.

        Raises:
          UserError: the file cannot be read, lacks a column, has rows of
            different numbers of columns, or texts in quotes, as pandas writes
            them.
        """
        lines = enumerate(read_lines(self.path, refuse_document), start=1)
        for top, line in lines:
            if line.strip():
                break
            yield top, "", ""
        else:
            return
        first = [(top, line), *itertools.islice(lines, _LOOKED_AT - 1)]
        self._check_delimiter(first)
        header = line.split("\t")
        columns, has_header = self._find_columns(top, header)
        if len(header) <= max(columns):
            raise UserError(
                f"{self.path}:{top}: {len(header)} columns, and "
                f"{max(columns) + 1} are needed: put a tab between the source "
                "and the target, and none inside a text"
            )
        rows = (
            (number, line.split("\t"))
            for number, line in itertools.chain(first[has_header:], lines)
        )
        for number, fields in delimited_rows.unquoted(self.path, rows, columns):
            if not "".join(fields).strip():
                yield number, "", ""
                continue
            if len(fields) != len(header):
                raise UserError(
                    f"{self.path}:{number}: {len(fields)} columns, and line "
                    f"{top} has {len(header)}: put tabs between the "
                    "columns, and none inside a text"
                )
            yield number, fields[columns[0]], fields[columns[1]]

    def _find_columns(self, line, header):
        """Returns ((source, target), bool): numbers, and if there is a header.

        The numbers are counted from 0.

        Args:
          line: int, the number of the first row.
          header: list of str, its fields.
        """
        wanted = self.source_column, self.target_column
        if wanted[0] == wanted[1]:
            raise UserError(
                f"--source_column and --target_column are both {wanted[0]}: "
                "give the column of the target as the second"
            )
        if all(column.isdecimal() and int(column) for column in wanted):
            columns = tuple(int(column) - 1 for column in wanted)
            names = [header[each] for each in columns if each < len(header)]
            if _are_names(names):
                raise UserError(
                    f"{self.path}:{line}: looks like a header "
                    f"({', '.join(map(repr, names))}): name the columns with "
                    "--source_column and --target_column, or remove the line"
                )
            return columns, False
        header = [name.strip() for name in header]
        missing = [name for name in wanted if name not in header]
        if missing:
            raise UserError(
                f"{self.path}: no column {missing[0]!r} in its first line "
                f"({shorten(', '.join(header))}): correct --source_column or "
                "--target_column, or number them from 1 where the file has no "
                "line of names"
            )
        return tuple(map(header.index, wanted)), True

    def _check_delimiter(self, first):
        found = delimited_rows.guess_delimiter(first)
        if found:
            raise UserError(
                f"{self.path}: no tabs, but "
                f"{delimited_rows.name_delimiter(found)}: write the table "
                "with tabs between its columns"
            )


def _are_names(fields):
    """Whether fields are names of columns, and no texts."""
    names = [field.strip(' "').casefold() for field in fields]
    names = [name.replace(" ", "_") for name in names]
    languages = [_REGION.sub("", name) for name in names]
    return not _HEADER_NAMES.isdisjoint(names) or (
        len(set(names)) == 2 and set(languages) <= set(_LANGUAGES.split())
    )


def read_blocks(pairs):
    """Yields lists of what ``read_rows`` yields, some thousand at a time.

    Args:
      pairs: ``ParallelFiles`` or ``PairTable``.

    Raises:
      UserError: as of ``read_rows``; or there is nothing.
    """
    rows = pairs.read_rows()
    empty = True
    while block := list(itertools.islice(rows, _BLOCK_PAIRS)):
        empty = False
        yield block
    if empty:
        raise UserError(f"{pairs.path}: holds no text: put the texts there")


def read_lines(path, refuse=_refuse_other_than_lines):
    """Yields the lines of a text file of any size, whole: str.

    Lines end at "\\n" alone; the "\\r" before it is left out, and NUL, of which
    a warning says how many there were.

    Args:
      path: str; it may be compressed, UTF-16 or UTF-32 with a byte-order
        mark, or a pipe.
      refuse: as of ``read_whole_lines``; by default files that are no plain
        text, such as an archive or a table.

    Raises:
      UserError: it cannot be read, is damaged, refused or not UTF-8, or has a
        line of more than 16 MB.
    """
    lines = text_files.read_whole_lines(
        path, _MOST_LINE_BYTES, _LINE_REMEDY, refuse
    )
    nuls = 0
    for number, line in lines:
        nuls += line.count(b"\0")
        text = text_files.decode_lines(line, path, number)
        yield text.removesuffix("\r").replace("\0", "")
    text_files.warn_of_nuls(path, nuls)
