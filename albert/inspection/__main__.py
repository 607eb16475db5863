# SPDX-License-Identifier: Apache-2.0
"""Shows what is in records: instances as text, statistics, what looks odd.

    albert inspect-records run/train64-*.tfrecord
    albert inspect-records glue/cola_train.tfrecord --html=cola.html

Whether a whole set is as its JSON says, byte by byte:

    albert inspect-records run/train64-*.tfrecord --verify
"""

import shutil
import sys

from albert import command_line
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.vocabulary_flags import define_vocab_file_flag
from albert.vocabulary_flags import vocabulary_file

POSITIONAL = ("FILE...",)
_MOST_RECORDS = (1 << 32) - 1


def define_flags(fv):
    """Defines the command's flags."""
    shown = FlagGroup(fv, "What is shown")
    shown.integer(
        "num_examples",
        3,
        "Instances shown as text.",
        lower_bound=0,
        upper_bound=1000,
    )
    shown.integer(
        "start",
        0,
        "Instances passed over before the first one that is shown.",
        lower_bound=0,
        upper_bound=_MOST_RECORDS,
    )
    shown.string(
        "label",
        None,
        "Show instances with this label alone: its name, number or letter. "
        "Statistics are of all.",
    )
    shown.integer(
        "max_records",
        None,
        "Read so many records, the first ones of each file, instead of all.",
        lower_bound=1,
        upper_bound=_MOST_RECORDS,
    )
    shown.boolean(
        "verify",
        False,
        "Verify the whole set that the files are of against its JSON: "
        "checksums, counts, fields. Status 2 and a line for each fault "
        "otherwise.",
    )
    vocabulary = FlagGroup(fv, "Vocabulary")
    vocabulary.path(
        "spm_model_file",
        None,
        "SentencePiece model that made the records. Default: the one that "
        "the JSON beside them names.",
    )
    define_vocab_file_flag(fv, "Vocabulary")
    page = FlagGroup(fv, "Page")
    page.path(
        "html", None, "Write the same with plots as a page of HTML, one file."
    )
    page.boolean(
        "overwrite",
        False,
        "Replace a file at --html that this command did not write. Its own "
        "pages it replaces without being told to.",
    )


def main(fv, patterns):
    """Shows the records, or verifies them."""
    from albert.inspection import page
    from albert.inspection import terminal

    if fv.verify and fv.html:
        raise UserError("--html shows no verification: leave one of them out")
    command_line.load_tensorflow()
    from albert.inspection import reading
    from albert.inspection import survey

    files = reading.find_files(patterns)
    if fv.verify:
        verify(files, vocabulary_file(fv))
        return
    if fv.html:
        page.check_page(
            fv.html,
            fv.overwrite,
            reading.list_read(files, vocabulary_file(fv)),
        )
    report = survey.survey(
        files,
        vocabulary_file(fv),
        num_examples=fv.num_examples,
        start=fv.start,
        label=fv.label,
        max_records=fv.max_records,
    )
    if fv.html:
        page.write_page(fv.html, report)
    drawing = terminal.Terminal(
        shutil.get_terminal_size().columns,
        terminal.wants_colour(sys.stdout),
        sys.stdout.encoding or "utf-8",
    )
    print(drawing.draw(report))
    if fv.html:
        print(f"wrote {fv.html}")


def verify(files, vocabulary):
    """Prints a line for each fault, and for each set that has none."""
    from albert.inspection import verification

    faults, summaries = verification.verify(files, vocabulary)
    print("\n".join(faults + summaries))
    if faults:
        raise UserError(
            f"{len(faults):,} fault{'s' * (len(faults) > 1)} found: see the "
            "lines above, each with its remedy"
        )


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
