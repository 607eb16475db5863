# SPDX-License-Identifier: Apache-2.0
"""KerasHub opens what this package writes, and the other way round."""

import pathlib

import keras_hub
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.interchange import kerashub
from albert.interchange.names import named_variables
from albert.text.tokenizer import Tokenizer
from albert.text.vocabulary import train_vocabulary

RELEASED = (
    pathlib.Path(__file__).parents[1]
    / "golden"
    / "released_vocabulary"
    / "30k-clean.model"
)

# KerasHub does not close the vocabulary that it reads.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

CORPUS = [
    "The house by the river was empty, and nobody had lived in it since 1911.",
    "He paid 950 pounds (or £1.000?) for a café in Zürich; naïve, wasn't he?",
    "Où sont les neiges d’antan? “Gone”, she said – quite gone…",
    "ΠΕΡΙΣΣΟΤΕΡΑ λόγια, Ελληνικά καὶ πάλιν; ещё раз, совсем другое дело.",
    "한국어 문장도 하나 있고 漢字とかなも少し。",
]
AWKWARD = [
    "",
    " ",
    "\u0301",
    "a",
    "  two   spaces\tand\na line  ",
    "NBSP\u00a0ideographic\u3000zero\u200bwidth\u2028line\u0085next",
    "ＦＵＬＬ width ﬁne ﬂags ½ ² ™ ℌ Ⅷ ㎏",
    "Éa é e\u0301 E\u0301 ÅÄÖ ñ ç Ż ø ß ẞ İstanbul ı",
    "\u00a8 spacing marks \u00b4 \u02d8 \u037a",
    "[CLS] is not [MASK] nor <pad> nor ▁",
    '(quoted) "text" - 1.5 – 2,000 £3 €4 \'tis',
    "한국어 한국어 각 각",
    "क़ का फ़िल्म ঘোৱা ক্ষ தமிழ்",
    "emoji 👩‍👩‍👧 🏳️‍🌈 and \U0001d504\U0001d51f",
    "control \x01\x1f\x7f\ufeff\ufffd characters",
    "κόσμος Ἀθῆναι ΣΟΦΙΑ",
]


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A vocabulary that knows more than English, lower-cased."""
    folder = tmp_path_factory.mktemp("vocabulary")
    text = folder / "text.txt"
    text.write_text("\n".join(CORPUS * 40))
    train_vocabulary(
        [str(text)],
        str(folder / "spiece"),
        vocabulary_size=113,
        character_coverage=1.0,
    )
    return folder / "spiece.model"


def config_of(**changes):
    return albert.AlbertConfig(
        **{
            "vocab_size": 127,
            "hidden_size": 22,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "intermediate_size": 37,
            "embedding_size": 7,
            "max_position_embeddings": 29,
            "type_vocab_size": 3,
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            **changes,
        }
    )


def perturb(model):
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(variable + rng.normal(0, 0.2, variable.shape))


def write(directory, model, model_file=None):
    tokenizer = Tokenizer(model_file) if model_file else None
    return albert.save_weights(model, directory, "kerashub", tokenizer)


def inputs_of(config):
    """Our inputs and KerasHub's: three lengths, two or three segments."""
    rng = np.random.default_rng(6)
    positions = np.arange(17)
    ids = rng.integers(0, config.vocab_size, (3, 17), dtype=np.int32)
    mask = (positions < [[17], [11], [5]]).astype(np.int32)
    segments = rng.integers(0, 3, (3, 17), dtype=np.int32)
    predicted = np.array([[1, 5, 13], [2, 4, 10], [4, 3, 0]], np.int32)
    ours = {
        "input_ids": ids,
        "input_mask": mask,
        "segment_ids": segments,
        "masked_lm_positions": predicted,
    }
    theirs = {
        "token_ids": ids,
        "padding_mask": mask,
        "segment_ids": segments,
    }
    return ours, theirs


def largest(a, b):
    return np.max(np.abs(np.asarray(a) - np.asarray(b)))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_hidden_groups": 2, "inner_group_num": 2},
        {"sharing": "none"},
        {"embedding_size": 22},
    ],
    ids=["shared", "groups", "not shared", "E = H"],
)
def test_kerashub_runs_what_we_write(tmp_path, model_file, changes):
    # KerasHub's own epsilon; the original's is written with a warning.
    config = config_of(masked_lm_epsilon=1e-5, **changes)
    model = albert.AlbertPretrainer(config)
    perturb(model)
    homeless = write(tmp_path, model, model_file)
    assert [name.split("/")[0] for name in homeless] == ["sentence_order"] * 2
    ours, theirs = inputs_of(model.config)
    backbone = keras_hub.models.AlbertBackbone.from_preset(str(tmp_path))
    encoded = model.encoder(ours)
    outputs = backbone(theirs)
    for name in ("sequence_output", "pooled_output"):
        assert largest(outputs[name], encoded[name]) < 1e-5

    task = keras_hub.models.AlbertMaskedLM.from_preset(str(tmp_path))
    predicted = {"mask_positions": ours["masked_lm_positions"]}
    logits = task({**theirs, **predicted})
    assert largest(logits, model(ours)["masked_lm_logits"]) < 1e-5


