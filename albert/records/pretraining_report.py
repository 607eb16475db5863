# SPDX-License-Identifier: Apache-2.0
"""Describes pretraining records: their JSON, a summary and an example."""

import collections
import math
import os
import re
import shlex

import numpy as np

from albert.errors import UserError
from albert.records.corpus_counts import CorpusCounts
from albert.records.instance_statistics import Statistics
from albert.records.metadata import find_metadata
from albert.records.metadata import name_of_shard
from albert.records.metadata import without_record_suffix
from albert.records.schema import PretrainingSchema
from albert.records.surface_features import join_guesses
from albert.records.unmasked_pairs import DYNAMIC
from albert.records.unmasked_pairs import describe_pieces
from albert.text.masking import ORIGINAL_REPLACEMENT
from albert.text.normalization_losses import HARMFUL_SHARE_OF_MARKS
from albert.text.normalization_losses import describe_lost_marks
from albert.text.normalization_losses import describe_turkish_case

# With it, the learning rate of small sizes was found (training/defaults.py).
_BATCH_SIZE = 64
_EVALUATION_NAME = re.compile(r"(^|[-_.])(eval|dev|valid|test)")


def build_metadata(
    settings, tokenizer, corpus, statistics, output_bytes, directory
):
    """Builds the JSON beside the records, without the list of files.

    Args:
      settings, tokenizer, directory: as of ``describe_settings``.
      corpus: ``albert.records.corpus_counts.CorpusCounts``.
      statistics: ``albert.records.instance_statistics.Statistics``.
      output_bytes: int, size of the record files.

    Returns:
      dict. It holds nothing of the run itself (times, processes), so that
      the same command writes the same JSON.
    """
    figures = statistics.as_dict(settings.pairs.max_seq_length)
    figures["bytes_per_token"] = output_bytes / statistics.tokens
    if settings.dynamic_masking:
        figures["instances_masked_to_measure"] = statistics.inspected
    return {
        **describe_settings(settings, tokenizer, directory),
        "corpus": corpus.as_dict(tokenizer),
        "statistics": figures,
    }


def describe_settings(settings, tokenizer, directory):
    """Returns the part of the JSON that is known before the text is read.

    Args:
      settings: ``albert.records.pretraining.PretrainingDataSettings``.
      tokenizer: ``albert.text.tokenizers.TokenizerInterface``.
      directory: where the JSON will be; the path of the vocabulary is
        relative to it.
    """
    masking = settings.masking
    replacement = {}
    if masking.mask_replacement != ORIGINAL_REPLACEMENT:
        # Otherwise left out, so that the JSON of shards that were made before
        # there was a choice is that of shards that are made now.
        replacement = {"mask_replacement": masking.mask_replacement}
    alone = {}
    if settings.pairs.single_sentence_share:
        alone["single_sentence_share"] = settings.pairs.single_sentence_share
    dynamic = {}
    if settings.dynamic_masking:
        dynamic = {"masking": DYNAMIC, "pieces": describe_pieces(tokenizer)}
    return {
        "kind": PretrainingSchema.kind,
        **dynamic,
        "max_seq_length": settings.pairs.max_seq_length,
        "max_predictions_per_seq": masking.max_predictions_per_seq,
        "compression": settings.compression,
        "vocabulary": {
            "size": tokenizer.vocabulary_size,
            "fingerprint": tokenizer.fingerprint,
            "model_file": os.path.relpath(
                settings.vocabulary_file, directory or "."
            ),
        },
        "settings": {
            "objective": settings.pairs.objective,
            "original_segment_pairs": settings.pairs.original_segment_pairs,
            "do_lower_case": settings.do_lower_case,
            "strip_accents": settings.strip_accents,
            "do_whole_word_mask": masking.whole_word,
            "word_start_rule": settings.word_start_rule,
            "word_segmenter": settings.word_segmenter,
            "favor_shorter_ngram": masking.favor_shorter_ngram,
            "ngram": masking.ngram,
            "masked_lm_prob": masking.masked_lm_prob,
            **replacement,
            "short_seq_prob": settings.pairs.short_seq_prob,
            **alone,
            "dupe_factor": settings.dupe_factor,
            "random_seed": settings.random_seed,
        },
    }


