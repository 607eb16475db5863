# SPDX-License-Identifier: Apache-2.0
"""A tokenizer as the steps of a tokenizer.json, which give the same ids.

Of a SentencePiece model: those of ``albert.text.normalization``, then those of
the model, then its pieces. Pieces that are cut again here, such as "▁2010,",
and unused ones get a score so low that their parts are always better. Of a
WordPiece vocabulary: BERT's; what differs there is in docs/tokenizers.md.

Source: the tokenizer.json of the tokenizers library.
"""

import base64
import functools
import sys
import unicodedata

from sentencepiece import sentencepiece_model_pb2

from albert.errors import UserError
from albert.interchange.sentencepiece_rules import self_contained_model
from albert.text import wordpiece

_SPACE_MARK = "\u2581"
# Below the scores of a piece's parts together: those of trained vocabularies
# lie between 0 and -20.
_SCORE_OF_UNUSED = -100.0
# What str.split takes for white space, as a class of a regular expression.
_WHITE_SPACE = (
    r"[\t-\r\x{1c}-\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}"
    r"\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]+"
)
# Python lower-cases a sigma that ends a word to another letter.
_CASED = r"\p{Lu}\p{Ll}\p{Lt}"
_FINAL_SIGMA = (
    rf"(?<=[{_CASED}\p{{M}}])\x{{3a3}}(?![\p{{M}}'.:\x{{2019}}]*[{_CASED}])"
)


def to_pipeline(tokenizer):
    """Returns the dict that tokenizer.json holds.

    Args:
      tokenizer: ``Tokenizer``.

    Raises:
      UserError: the vocabulary is not of the unigram kind, or uses a setting
        that the tokenizers library does not have.
    """
    steps = (
        _wordpiece_steps(tokenizer)
        if tokenizer.kind == "wordpiece"
        else _unigram_steps(tokenizer)
    )
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _control_pieces(tokenizer),
        "post_processor": _post_processor(tokenizer),
        **steps,
    }


def _wordpiece_steps(tokenizer):
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": True,
        "strip_accents": tokenizer.strip_accents,
        "lowercase": tokenizer.lower_case,
    }
    if tokenizer.lower_case:
        normalizer = {
            "type": "Sequence",
            "normalizers": [_replace(_FINAL_SIGMA, "\u03c2"), normalizer],
        }
    return {
        "normalizer": normalizer,
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "decoder": {
            "type": "WordPiece",
            "prefix": wordpiece.CONTINUATION,
            "cleanup": True,
        },
        "model": {
            "type": "WordPiece",
            "unk_token": wordpiece.UNKNOWN_PIECE,
            "continuing_subword_prefix": wordpiece.CONTINUATION,
            "max_input_chars_per_word": wordpiece.MAX_WORD_CHARACTERS,
            "vocab": {piece: id_ for id_, piece in enumerate(tokenizer.pieces)},
        },
    }


def _unigram_steps(tokenizer):
    obstacle = find_obstacle(tokenizer)
    if obstacle:
        raise UserError(
            f"{tokenizer.model_file}: {obstacle}, which tokenizer.json cannot "
            "say: --notokenizer converts the weights alone, to be used with "
            "ids that this package makes"
        )
    model = sentencepiece_model_pb2.ModelProto.FromString(
        self_contained_model(tokenizer)
    )
    mark = {
        "replacement": _SPACE_MARK,
        "prepend_scheme": (
            "always" if model.normalizer_spec.add_dummy_prefix else "never"
        ),
        "split": False,
    }
    return {
        "normalizer": {
            "type": "Sequence",
            "normalizers": _normalizers(model, tokenizer),
        },
        "pre_tokenizer": {"type": "Metaspace", **mark},
        "decoder": {"type": "Metaspace", **mark},
        "model": {
            "type": "Unigram",
            "unk_id": tokenizer.unknown_id,
            "vocab": _vocabulary(model),
            "byte_fallback": False,
        },
    }