# The masked LM does not use the pooler.
@pytest.mark.filterwarnings("ignore:Gradients do not exist for variables")
def test_kerashub_trains_and_saves_what_we_write(tmp_path, model_file):
    model = albert.AlbertPretrainer(
        config_of(num_hidden_layers=2, masked_lm_epsilon=1e-5)
    )
    write(tmp_path / "ours", model, model_file)
    task = keras_hub.models.AlbertMaskedLM.from_preset(str(tmp_path / "ours"))
    task.compile(run_eagerly=True)
    task.fit(CORPUS, batch_size=2, shuffle=False, verbose=0)
    task.save_to_preset(str(tmp_path / "theirs"))
    source = kerashub.open_source(tmp_path / "theirs")
    assert source.unknown == []
    assert source.config == model.config
    for name, variable in named_variables(model).items():
        if not name.startswith("sentence_order/"):
            assert source.tensors.shape(name) == tuple(variable.shape)
    # Training has changed the weights.
    key = "encoder/pooler/kernel"
    after = "encoder/attention_0_0/query/kernel"
    before = named_variables(model)
    assert np.array_equal(source.tensors[key], before[key].numpy())
    assert not np.array_equal(source.tensors[after], before[after].numpy())
    # Its vocabulary still has our rules.
    tokenizer = source.tokenizer.load()
    assert tokenizer.lower_case
    expected = Tokenizer(model_file).encode_batch(AWKWARD)
    assert tokenizer.encode_batch(AWKWARD) == expected


def test_kerashub_classifies_what_we_write(tmp_path, model_file):
    config = config_of(num_hidden_groups=2)
    model = albert.AlbertClassifier(
        config, num_labels=5, classifier_dropout=0.3
    )
    perturb(model)
    assert write(tmp_path, model, model_file) == []
    ours, theirs = inputs_of(config)
    task = keras_hub.models.TextClassifier.from_preset(str(tmp_path))
    assert task.dropout == 0.3
    assert largest(task(theirs), model(ours)["logits"]) < 1e-5
    packed = task.preprocessor([CORPUS[0]])
    ids = Tokenizer(model_file).encode(CORPUS[0])[:27]
    assert np.asarray(packed["token_ids"]).tolist() == [[2, *ids, 3]]


@pytest.mark.parametrize("lower_case", [True, False])
def test_kerashub_s_tokenizer_gives_our_ids(tmp_path, model_file, lower_case):
    ours = Tokenizer(model_file, lower_case)
    expected = ours.encode_batch(CORPUS)
    assert any(ours.unknown_id not in ids for ids in expected[3:5])
    check_ids(tmp_path, ours)


def test_kerashub_s_tokenizer_with_the_released_vocabulary(tmp_path):
    check_ids(tmp_path, Tokenizer(RELEASED))


def check_ids(tmp_path, ours):
    encoder = albert.AlbertEncoder(config_of(vocab_size=ours.vocabulary_size))
    albert.save_weights(encoder, tmp_path, "kerashub", ours)
    theirs = keras_hub.models.AlbertTokenizer.from_preset(str(tmp_path))
    texts = [*CORPUS, *AWKWARD, "1999, 12, 3,4,5 and 9, in 2010, 10,000"]
    expected = ours.encode_batch(texts)
    # SentencePiece for Python, then TensorFlow's inside a graph.
    eager = [np.asarray(theirs(text)).tolist() for text in texts]
    assert eager == expected
    dataset = tf.data.Dataset.from_tensor_slices(texts).map(theirs)
    assert [ids.numpy().tolist() for ids in dataset] == expected


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_we_read_what_kerashub_writes(tmp_path, model_file, dropout):
    backbone = keras_hub.models.AlbertBackbone(
        vocabulary_size=127,
        num_layers=4,
        num_heads=2,
        embedding_dim=7,
        hidden_dim=22,
        intermediate_dim=37,
        num_groups=2,
        num_inner_repetitions=2,
        dropout=dropout,
        max_sequence_length=29,
        num_segments=3,
    )
    classifier = keras_hub.models.AlbertTextClassifier(
        backbone,
        num_classes=5,
        dropout=0.2,
        preprocessor=keras_hub.models.AlbertTextClassifierPreprocessor(
            keras_hub.models.AlbertTokenizer(str(model_file)),
            sequence_length=29,
        ),
    )
    perturb(classifier)
    classifier.save_to_preset(str(tmp_path))
    config = config_of(
        num_hidden_groups=2,
        inner_group_num=2,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    source = kerashub.open_source(tmp_path)
    assert source.config == config
    assert source.unknown == []
    assert source.tokenizer.load().lower_case
    model = albert.AlbertClassifier(config, num_labels=5)
    albert.load_weights(model, tmp_path)
    ours, theirs = inputs_of(config)
    encoded = model.encoder(ours)
    outputs = backbone(theirs)
    for name in ("sequence_output", "pooled_output"):
        assert largest(outputs[name], encoded[name]) < 1e-5
    assert largest(classifier(theirs), model(ours)["logits"]) < 1e-5