def merge_metadata(settings, tokenizer, of_shards, directory):
    """Builds the JSON of a whole set of that of its shards.

    Args:
      settings, tokenizer, directory: as of ``describe_settings``.
      of_shards: list of dict, the JSON of each shard, with "counts".

    Returns:
      dict, as of ``build_metadata``.
    """
    counts = [each["counts"] for each in of_shards]
    try:
        corpus = sum(
            (CorpusCounts(**each["corpus"]) for each in counts), CorpusCounts()
        )
        statistics = sum(
            (Statistics.of_counts(each["statistics"]) for each in counts),
            Statistics(),
        )
    except (TypeError, ValueError) as error:
        raise UserError(
            f"{directory or '.'}: the JSON of a shard is damaged ({error}): "
            "make the shards again, with --overwrite"
        ) from None
    metadata = build_metadata(
        settings,
        tokenizer,
        corpus,
        statistics,
        sum(each["files"][0]["bytes"] for each in of_shards),
        directory,
    )
    metadata["statistics"]["surface"] = join_guesses(
        each["statistics"].get("surface") for each in of_shards
    )
    left_out = collections.defaultdict(collections.Counter)
    for each in of_shards:
        for reason, amounts in each.get("left_out", {}).items():
            left_out[reason].update(amounts)
    if left_out:
        metadata["left_out"] = {
            reason: dict(amounts) for reason, amounts in left_out.items()
        }
    return metadata


def summarize(metadata, output_bytes, seconds=None):
    """Returns a summary by which a person can judge the records.

    Args:
      metadata: dict from ``build_metadata``.
      output_bytes: size of the record files.
      seconds: wall time; None where it was made by many commands.

    Returns:
      str of several lines.
    """
    figures = metadata["statistics"]
    corpus = metadata["corpus"]
    settings = metadata["settings"]
    passes = settings["dupe_factor"]
    dynamic = metadata.get("masking") == DYNAMIC
    megabytes = corpus["bytes"] / 1e6
    spans = "  ".join(
        f"{num_words}: {share:.1%}"
        for num_words, share in enumerate(figures["span_shares"], 1)
    )
    replaced = figures["replacement_shares"]
    meaning = {
        "sop": "swapped, drawn anew in each epoch" if dynamic else "swapped",
        "nsp": "second segment from another document",
        "none": "always 0, one segment",
    }[settings["objective"]]
    instances = f"{figures['instances']:,}"
    if passes > 1:
        instances += (
            f" = {passes} passes x about {figures['instances'] / passes:,.0f} "
            f"(other pairs{'' if dynamic else ' and masks'} in each)"
        )
    surface = figures["surface"]
    guessable = (
        f"{surface['accuracy']:.1%} of the labels, from lengths and ends of "
        f"the segments alone (chance: 50% ± {surface['chance']:.1%})"
        if surface
        else "nothing"
    )
    rows = [
        (
            "text",
            f"{megabytes:.2f} MB, {corpus['documents']:,} documents, "
            f"{corpus['sentences']:,} sentences, {corpus['tokens']:,} tokens "
            f"of {corpus['characters'] / max(1, corpus['tokens']):.1f} "
            "characters, "
            f"{corpus['unknown_share']:.2%} of them <unk> "
            f"({corpus['unknown_characters_share']:.2%} of the characters)",
        ),
        ("text used", f"{figures['text_used_share']:.1%} in a pass"),
        ("instances", instances),
        (
            "length",
            f"{figures['mean_length']:.1f} of {metadata['max_seq_length']} "
            f"on average, {figures['padding_share']:.1%} padding, "
            f"{figures['full_length_share']:.1%} full",
        ),
        (
            "masked",
            f"{figures['masked_per_instance']:.2f} an instance "
            f"({figures['masked_share']:.1%} of the tokens) of at most "
            f"{metadata['max_predictions_per_seq']}"
            + (
                " while training, as a sample of "
                f"{figures['instances_masked_to_measure']:,} was"
                if dynamic
                else ""
            ),
        ),
        ("span words", spans),
        (
            "replaced by",
            f"[MASK] {replaced['mask']:.1%}, random piece "
            f"{replaced['random']:.1%}, unchanged {replaced['kept']:.1%}",
        ),
        (
            "one sentence",
            f"{figures['single_sentence_share']:.1%} of the instances"
            if settings.get("single_sentence_share")
            else "",
        ),
        ("label 1", f"{figures['label_1_share']:.1%} ({meaning})"),
        ("guessable", guessable),
        (
            "dropped",
            f"{figures['dropped_documents'] / passes:,.0f} documents a pass, "
            "too short for two segments",
        ),
        (
            "output",
            f"{output_bytes / 1e6:.1f} MB, "
            f"{output_bytes / figures['instances']:.0f} bytes an instance, "
            f"{figures['bytes_per_token']:.2f} a token",
        ),
    ]
    if seconds:
        rows.append(
            (
                "speed",
                f"{seconds:.1f} s, {megabytes * passes / seconds:.2f} MB of "
                f"text x passes a second, "
                f"{figures['instances'] / seconds:,.0f} instances a second",
            )
        )
    rows[1:1] = [
        ("accents", _describe_few_lost_marks(corpus["lost_marks_share"])),
        ("case", describe_turkish_case(corpus["dotless_i_share"])),
    ]
    return "\n".join(f"  {name:<12} {text}" for name, text in rows if text)


