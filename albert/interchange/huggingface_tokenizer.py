# SPDX-License-Identifier: Apache-2.0
"""A ``Tokenizer`` as files that transformers opens, with the same ids.

transformers' own ALBERT tokenizer rewrites `` and '' as quotation marks,
drops more marks than the original and cuts at white space first. So
tokenizer.json here says all steps itself: those of
``albert.text.normalization``, then those of the SentencePiece model, then its
pieces; ``AutoTokenizer`` takes it as it is.

A WordPiece vocabulary is vocab.txt, as ``BertTokenizer`` reads it, and a
tokenizer.json of its steps; what differs there is in docs/tokenizers.md.

"[MASK]" and the like in a text are control pieces there, as users of
transformers expect; here they are text.

Pieces that are cut again here, such as "▁2010,", and unused ones get a score
so low that their parts are always better.

Source: the tokenizer.json of the tokenizers library, and
tokenization_albert.py of transformers 5.
"""

import base64
import os
import sys
import unicodedata

from sentencepiece import sentencepiece_model_pb2

from albert import outputs
from albert.errors import UserError
from albert.interchange.sentencepiece_rules import self_contained_model
from albert.interchange.source import TokenizerFile
from albert.json_files import read_object
from albert.model_directory import TOKENIZER_FILES
from albert.model_directory import WORDPIECE_FILE
from albert.text import digit_commas
from albert.text import wordpiece

TOKENIZER_FILE = "spiece.model"
PIPELINE_FILE = "tokenizer.json"
_SETTINGS_FILE = "tokenizer_config.json"

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


# -------------------------------------------------------------------- reading


def find(path):
    """Returns the ``TokenizerFile`` of a directory, or None.

    Args:
      path: str, a directory of transformers.
    """
    for name, find_kind in (
        (TOKENIZER_FILE, _find_sentencepiece),
        (WORDPIECE_FILE, _find_wordpiece),
    ):
        model_file = os.path.join(path, name)
        if not os.path.exists(model_file):
            continue
        settings_file = os.path.join(path, _SETTINGS_FILE)
        settings = {}
        if os.path.exists(settings_file):
            settings = read_object(settings_file)
        return find_kind(model_file, settings, settings_file)
    return _find_pipeline(os.path.join(path, PIPELINE_FILE))


def _find_pipeline(pipeline_file):
    """Refuses a WordPiece vocabulary inside tokenizer.json alone."""
    if not os.path.exists(pipeline_file):
        return None
    model = read_object(pipeline_file).get("model")
    if not isinstance(model, dict) or model.get("type") != "WordPiece":
        return None
    return TokenizerFile(
        pipeline_file,
        refusal=f"{pipeline_file}: a WordPiece vocabulary is read from "
        f"{WORDPIECE_FILE}, which is not beside it: write its pieces there, "
        "one a line in the order of their ids, or give such a file with "
        "--vocab_file",
    )


def _find_sentencepiece(model_file, settings, settings_file):
    lower_case = settings.get("do_lower_case", True)
    keep_accents = settings.get("keep_accents", False)
    digit_comma = settings.get("digit_comma", "original")
    refusal = None
    if not isinstance(lower_case, bool):
        refusal = (
            f"{settings_file}: do_lower_case is {lower_case!r}: it must be "
            "true or false"
        )
    elif not isinstance(keep_accents, bool):
        refusal = (
            f"{settings_file}: keep_accents is {keep_accents!r}: it must be "
            "true or false"
        )
    elif digit_comma not in digit_commas.RULES:
        refusal = (
            f"{settings_file}: digit_comma is {digit_comma!r}: it must be one "
            f"of {', '.join(digit_commas.RULES)}"
        )
    return TokenizerFile(
        model_file,
        lower_case=lower_case,
        digit_comma=digit_comma,
        strip_accents=not keep_accents,
        refusal=refusal,
    )


