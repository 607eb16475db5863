# SPDX-License-Identifier: Apache-2.0
"""Defines and reads the flags of ``albert create-pretraining-data``."""

from albert import data_flags
from albert import shard_flags
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.flag_parsers import LONGEST_SEQUENCE
from albert.flags import require
from albert.records import pretraining
from albert.records import pretraining_sets
from albert.records.unmasked_pairs import DYNAMIC
from albert.records.unmasked_pairs import MASKING_TIMES
from albert.records.writing import shard_names
from albert.text.instances import OBJECTIVES
from albert.text.instances import PairSettings
from albert.text.masking import MASK_REPLACEMENTS
from albert.text.masking import ORIGINAL_REPLACEMENT
from albert.text.masking import MaskingSettings
from albert.text.word_segmenters import NO_SEGMENTER
from albert.text.word_segmenters import WORD_SEGMENTERS
from albert.text.word_starts import WORD_START_RULES
from albert.vocabulary_flags import require_vocabulary
from albert.vocabulary_flags import vocabulary_file


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    data_flags.define_text_flags(fv, addresses=True)
    data_flags.define_selection_flags(fv)
    data_flags.define_data_creation_flags(fv)
    data_flags.define_record_flags(fv)
    text = FlagGroup(fv, "Text")
    text.choice("input_file_mode", "r", ["r", "rb"], "Accepted, no effect.")
    text.real(
        "max_unknown_share",
        0.2,
        "Stop where more of the pieces are <unk>, of another language.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    instances = FlagGroup(fv, "Instances")
    instances.choice(
        "objective",
        "sop",
        list(OBJECTIVES),
        "sop: label 1 when two consecutive segments are swapped; nsp: when "
        "the second is from another document; none: one segment, label 0.",
    )
    instances.boolean(
        "random_next_sentence", False, "The same as --objective=nsp."
    )
    instances.boolean(
        "original_segment_pairs",
        False,
        "Cut the text as the original does: lengths tell the order, and the "
        "ends of long sentences are lost.",
    )
    instances.integer(
        "max_seq_length",
        512,
        "Tokens in a sequence.",
        lower_bound=4,
        upper_bound=LONGEST_SEQUENCE,
    )
    instances.real(
        "short_seq_prob",
        0.1,
        "Share of instances of a shorter length.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    instances.real(
        "single_sentence_share",
        0.0,
        "Share of the pairs that become their sentences instead, each an "
        "instance of its own, for --objective=sop.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    instances.integer(
        "dupe_factor",
        None,
        "Passes over the text, each with other pairs. Default: 40; 1 with "
        "--masking=dynamic.",
        lower_bound=1,
        upper_bound=100_000,
    )
    masks = FlagGroup(fv, "Masks")
    masks.choice(
        "masking",
        MASKING_TIMES[0],
        list(MASKING_TIMES),
        "static: masks are in the records, others in each pass, as in the "
        "original; dynamic: records without masks, a quarter as large, which "
        "training masks anew in each epoch.",
    )
    masks.integer(
        "max_predictions_per_seq",
        20,
        "Most masked tokens a sequence.",
        lower_bound=1,
        upper_bound=LONGEST_SEQUENCE,
    )
    masks.real(
        "masked_lm_prob",
        0.15,
        "Share of the tokens that is masked.",
        lower_bound=1e-6,
        upper_bound=0.999,
    )
    masks.integer(
        "ngram",
        3,
        "Longest masked n-gram, in words.",
        lower_bound=1,
        upper_bound=100,
    )
    masks.boolean(
        "favor_shorter_ngram", True, "n-grams of n words have p(n) ~ 1/n."
    )
    masks.boolean("do_whole_word_mask", True, "Mask whole words.")
    masks.choice(
        "mask_replacement",
        ORIGINAL_REPLACEMENT,
        list(MASK_REPLACEMENTS),
        "What masked tokens become: 80-10-10: [MASK] of 80%, a random piece of "
        "10%, and 10% stay, as in the original; mask: all become [MASK].",
    )
    masks.choice(
        "word_start_rule",
        "scripts",
        list(WORD_START_RULES),
        "scripts: letters continue a word in scripts with spaces, and in "
        "others each piece is a word, without ▁ before Chinese and Japanese "
        "sentences; original: letters a to z continue a word, ▁ before each "
        "sentence.",
    )
    masks.choice(
        "word_segmenter",
        NO_SEGMENTER,
        list(WORD_SEGMENTERS),
        "What finds words in scripts without spaces, to mask them whole: none, "
        "or jieba, for Chinese, which needs the extra jieba.",
    )
    masks.boolean("do_permutation", False, "Refused: see the error message.")
    files = FlagGroup(fv, "Files")
    files.files(
        "output_file",
        None,
        "TFRecord file, or a comma-separated list. Required.",
        addresses=True,
    )
    shard_flags.define_shard_flags(fv)
    FlagGroup(fv, "Processes").integer(
        "num_workers",
        0,
        "0 takes every core.",
        lower_bound=0,
        upper_bound=1024,
    )


def read_settings(fv):
    """Reads ``PretrainingDataSettings`` and ``ReadingSettings``."""
    require(fv, "input_file", "output_file")
    require_vocabulary(fv)
    if fv.do_permutation:
        raise UserError(
            "--do_permutation is not supported (the released models were "
            "trained without it): leave it out"
        )
    objective = fv.objective
    if fv.random_next_sentence:
        if fv["objective"].present and objective != "nsp":
            raise UserError(
                "--random_next_sentence means --objective=nsp, but "
                f"--objective={objective} is given: leave one of them out"
            )
        objective = "nsp"
    dynamic = fv.masking == DYNAMIC
    settings = pretraining.PretrainingDataSettings(
        vocabulary_file=vocabulary_file(fv),
        do_lower_case=fv.do_lower_case,
        strip_accents=fv.strip_accents,
        pairs=PairSettings(
            fv.max_seq_length,
            fv.short_seq_prob,
            objective,
            fv.original_segment_pairs,
            fv.single_sentence_share,
        ),
        masking=MaskingSettings(
            fv.max_predictions_per_seq,
            fv.masked_lm_prob,
            fv.ngram,
            fv.favor_shorter_ngram,
            fv.do_whole_word_mask,
            fv.mask_replacement,
        ),
        dynamic_masking=dynamic,
        dupe_factor=fv.dupe_factor or (1 if dynamic else 40),
        random_seed=fv.random_seed,
        word_start_rule=fv.word_start_rule,
        word_segmenter=fv.word_segmenter,
        # A shard of the work is one file.
        num_shards=1
        if fv.shard
        else len(shard_names(fv.output_file, fv.num_shards)),
        compression=fv.compression,
    )
    reading = pretraining_sets.ReadingSettings(
        sentence_splitting=fv.sentence_splitting,
        document_separator=fv.document_separator,
        sentence_splitter=fv.sentence_splitter,
        text_field=fv.text_field,
        max_unknown_share=fv.max_unknown_share,
        selection=data_flags.read_selection(fv),
    )
    return settings, reading
