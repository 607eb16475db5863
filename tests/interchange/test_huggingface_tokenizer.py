# SPDX-License-Identifier: Apache-2.0
"""tokenizer.json says all that a ``Tokenizer`` does, or is not written.

That the ids are equal is tested with transformers, in tests/peers.
"""

import json
import pathlib
import re
import unicodedata

import pytest
from sentencepiece import sentencepiece_model_pb2

import albert
from albert.interchange import huggingface_pipeline
from albert.interchange import huggingface_tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
SPM = GOLDEN / "spm2000.model"
DIGIT_COMMA_SPM = GOLDEN / "spm2000_numcomma.model"


@pytest.fixture(scope="module")
def pipeline():
    return huggingface_pipeline.to_pipeline(albert.Tokenizer(SPM))


def test_pieces_and_scores(pipeline):
    tokenizer = albert.Tokenizer(SPM)
    vocabulary = pipeline["model"]["vocab"]
    assert [piece for piece, _ in vocabulary] == tokenizer.pieces
    scores = dict(vocabulary)
    model = sentencepiece_model_pb2.ModelProto.FromString(SPM.read_bytes())
    for piece in model.pieces[13:]:
        assert scores[piece.piece] == piece.score
    # Characters that are always pieces of their own come before all else.
    best = max(piece.score for piece in model.pieces[13:])
    assert scores["("] == pytest.approx(best - 0.1)
    assert scores["\u20ac"] == pytest.approx(3 * best - 0.1)
    assert pipeline["model"]["unk_id"] == 1


def test_control_pieces_and_template(pipeline):
    added = {each["content"]: each["id"] for each in pipeline["added_tokens"]}
    assert added == {
        "<pad>": 0,
        "<unk>": 1,
        "[CLS]": 2,
        "[SEP]": 3,
        "[MASK]": 4,
    }
    pair = [
        next(iter(step.values())) for step in pipeline["post_processor"]["pair"]
    ]
    assert [(step["id"], step["type_id"]) for step in pair] == [
        ("[CLS]", 0),
        ("A", 0),
        ("[SEP]", 0),
        ("B", 1),
        ("[SEP]", 1),
    ]


def test_marks_are_those_of_python(pipeline):
    steps = pipeline["normalizer"]["normalizers"]
    assert [step["type"] for step in steps] == [
        "Replace",
        "NFKD",
        "Replace",
        "Replace",
        "Lowercase",
        "NFC",
        "Precompiled",
        "Replace",
        "Strip",
    ]

    def as_python(pattern):
        return re.sub(
            r"\\x\{([0-9a-f]+)\}", lambda m: rf"\U{int(m[1], 16):08x}", pattern
        )

    marks = re.compile(as_python(steps[2]["pattern"]["Regex"]))
    spaces = re.compile(as_python(steps[0]["pattern"]["Regex"]))
    for character in map(chr, range(0x110000)):
        is_mark = bool(marks.fullmatch(character))
        assert is_mark == bool(unicodedata.combining(character))
        assert bool(spaces.fullmatch(character)) == character.isspace()


def test_cased():
    tokenizer = albert.Tokenizer(SPM, lower_case=False)
    steps = huggingface_pipeline.to_pipeline(tokenizer)["normalizer"]
    assert "Lowercase" not in {step["type"] for step in steps["normalizers"]}


def changed_model(tmp_path, change):
    model = sentencepiece_model_pb2.ModelProto.FromString(SPM.read_bytes())
    change(model)
    path = tmp_path / "changed.model"
    path.write_bytes(model.SerializeToString())
    return path


def as_suffix(model):
    model.trainer_spec.treat_whitespace_as_suffix = True


def with_piece_for_a_byte(model):
    types = sentencepiece_model_pb2.ModelProto.SentencePiece
    model.trainer_spec.byte_fallback = True
    for byte, piece in enumerate(model.pieces[100:356]):
        piece.piece = f"<0x{byte:02X}>"
        piece.type = types.BYTE


@pytest.mark.parametrize(
    ("change", "words"),
    [(as_suffix, "spaces behind"), (with_piece_for_a_byte, "for bytes")],
)
def test_what_it_cannot_say(tmp_path, change, words):
    tokenizer = albert.Tokenizer(changed_model(tmp_path, change))
    with pytest.raises(albert.UserError, match=words):
        huggingface_pipeline.to_pipeline(tokenizer)


