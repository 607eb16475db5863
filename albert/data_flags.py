# SPDX-License-Identifier: Apache-2.0
"""Defines the flags of text, tasks and records that commands share.

Each function takes the ``FlagValues`` to define its flags on, or to read.
"""

import os

from absl import logging

from albert import file_patterns
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.flag_parsers import LARGEST_SEED
from albert.flag_parsers import LONGEST_SEQUENCE
from albert.flags import define_text_field_flag
from albert.records.pretraining import COMPRESSIONS
from albert.text import documents
from albert.text import selection
from albert.vocabulary_flags import define_normalization_flags
from albert.vocabulary_flags import define_vocab_file_flag


def define_task_flags(fv):
    """Defines the flags of a task and of its files."""
    # Imported here, because the commands of plain text do without tasks.
    from albert.tasks import multiple_choice_features
    from albert.tasks.delimited_rows import QUOTINGS
    from albert.tasks.table import TASKS
    from albert.tasks.tag_schemes import TAG_SCHEMES

    task = FlagGroup(fv, "Task")
    task.string("task_name", None, f"One of {', '.join(TASKS)}. Required.")
    task.path(
        "data_dir", None, "Folder of the task's files, or the one above it."
    )
    task.string(
        "text_column",
        None,
        "tsv: column of the text; ner: of the words; a name or a number from "
        "1. multiple-choice: column of the context, a name.",
    )
    task.string(
        "text_b_column",
        None,
        "tsv: column of a second text, if there is one; multiple-choice: "
        "column of the question.",
    )
    task.string(
        "label_column",
        None,
        "tsv: column of the label; ner: of the tags, such as upos; "
        "multiple-choice: of the right option.",
    )
    task.alias("token_column", "text_column")
    task.alias("tag_column", "label_column")
    task.names(
        "option_columns",
        None,
        "multiple-choice: columns of the options, in their order. Default: "
        "option 1, option 2, …",
    )
    task.string(
        "id_column",
        None,
        "tsv, multiple-choice: column of ids of your own, which predictions "
        "are given. Default: the number of the row, from 0.",
    )
    task.string(
        "delimiter",
        None,
        "tsv, multiple-choice: the character between columns, such as , or ;. "
        "Default: a tab; a comma in .csv files of multiple-choice.",
    )
    task.choice(
        "quoting",
        None,
        list(QUOTINGS),
        "tsv, multiple-choice: csv: fields may be in quotes, as pandas writes "
        "them; none: quotes are characters of the texts. Default: none, but a "
        "table that looks quoted is refused; csv with another --delimiter.",
    )
    task.choice(
        "tag_scheme",
        None,
        list(TAG_SCHEMES),
        "ner: how entities are tagged, so that a file that breaks it is "
        "refused; none: tags without entities, such as parts of speech. "
        "Default: what the tags look like.",
        case_sensitive=False,
    )
    task.names(
        "labels",
        None,
        "tsv, ner: the labels; multiple-choice: A,B,… for the most options "
        "of a question. Default: those of the training data.",
    )
    task.boolean("regression", False, "tsv: the labels are numbers.")
    task.boolean(
        "multi_label",
        False,
        "tsv: a text has any number of labels, or none. They stand in one "
        "cell, or in --label_columns.",
    )
    task.string(
        "label_separator",
        None,
        "--multi_label: what stands between the labels of a cell. Default: a "
        "comma.",
    )
    task.names(
        "label_columns",
        None,
        "--multi_label: columns of 0 and 1, one for each label and named like "
        "it, instead of --label_column.",
    )
    task.boolean("high_only", False, "race: questions of high schools only.")
    task.boolean(
        "middle_only", False, "race: questions of middle schools only."
    )
    task.integer(
        "max_qa_length",
        None,
        "race, multiple-choice: pieces of question and option; longer ones "
        "lose their start. "
        f"Default: {multiple_choice_features.MAX_QA_LENGTH}.",
        lower_bound=1,
        upper_bound=LONGEST_SEQUENCE,
    )
    task.boolean(
        "skip_bad_rows",
        False,
        "Leave out rows that cannot be used, and count them, instead of "
        "stopping at the first.",
    )


def get_task(fv):
    """Returns the ``Task`` that the flags of ``define_task_flags`` say.

    Args:
      fv: values of flags.

    Raises:
      UserError: there is no such task, or it does not take these settings.
    """
    from albert.tasks import selection

    return selection.get_task(
        fv.task_name,
        text_column=fv.text_column,
        text_b_column=fv.text_b_column,
        label_column=fv.label_column,
        id_column=fv.id_column,
        option_columns=fv.option_columns,
        delimiter=fv.delimiter,
        quoting=fv.quoting,
        tag_scheme=fv.tag_scheme,
        labels=fv.labels,
        regression=fv.regression,
        multi_label=fv.multi_label,
        label_separator=fv.label_separator,
        label_columns=fv.label_columns,
        high_only=fv.high_only,
        middle_only=fv.middle_only,
    )


