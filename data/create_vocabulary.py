# SPDX-License-Identifier: Apache-2.0
"""Makes a SentencePiece or WordPiece vocabulary from text.

A small uncased one from the sample text:

    albert create-vocabulary \\
        --input_file='data/sample/train/*.txt' \\
        --output_prefix=vocabulary/sample --vocab_size=2000

ALBERT's own size and a cased one, from many files, some of them compressed:

    albert create-vocabulary \\
        --input_file='corpus/*.txt,more/*.txt.zst' \\
        --output_prefix=vocabulary/cased-30k --do_lower_case=false

They write PREFIX.model, which every other program takes as --spm_model_file,
and PREFIX.vocab, the same pieces as text for reading. BERT's kind, where each
Chinese character is a piece, is PREFIX.txt, which they take as --vocab_file:

    albert create-vocabulary --model_type=wordpiece \\
        --input_file='corpus_zh/*.txt' \\
        --output_prefix=vocabulary/zh --vocab_size=8000
"""

import os
import shlex

from absl import logging

from albert import command_line
from albert import data_flags
from albert import file_patterns
from albert.flag_groups import FlagGroup
from albert.flags import require
from albert.text import vocabulary
from albert.text.normalization_losses import HARMFUL_SHARE_OF_MARKS
from albert.text.normalization_losses import describe_lost_marks

# By model_type: the end of the vocabulary's name, and the flag that takes it.
_VOCABULARY_FLAGS = {
    "unigram": (".model", "--spm_model_file"),
    "wordpiece": (".txt", "--vocab_file"),
}
# What both commands take, if it is given.
_READING_FLAGS = (
    "text_field",
    "sentence_splitting",
    "document_separator",
    "sentence_splitter",
    "duplicates",
    "min_document_characters",
    "min_letter_share",
    "max_repeated_share",
    "repair_mojibake",
)


def define_flags(fv):
    """Defines this recipe's flags."""
    data_flags.define_text_flags(fv)
    data_flags.define_selection_flags(fv)
    data_flags.define_data_creation_flags(fv)
    pieces = FlagGroup(fv, "Vocabulary")
    pieces.choice(
        "model_type",
        "unigram",
        list(vocabulary.MODEL_TYPES),
        "unigram: SentencePiece's, as the original's. wordpiece: BERT's "
        "(needs pip install 'albert-keras[export]').",
    )
    pieces.integer(
        "vocab_size",
        30000,
        "Number of pieces, the special ones included.",
        lower_bound=1,
        # The largest vocabularies of many languages have a million.
        upper_bound=2**20,
    )
    pieces.real(
        "character_coverage",
        vocabulary.DEFAULT_CHARACTER_COVERAGE,
        "Share of the text's characters that get a piece; the rest are "
        "unknown.",
        lower_bound=0.98,
        upper_bound=1.0,
    )
    pieces.integer(
        "input_sentence_size",
        vocabulary.DEFAULT_INPUT_SENTENCE_SIZE,
        "Train on at most so many sentences, drawn at random; SentencePiece "
        "keeps them in memory. 0: all.",
        lower_bound=0,
        upper_bound=10**9,
    )
    pieces.integer(
        "num_threads",
        vocabulary.DEFAULT_NUM_THREADS,
        "Threads of SentencePiece. Another number may change the last digits "
        "of the scores.",
        lower_bound=1,
        upper_bound=128,
    )
    FlagGroup(fv, "Files").path(
        "output_prefix",
        None,
        "Where to write: PREFIX.model and PREFIX.vocab, or PREFIX.txt. "
        "Required.",
    )


def main(fv):
    """Trains the vocabulary and prints what it is like."""
    require(fv, "input_file", "output_prefix")
    files = file_patterns.expand_files(fv.input_file)
    suffix, flag = _VOCABULARY_FLAGS[fv.model_type]
    if fv.model_type == "wordpiece":
        command_line.load_tensorflow()  # tensorflow-text loads it.
    report = vocabulary.train_vocabulary(
        files,
        fv.output_prefix.removesuffix(suffix),
        vocabulary_size=fv.vocab_size,
        model_type=fv.model_type,
        lower_case=fv.do_lower_case,
        strip_accents=fv.strip_accents,
        sentence_splitting=fv.sentence_splitting,
        document_separator=fv.document_separator,
        sentence_splitter=fv.sentence_splitter,
        text_field=fv.text_field,
        selection=data_flags.read_selection(fv),
        left_out_file=fv.left_out_file,
        character_coverage=fv.character_coverage,
        input_sentence_size=fv.input_sentence_size,
        seed=fv.random_seed,
        num_threads=fv.num_threads,
        overwrite=fv.overwrite,
    )
    print(
        f"wrote      {', '.join(report.files)}\n"
        f"vocabulary {report.vocabulary_size:,} pieces\n"
        f"text       {report.sentences:,} of {report.sentences_read:,} "
        f"sentences, {report.characters:,} characters\n"
        f"pieces     {report.characters_per_piece:.2f} characters each on a "
        f"sample of the text, {report.unknown_share:.3%} unknown\n"
        f"frequent   {' '.join(report.first_pieces)}"
    )
    for line in report.training_lines:
        print(line)
    lost = describe_lost_marks(report.lost_marks_share)
    if report.lost_marks_share > HARMFUL_SHARE_OF_MARKS:
        logging.warning("%s", lost)
    elif lost:
        print(f"accents    {lost}")
    for line in report.left_out:
        print(f"left out   {line}")
    if not all(map(os.path.isfile, files)):
        return  # A pipe, which cannot be read again.
    reading = "".join(
        f"--{name}={shlex.quote(str(fv[name].value))} "
        for name in _READING_FLAGS
        if fv[name].present
    )
    command_line.print_next(
        "albert create-pretraining-data "
        f"--input_file={shlex.quote(fv.input_file)} "
        f"{reading}"
        f"{flag}={shlex.quote(report.model_file)}"
        f"{'' if fv.do_lower_case else ' --do_lower_case=false'}"
        f"{'' if fv.strip_accents else ' --strip_accents=false'} "
        "--output_file=records/train.tfrecord --max_seq_length=64 "
        "--max_predictions_per_seq=10 --dupe_factor=10"
    )


if __name__ == "__main__":
    command_line.run(main, define_flags)
