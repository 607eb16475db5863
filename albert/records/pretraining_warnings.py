# SPDX-License-Identifier: Apache-2.0
"""Lists what makes pretraining records worse than they could be."""

from albert.records.corpus_counts import describe_unknown
from albert.text.normalization_losses import HARMFUL_SHARE_OF_MARKS
from albert.text.normalization_losses import describe_lost_marks

# Less is warned of.
_LEAST_TEXT_USED = 0.85
_LEAST_OF_PREDICTIONS = 0.75
# More is warned of; of documents, where little of the text is used.
_MOST_DROPPED = 0.1
# Of labels that are guessed, where chance does not explain it.
MOST_GUESSED = 0.55
# Of the tokens that were to be masked.
_LEAST_MASKED = 0.75


def list_warnings(metadata):
    """Lists what makes records worse than they could be.

    Args:
      metadata: dict from ``build_metadata``.

    Returns:
      list of str, each with its reason and the remedy.
    """
    corpus = metadata["corpus"]
    settings = metadata["settings"]
    length = metadata["max_seq_length"]
    figures = metadata["statistics"]
    used = figures["text_used_share"]
    warnings = []
    if used < _LEAST_TEXT_USED:
        warnings.append(
            f"a pass uses {used:.0%} of the text: {_why_unused(metadata)}"
        )
    elif (
        settings["objective"] != "none"
        and corpus["tokens"] > length * corpus["sentences"]
    ):
        warnings.append(_describe_long_sentences(metadata))
    surface = figures["surface"]
    if (
        surface
        and not settings["original_segment_pairs"]
        and surface["accuracy"] > max(MOST_GUESSED, 0.5 + 2 * surface["chance"])
    ):
        warnings.append(
            f"{surface['accuracy']:.0%} of the labels can be guessed from "
            "lengths and ends of the segments, so that their order teaches "
            "little: give --sentence_splitting=prose if lines hold several "
            "sentences, a longer --max_seq_length if sentences are longer than "
            "a sequence, or --objective=none"
        )
    if corpus["lost_marks_share"] > HARMFUL_SHARE_OF_MARKS:
        warnings.append(describe_lost_marks(corpus["lost_marks_share"]))
    unknown = describe_unknown(
        corpus["unknown_share"], corpus["unknown_characters_share"]
    )
    if unknown:
        warnings.append(unknown)
    masked = figures["masked_per_instance"]
    budget = masked + figures["unused_budget_per_instance"]
    if masked < _LEAST_MASKED * budget:
        warnings.append(
            f"{masked:.1f} tokens of {budget:.1f} an instance are masked, as "
            "the others are in words that are too long for it: give "
            "--do_whole_word_mask=false"
        )
    few = describe_few_predictions(
        length, metadata["max_predictions_per_seq"], settings["masked_lm_prob"]
    )
    return warnings + [few] * bool(few)


def describe_few_predictions(max_seq_length, max_predictions, masked_lm_prob):
    """Returns what is said of slots that are too few; else an empty text."""
    wanted = round(max_seq_length * masked_lm_prob)
    if max_predictions >= _LEAST_OF_PREDICTIONS * wanted:
        return ""
    return (
        f"--max_predictions_per_seq={max_predictions} masks at most "
        f"{max_predictions / max_seq_length:.1%} of {max_seq_length} pieces: "
        f"give {wanted} for --masked_lm_prob={masked_lm_prob:g}"
    )


def _why_unused(metadata):
    """Returns why text is not used, and the remedy."""
    corpus, settings = metadata["corpus"], metadata["settings"]
    if settings["original_segment_pairs"]:
        return "leave --original_segment_pairs out"
    dropped = metadata["statistics"]["dropped_documents"]
    dropped /= settings["dupe_factor"]
    if dropped > _MOST_DROPPED * corpus["documents"]:
        return (
            f"{dropped:,.0f} of {corpus['documents']:,} documents have one "
            "sentence, which makes no pair: put blank lines only between "
            "documents, give --document_separator=file if all of a file is "
            "one document, --sentence_splitting=prose if lines hold several "
            "sentences, or --objective=none, which uses all"
        )
    return _describe_long_sentences(metadata)


def _describe_long_sentences(metadata):
    corpus = metadata["corpus"]
    return (
        f"sentences have {corpus['tokens'] / corpus['sentences']:.0f} pieces "
        f"on average, sequences {metadata['max_seq_length']}: give a longer "
        "--max_seq_length, or --sentence_splitting=prose if lines hold "
        "several sentences; --objective=none uses all"
    )