def define_text_flags(fv, addresses=False):
    """Defines the flags of plain text and of how it is split.

    Args:
      fv: values of flags.
      addresses: bool, whether the text may be at addresses.
    """
    text = FlagGroup(fv, "Text")
    text.files(
        "input_file",
        None,
        "Text: comma-separated files or globs, plain or compressed (gzip, "
        "bzip2, xz, zstandard). Required.",
        addresses=addresses,
    )
    define_text_field_flag(fv, "Text")
    text.choice(
        "sentence_splitting",
        "auto",
        list(documents.SENTENCE_SPLITTINGS),
        "lines: one sentence a line, blank lines between documents; prose: "
        "running text, hard-wrapped or not; auto: judged by the layout.",
    )
    text.choice(
        "document_separator",
        "auto",
        list(documents.DOCUMENT_SEPARATORS),
        "What ends documents besides article marks (<doc …>, = Title =): "
        "line: each line; blank_line; chapter: headings, or three blank lines; "
        "file: nothing in a file; auto: decided by the layout.",
    )
    text.string(
        "sentence_splitter",
        "rules",
        "What splits prose into sentences: rules, or icu:LANGUAGE, such as "
        "icu:fr, which needs the extra icu.",
    )


def define_selection_flags(fv):
    """Defines the flags of what is left out of a text."""
    selected = FlagGroup(fv, "Selection of text")
    selected.choice(
        "duplicates",
        "keep",
        list(selection.DUPLICATES),
        "documents: leave out documents that came before; paragraphs: also "
        "paragraphs of 100 characters or more.",
    )
    selected.integer(
        "min_document_characters",
        0,
        "Leave out shorter documents.",
        lower_bound=0,
        upper_bound=2**20,
    )
    selected.real(
        "min_letter_share",
        0.0,
        "Leave out documents with a smaller share of letters, of any script.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    selected.real(
        "max_repeated_share",
        1.0,
        "Leave out documents of which a larger share is sentences that came "
        "before in them.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    selected.boolean(
        "repair_mojibake",
        False,
        "Repair text that was decoded in a wrong way (needs pip install "
        "'albert-keras[mojibake]').",
    )
    selected.path(
        "left_out_file",
        None,
        "Where to list what is left out, and why, as JSON lines.",
    )


def read_selection(fv):
    """Returns the ``SelectionSettings`` that the flags say."""
    return selection.SelectionSettings(
        duplicates=fv.duplicates,
        min_document_characters=fv.min_document_characters,
        min_letter_share=fv.min_letter_share,
        max_repeated_share=fv.max_repeated_share,
        repair_mojibake=fv.repair_mojibake,
    )


def define_data_creation_flags(fv):
    """Defines the flags of every command that makes data."""
    define_normalization_flags(fv, "Text", True)
    files = FlagGroup(fv, "Files")
    files.boolean("overwrite", False, "Replace files that are there already.")
    FlagGroup(fv, "Randomness").integer(
        "random_seed",
        12345,
        "Seed of all that is drawn, and of the order.",
        lower_bound=0,
        upper_bound=LARGEST_SEED,
    )


def define_record_flags(fv):
    """Defines the flags of how records are written."""
    FlagGroup(fv, "Text").path(
        "spm_model_file",
        None,
        "SentencePiece model. Required, or --vocab_file instead.",
    )
    define_vocab_file_flag(fv, "Text")
    files = FlagGroup(fv, "Files")
    files.integer(
        "num_shards",
        1,
        "Files that each set of records is split into.",
        lower_bound=1,
        upper_bound=10_000,
    )
    files.choice(
        "compression", "", list(COMPRESSIONS), "Compression of the files."
    )


def refuse_shared_files(fv, training, evaluation):
    """Refuses to measure a pretraining on records that it trains on.

    Args:
      fv: values of flags.
      training, evaluation: str, names of flags of files that are there.

    Raises:
      UserError: naming files that both have, by whatever names.
    """
    shared = _describe_shared(fv, training, evaluation)
    if shared:
        raise UserError(
            f"{shared}: evaluations would not tell what is learnt from what "
            "is learnt by heart: give other records, made of other text"
        )


def warn_of_shared_files(fv, training, evaluation):
    """Warns of examples that a model of a task is trained and measured on.

    Args:
      fv, training, evaluation: as of ``refuse_shared_files``. That a few
        examples can be learnt by heart is a test of its own.
    """
    shared = _describe_shared(fv, training, evaluation)
    if shared:
        logging.warning(
            "%s: the metrics will not tell how well other examples are "
            "answered",
            shared,
        )


def _describe_shared(fv, training, evaluation):
    """Returns which files two flags share, in words, or ""."""
    if not (fv[training].value and fv[evaluation].value):
        return ""
    trained = set(
        map(os.path.realpath, file_patterns.expand_files(fv[training].value))
    )
    shared = [
        path
        for path in file_patterns.expand_files(fv[evaluation].value)
        if os.path.realpath(path) in trained
    ]
    if not shared:
        return ""
    more = f" and {len(shared) - 1} more" if shared[1:] else ""
    return f"{shared[0]}{more}: --{evaluation} is of --{training} too"