def test_pieces_that_are_cut_again_are_never_the_best():
    tokenizer = albert.Tokenizer(DIGIT_COMMA_SPM)
    pipeline = huggingface_pipeline.to_pipeline(tokenizer)
    scores = [score for _, score in pipeline["model"]["vocab"]]
    table = tokenizer.digit_comma_table()
    assert len(table) == 109
    for id_, score in enumerate(scores):
        assert (score == -100.0) == (id_ in table)
    # Parts of a piece that begins a word make up the piece.
    for id_, ids in table.items():
        assert sum(scores[part] for part in ids) > scores[id_]


@pytest.mark.parametrize("lower_case", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False])
def test_there_and_back(tmp_path, lower_case, strip_accents):
    tokenizer = albert.Tokenizer(
        DIGIT_COMMA_SPM,
        lower_case=lower_case,
        digit_comma="stripped",
        strip_accents=strip_accents,
    )
    huggingface_tokenizer.write(tmp_path, tokenizer, 19)
    found = huggingface_tokenizer.find(tmp_path).load()
    assert found.fingerprint == tokenizer.fingerprint


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"keep_accents": 1}, "keep_accents is 1"),
        ({"do_lower_case": "no"}, "do_lower_case is 'no'"),
        ({"digit_comma": "some"}, "digit_comma is 'some'"),
    ],
)
def test_settings_that_are_not_ours(tmp_path, settings, words):
    assert huggingface_tokenizer.find(tmp_path) is None
    (tmp_path / "spiece.model").write_bytes(SPM.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    found = huggingface_tokenizer.find(tmp_path)
    with pytest.raises(albert.UserError, match=words):
        found.load()


def test_classes_that_are_read_as_alberts(tmp_path):
    (tmp_path / "spiece.model").write_bytes(SPM.read_bytes())
    settings_file = tmp_path / "tokenizer_config.json"
    config_file = tmp_path / "config.json"
    for own in (
        "AlbertTokenizer",
        "AlbertTokenizerFast",
        "PreTrainedTokenizerFast",
        "TokenizersBackend",
        None,
    ):
        settings_file.write_text(json.dumps({"tokenizer_class": own}))
        config_file.write_text("{}")
        assert huggingface_tokenizer.find(tmp_path).load()
        settings_file.write_text("{}")
        config_file.write_text(json.dumps({"tokenizer_class": own}))
        assert huggingface_tokenizer.find(tmp_path).load()


@pytest.mark.parametrize(
    "settings",
    [
        {"tokenizer_class": "T5Tokenizer"},
        {"tokenizer_class": "XLNetTokenizer"},
        {"tokenizer_class": ["AlbertTokenizer"]},
        {"word_tokenizer_type": "mecab"},
        {"subword_tokenizer_type": "sentencepiece"},
        {
            "word_tokenizer_type": "mecab",
            "subword_tokenizer_type": "sentencepiece",
            "tokenizer_class": "BertJapaneseTokenizer",
        },
    ],
)
def test_sentencepiece_of_other_classes_is_refused(tmp_path, settings):
    (tmp_path / "spiece.model").write_bytes(SPM.read_bytes())
    settings_file = tmp_path / "tokenizer_config.json"
    settings_file.write_text(json.dumps(settings))
    with pytest.raises(albert.UserError, match="--spm_model_file") as caught:
        huggingface_tokenizer.find(tmp_path).load()
    *_, (name, value) = settings.items()
    assert f"{settings_file}: {name} is {value!r}: " in str(caught.value)


@pytest.mark.parametrize("settings", ["{}", '{"tokenizer_class": null}'])
def test_a_class_that_the_configuration_alone_names(tmp_path, settings):
    (tmp_path / "spiece.model").write_bytes(SPM.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(settings)
    config_file = tmp_path / "config.json"
    config_file.write_text('{"tokenizer_class": "T5Tokenizer"}')
    with pytest.raises(albert.UserError) as caught:
        huggingface_tokenizer.find(tmp_path).load()
    assert f"{config_file}: tokenizer_class is 'T5To" in str(caught.value)
