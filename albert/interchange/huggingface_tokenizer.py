# SPDX-License-Identifier: Apache-2.0
"""A ``Tokenizer`` as files that transformers opens, with the same ids.

transformers' own ALBERT tokenizer rewrites `` and '' as quotation marks,
drops more marks than the original and cuts at white space first. So
tokenizer.json here says all steps itself (``huggingface_pipeline``), and
``AutoTokenizer`` takes it as it is. A WordPiece vocabulary is vocab.txt, as
``BertTokenizer`` reads it, beside it.

"[MASK]" and the like in a text are control pieces there, as users of
transformers expect; here they are text.

Source: tokenization_albert.py of transformers 5.
"""

import os

from albert import outputs
from albert.interchange.huggingface_pipeline import to_pipeline
from albert.interchange.source import TokenizerFile
from albert.json_files import read_object
from albert.model_directory import TOKENIZER_FILES
from albert.model_directory import WORDPIECE_FILE
from albert.text import digit_commas

TOKENIZER_FILE = "spiece.model"
PIPELINE_FILE = "tokenizer.json"
_SETTINGS_FILE = "tokenizer_config.json"
_CONFIG_FILE = "config.json"
_CLASS = "tokenizer_class"
# What cuts words otherwise than BERT does, with MeCab for one.
_OTHER_WORDS = ("word_tokenizer_type", "subword_tokenizer_type")
_OTHER_CLASSES = ("BertJapaneseTokenizer",)
# Those whose SentencePiece model is read as ALBERT's: its own, and what says
# all steps in tokenizer.json, as ``write`` and transformers 5 name it.
_SENTENCEPIECE_CLASSES = (
    None,
    "AlbertTokenizer",
    "AlbertTokenizerFast",
    "PreTrainedTokenizerFast",
    "TokenizersBackend",
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
        class_file = settings_file
        config_file = os.path.join(path, _CONFIG_FILE)
        if settings.get(_CLASS) is None and os.path.exists(config_file):
            settings |= {_CLASS: read_object(config_file).get(_CLASS)}
            class_file = config_file
        return find_kind(model_file, settings, settings_file, class_file)
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


def _find_sentencepiece(model_file, settings, settings_file, class_file):
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
    others = _other_words(settings, settings_file)
    if settings.get(_CLASS) not in _SENTENCEPIECE_CLASSES:
        others.append((class_file, _CLASS))
    for file, name in others:
        refusal = (
            f"{file}: {name} is {settings[name]!r}: text is cut otherwise "
            f"than ALBERT's, although {model_file} is beside it: if it is "
            "ALBERT's nevertheless, give it with --spm_model_file, or take "
            f"{name} out of {os.path.basename(file)}"
        )
    return TokenizerFile(
        model_file,
        lower_case=lower_case,
        digit_comma=digit_comma,
        strip_accents=not keep_accents,
        refusal=refusal,
    )


def _find_wordpiece(model_file, settings, settings_file, class_file):
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
    others = _other_words(settings, settings_file)
    if settings.get(_CLASS) in _OTHER_CLASSES:
        others.append((class_file, _CLASS))
    for file, name in others:
        refusal = (
            f"{file}: {name} is {settings[name]!r}: words are cut "
            "otherwise than BERT's, which cannot be expressed here"
        )
    return TokenizerFile(
        model_file,
        lower_case=settings.get("do_lower_case"),
        strip_accents=settings.get("strip_accents") is not False,
        refusal=refusal,
    )


def _other_words(settings, settings_file):
    return [
        (settings_file, name)
        for name in _OTHER_WORDS
        if settings.get(name) is not None
    ]


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