def _control_pieces(tokenizer):
    return [
        {
            "id": id_,
            "content": tokenizer.pieces[id_],
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
            "special": True,
        }
        for id_ in sorted(
            {
                tokenizer.pad_id,
                tokenizer.unknown_id,
                tokenizer.cls_id,
                tokenizer.sep_id,
                tokenizer.mask_id,
            }
        )
    ]


def find_obstacle(tokenizer):
    """Returns what tokenizer.json cannot say of a tokenizer: str, or None.

    Args:
      tokenizer: ``Tokenizer``.
    """
    if tokenizer.kind == "wordpiece":
        return None
    model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model_proto)
    types = sentencepiece_model_pb2.ModelProto.SentencePiece
    unigram = sentencepiece_model_pb2.TrainerSpec.UNIGRAM
    if model.trainer_spec.model_type != unigram:
        return "it is not of the unigram kind"
    if types.BYTE in {piece.type for piece in model.pieces}:
        return "it has pieces for bytes"
    if model.trainer_spec.treat_whitespace_as_suffix:
        return "it writes spaces behind the words"
    if not model.normalizer_spec.escape_whitespaces:
        return "it does not mark spaces"
    return None


def _normalizers(model, tokenizer):
    spec = model.normalizer_spec
    steps = [_replace(_WHITE_SPACE, " ")]
    if tokenizer.strip_accents:
        steps += [{"type": "NFKD"}, _replace(_combining_marks(), "")]
    if tokenizer.lower_case:
        steps += [_replace(_FINAL_SIGMA, "\u03c2"), {"type": "Lowercase"}]
    # The rules come last although they repeat the steps before them: the
    # library knows fewer characters, and looks up no more than what a reader
    # takes for one character. Composed first, so that none is longer.
    steps += [
        {"type": "NFC"},
        {
            "type": "Precompiled",
            "precompiled_charsmap": base64.b64encode(
                spec.precompiled_charsmap
            ).decode(),
        },
    ]
    if spec.remove_extra_whitespaces:
        steps += [
            _replace(f"[ {_SPACE_MARK}]+", " "),
            {"type": "Strip", "strip_left": True, "strip_right": True},
        ]
    return steps


def _replace(pattern, content):
    return {
        "type": "Replace",
        "pattern": {"Regex": pattern},
        "content": content,
    }


@functools.cache
def _combining_marks():
    """Returns what ``unicodedata.combining`` says yes to, as a class."""
    ranges = []
    for point in range(sys.maxunicode + 1):
        if not unicodedata.combining(chr(point)):
            continue
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    inside = "".join(
        rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges
    )
    return f"[{inside}]+"


def _vocabulary(model):
    """Returns [piece, score] of every piece, in the order of the ids."""
    types = sentencepiece_model_pb2.ModelProto.SentencePiece
    normal = [p.score for p in model.pieces if p.type == types.NORMAL]
    best = max(normal, default=0.0)

    def score(piece):
        if piece.type == types.USER_DEFINED:
            # SentencePiece's own rule, which prefers it to all else.
            return len(piece.piece.encode()) * best - 0.1
        if piece.type == types.UNUSED:
            return _SCORE_OF_UNUSED
        return piece.score

    return [[piece.piece, score(piece)] for piece in model.pieces]


def _post_processor(tokenizer):
    def special(id_):
        piece = tokenizer.pieces[id_]
        return {"SpecialToken": {"id": piece, "type_id": 0}}, {
            piece: {"id": piece, "ids": [id_], "tokens": [piece]}
        }

    def of_segment(step, segment):
        ((kind, value),) = step.items()
        return {kind: {**value, "type_id": segment}}

    cls, cls_table = special(tokenizer.cls_id)
    sep, sep_table = special(tokenizer.sep_id)
    first = {"Sequence": {"id": "A", "type_id": 0}}
    second = {"Sequence": {"id": "B", "type_id": 1}}
    return {
        "type": "TemplateProcessing",
        "single": [cls, first, sep],
        "pair": [cls, first, sep, second, of_segment(sep, 1)],
        "special_tokens": {**cls_table, **sep_table},
    }