def _describe_few_lost_marks(share):
    """Returns the line of the summary; many are warned of."""
    return describe_lost_marks(share) if share <= HARMFUL_SHARE_OF_MARKS else ""


def show_example(example, tokenizer):
    """Returns one instance in words, with what its masks hide.

    Args:
      example: dict of the arrays of one instance, by field.
      tokenizer: ``albert.text.tokenizers.TokenizerInterface``.

    Returns:
      str. Each run of masked positions reads ``{true text > what the model
      sees}``.
    """
    length = int(np.sum(example["input_mask"]))
    seen = example["input_ids"][:length].tolist()
    num_masked = int(np.sum(example["masked_lm_weights"]))
    hidden = dict(
        zip(
            example["masked_lm_positions"][:num_masked].tolist(),
            example["masked_lm_ids"][:num_masked].tolist(),
            strict=True,
        )
    )
    text = []
    position = 0
    while position < length:
        end = position
        while (end in hidden) == (position in hidden) and end < length:
            end += 1
        words = tokenizer.decode(seen[position:end])
        if position in hidden:
            truth = tokenizer.decode([hidden[p] for p in range(position, end)])
            words = f"{{{truth} > {words}}}"
        text.append(words)
        position = end
    label = f"label {int(example['next_sentence_labels'][0])}"
    if not example["segment_ids"].any():
        label = "one segment"
    return f"{' '.join(text)}  ({label})"


def next_command(metadata, files, output_file):
    """Returns a command that tries a training on the records.

    It makes one pass over the records. Few records are read up to ten times,
    for 1,000 steps.

    Args:
      metadata: dict from ``build_metadata``.
      files: list of str, the record files.
      output_file: str, the flag that named them.

    Returns:
      str, or None for records to evaluate on, which their name tells
      ("eval", "dev", "valid", "test").
    """
    if _are_for_evaluation(files[0]):
        return None
    epoch = math.ceil(metadata["statistics"]["instances"] / _BATCH_SIZE)
    steps = max(epoch, min(10 * epoch, 1000))
    model = f"{without_record_suffix(output_file.split(',')[0])}_model"
    evaluation = _find_evaluation_records(metadata, files[0])
    return " ".join(
        [
            "albert pretrain --recipe=budget --model_size=tiny",
            f"--input_file={shlex.quote(_pattern(files, output_file))}",
            *(
                f"--eval_input_file={shlex.quote(each)}"
                for each in evaluation[:1]
            ),
            f"--output_dir={shlex.quote(model)}",
            f"--train_batch_size={_BATCH_SIZE} --num_train_steps={steps}",
        ]
    )


def _pattern(files, output_file=""):
    """Returns how a flag names the files of one set."""
    if "," in output_file:
        return output_file
    return name_of_shard(files[0], "*") if files[1:] else files[0]


def _are_for_evaluation(path):
    return bool(_EVALUATION_NAME.search(os.path.basename(path)))


def _find_evaluation_records(metadata, file):
    """Returns the patterns of fitting evaluation records beside a file."""
    folder = os.path.dirname(file)
    same = ("kind", "vocabulary", "max_seq_length", "max_predictions_per_seq")
    sets = {}  # By JSON, so that the files of a set are one.
    names = sorted(filter(_are_for_evaluation, os.listdir(folder or ".")))
    for found in find_metadata([os.path.join(folder, name) for name in names]):
        if found and all(found[1].get(key) == metadata[key] for key in same):
            sets[found[0]] = [entry["name"] for entry in found[1]["files"]]
    return [
        _pattern([os.path.join(folder, name) for name in each])
        for each in sets.values()
    ]