def _find_wordpiece(model_file, settings, settings_file):
    lower_case = settings.get("do_lower_case", True)
    refusal = None
    for name, supported in (
        ("do_lower_case", (True, False)),
        # Here marks are taken off together with capitals alone.
        ("strip_accents", (None, False, lower_case)),
        ("tokenize_chinese_chars", (True,)),
        ("do_basic_tokenize", (True,)),
    ):
        value = settings.get(name, supported[0])
        # By identity: 1 is no true.
        if not any(value is one for one in supported):
            refusal = (
                f"{settings_file}: {name} is {value!r}: this tokenizer cannot "
                "be expressed here"
            )
    return TokenizerFile(
        model_file,
        lower_case=lower_case,
        strip_accents=settings.get("strip_accents") is not False,
        refusal=refusal,
    )


# -------------------------------------------------------------------- writing


def write(directory, tokenizer, max_length):
    """Writes spiece.model or vocab.txt, tokenizer.json, tokenizer_config.json.

    Args:
      directory: str, existing.
      tokenizer: ``Tokenizer``.
      max_length: int, the most pieces that the model takes.

    Raises:
      UserError: the tokenizer cannot be expressed there.
    """
    pipeline = to_pipeline(tokenizer)
    vocabulary_file, _ = TOKENIZER_FILES[tokenizer.kind]
    outputs.write_file(
        os.path.join(directory, vocabulary_file), tokenizer.content
    )
    outputs.write_json(os.path.join(directory, PIPELINE_FILE), pipeline)
    pieces = tokenizer.pieces
    outputs.write_json(
        os.path.join(directory, _SETTINGS_FILE),
        {
            # Not AlbertTokenizer, which would not read tokenizer.json.
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": max_length,
            "model_input_names": [
                "input_ids",
                "token_type_ids",
                "attention_mask",
            ],
            "clean_up_tokenization_spaces": False,
            "do_lower_case": tokenizer.lower_case,
            **_own_settings(tokenizer),
            "unk_token": pieces[tokenizer.unknown_id],
            "pad_token": pieces[tokenizer.pad_id],
            "bos_token": pieces[tokenizer.cls_id],
            "cls_token": pieces[tokenizer.cls_id],
            "eos_token": pieces[tokenizer.sep_id],
            "sep_token": pieces[tokenizer.sep_id],
            "mask_token": pieces[tokenizer.mask_id],
        },
    )


def _own_settings(tokenizer):
    if tokenizer.kind == "wordpiece":
        return {
            "strip_accents": tokenizer.strip_accents,
            "tokenize_chinese_chars": True,
        }
    return {
        "digit_comma": tokenizer.digit_comma,
        "keep_accents": not tokenizer.strip_accents,
    }


def load_written(directory):
    """Returns a function from text to ids: what tokenizer.json says.

    Args:
      directory: str, where ``write`` wrote.

    Returns:
      function from str to list of int; None where the package tokenizers,
      which reads the file, is not installed.
    """
    try:
        import tokenizers
    except ImportError:
        return None
    theirs = tokenizers.Tokenizer.from_file(
        os.path.join(directory, PIPELINE_FILE)
    )
    return lambda text: theirs.encode(text, add_special_tokens=False).ids


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
    model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model_proto)
    _check_expressible(tokenizer, model)
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


def _check_expressible(tokenizer, model):
    types = sentencepiece_model_pb2.ModelProto.SentencePiece
    kinds = {piece.type for piece in model.pieces}
    unigram = sentencepiece_model_pb2.TrainerSpec.UNIGRAM
    reason = None
    if model.trainer_spec.model_type != unigram:
        reason = "it is not of the unigram kind"
    elif types.BYTE in kinds:
        reason = "it has pieces for bytes"
    elif model.trainer_spec.treat_whitespace_as_suffix:
        reason = "it writes spaces behind the words"
    elif not model.normalizer_spec.escape_whitespaces:
        reason = "it does not mark spaces"
    if reason:
        raise UserError(
            f"{tokenizer.model_file}: {reason}, which tokenizer.json cannot "
            "say: --notokenizer converts the weights alone, to be used with "
            "ids that this package makes"
        )


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
