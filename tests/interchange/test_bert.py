# SPDX-License-Identifier: Apache-2.0
"""BERTs of Google and of transformers, read and written.

What they compute is written down here once more, with NumPy and by their own
names of variables; tests/peers compares with transformers itself.
"""

import dataclasses
import json
import math
import pathlib

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

import albert
from albert.convert import convert
from albert.interchange import task_description
from albert.interchange import tensor_bundle
from albert.interchange.names import named_variables
from albert.interchange.starting_point import open_starting_point

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
SPM = GOLDEN / "tokenization" / "spm2000.model"
TOLERANCE = 1e-5

# Google's bert_config.json.
BERT_CONFIG = {
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 26,
    "initializer_range": 0.02,
    "intermediate_size": 37,
    "max_position_embeddings": 19,
    "num_attention_heads": 2,
    "num_hidden_layers": 3,
    "type_vocab_size": 3,
    "vocab_size": 53,
}
SETTINGS = BERT_CONFIG | {"embedding_size": 26}


# ------------------------------------------- what a BERT computes, with NumPy


def normalized(x, gamma, beta):
    x = x - x.mean(-1, keepdims=True)
    return gamma * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12) + beta


def gelu_tanh(x):
    return (
        0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    )


def gelu_erf(x):
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


class Bert:
    """BERT by transformers' names (their matrices are [outputs, inputs])."""

    def __init__(self, tensors, heads, activation):
        self.tensors = {k: v.astype(np.float64) for k, v in tensors.items()}
        self.heads = heads
        self.activation = activation

    def dense(self, x, name):
        weight, bias = self.tensors[f"{name}.weight"], f"{name}.bias"
        return x @ weight.T + self.tensors[bias]

    def norm(self, x, name):
        gamma, beta = self.tensors[f"{name}.weight"], f"{name}.bias"
        return normalized(x, gamma, self.tensors[beta])

    def encode(self, batch):
        ids, mask = batch["input_ids"], batch["input_mask"]
        tables = {
            name: self.tensors[f"bert.embeddings.{name}_embeddings.weight"]
            for name in ("word", "position", "token_type")
        }
        x = tables["word"][ids] + tables["token_type"][batch["segment_ids"]]
        x = x + tables["position"][: ids.shape[1]]
        x = self.norm(x, "bert.embeddings.LayerNorm")
        layer = 0
        while f"bert.encoder.layer.{layer}.output.dense.bias" in self.tensors:
            x = self.apply_layer(x, mask, f"bert.encoder.layer.{layer}")
            layer += 1
        return x

    def apply_layer(self, x, mask, name):
        batch, length, width = x.shape

        def split(part):
            y = self.dense(x, f"{name}.attention.self.{part}")
            y = y.reshape(batch, length, self.heads, width // self.heads)
            return y.transpose(0, 2, 1, 3)

        scores = split("query") @ split("key").transpose(0, 1, 3, 2)
        scores = scores / math.sqrt(width // self.heads)
        scores = scores + (1 - mask[:, None, None]) * -10000.0
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights = weights / weights.sum(-1, keepdims=True)
        y = (weights @ split("value")).transpose(0, 2, 1, 3).reshape(x.shape)
        y = self.dense(y, f"{name}.attention.output.dense")
        x = self.norm(x + y, f"{name}.attention.output.LayerNorm")
        y = self.activation(self.dense(x, f"{name}.intermediate.dense"))
        y = self.dense(y, f"{name}.output.dense")
        return self.norm(x + y, f"{name}.output.LayerNorm")

    def pool(self, x):
        return np.tanh(self.dense(x[:, 0], "bert.pooler.dense"))

    def predict_words(self, x):
        x = self.dense(x, "cls.predictions.transform.dense")
        x = self.norm(self.activation(x), "cls.predictions.transform.LayerNorm")
        words = self.tensors["bert.embeddings.word_embeddings.weight"]
        return x @ words.T + self.tensors["cls.predictions.bias"]


def tensors_of_bert(seed=5):
    """A BERT for pretraining by transformers' names, as it is stored there."""
    h, i = BERT_CONFIG["hidden_size"], BERT_CONFIG["intermediate_size"]
    shapes = {
        "bert.embeddings.word_embeddings.weight": (53, h),
        "bert.embeddings.position_embeddings.weight": (19, h),
        "bert.embeddings.token_type_embeddings.weight": (3, h),
        "cls.predictions.bias": (53,),
        "cls.seq_relationship.weight": (2, h),
        "cls.seq_relationship.bias": (2,),
    }
    dense = {"bert.pooler.dense": (h, h)}
    dense["cls.predictions.transform.dense"] = (h, h)
    norms = ["bert.embeddings.LayerNorm", "cls.predictions.transform.LayerNorm"]
    for layer in range(BERT_CONFIG["num_hidden_layers"]):
        name = f"bert.encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            dense[f"{name}.attention.self.{part}"] = (h, h)
        dense[f"{name}.attention.output.dense"] = (h, h)
        dense[f"{name}.intermediate.dense"] = (i, h)
        dense[f"{name}.output.dense"] = (h, i)
        norms += [
            f"{name}.attention.output.LayerNorm",
            f"{name}.output.LayerNorm",
        ]
    for name, shape in dense.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    for name in norms:
        shapes |= {f"{name}.weight": (h,), f"{name}.bias": (h,)}
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(scale=0.3, size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def googles_name(name):
    """Google's name of a variable of transformers: spelled out, no table."""
    path, variable = name.replace("layer.", "layer_").rsplit(".", 1)
    path = path.replace(".", "/")
    if path.endswith("_embeddings"):
        return path
    if path.endswith("LayerNorm"):
        return f"{path}/{'gamma' if variable == 'weight' else 'beta'}"
    if path in ("cls/predictions", "cls/seq_relationship"):
        return f"{path}/output_{'weights' if variable == 'weight' else 'bias'}"
    return f"{path}/{'kernel' if variable == 'weight' else 'bias'}"


def write_googles(directory, tensors):
    """Writes bert_config.json and bert_model.ckpt, as archives have them."""
    directory.mkdir()
    values = BERT_CONFIG | {"directionality": "bidi", "pooler_type": "x"}
    (directory / "bert_config.json").write_text(json.dumps(values))
    variables = {}
    for name, value in tensors.items():
        peer = googles_name(name)
        variables[peer] = value.T if peer.endswith("kernel") else value
    tensor_bundle.write(str(directory / "bert_model.ckpt"), variables)


def write_transformers(directory, tensors, **changes):
    directory.mkdir()
    values = BERT_CONFIG | {
        "architectures": ["BertForPreTraining"],
        "model_type": "bert",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        **changes,
    }
    (directory / "config.json").write_text(json.dumps(values))
    safetensors.numpy.save_file(
        {name: np.ascontiguousarray(each) for name, each in tensors.items()},
        directory / "model.safetensors",
    )


def batch_of(rows=3, length=17):
    rng = np.random.default_rng(11)
    lengths = np.array([length, 5, 11])[:rows, np.newaxis]
    mask = np.arange(length) < lengths
    segments = (np.arange(length) > lengths // 3).astype(int)
    segments += np.arange(length) > lengths // 2
    return {
        "input_ids": (rng.integers(0, 53, (rows, length)) * mask),
        "input_mask": mask.astype(int),
        "segment_ids": segments * mask,
    }


def outputs_of(model, batch):
    positions = np.tile(np.arange(batch["input_ids"].shape[1]), (3, 1))
    batch = {**batch, "masked_lm_positions": positions}
    return model({k: tf.constant(v, tf.int32) for k, v in batch.items()})


def largest_difference(ours, theirs):
    assert ours.shape == theirs.shape
    return np.max(np.abs(np.asarray(ours, np.float64) - theirs))


def weights(model):
    return {k: v.numpy() for k, v in named_variables(model).items()}


def perturbed(model):
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(scale=0.3, size=variable.shape))
    return model


# --------------------------------------------------------------------- reading


def assert_is_bert(path, activation, unused):
    start = open_starting_point(path)
    assert start.head == "masked_lm"
    assert start.parts_bert_lacks == ("sentence_order",)
    model = albert.AlbertPretrainer(start.config)
    report = albert.load_weights(model, start, fresh=start.parts_bert_lacks)
    assert report.unused == unused
    assert report.fresh == [
        "sentence_order/output_bias",
        "sentence_order/output_weights",
    ]
    batch = batch_of()
    theirs = Bert(tensors_of_bert(), 2, activation)
    sequence = theirs.encode(batch)
    logits = outputs_of(model, batch)["masked_lm_logits"]
    encoded = outputs_of(model.encoder, batch)
    assert largest_difference(encoded["sequence_output"], sequence) < TOLERANCE
    pooled = theirs.pool(sequence)
    assert largest_difference(encoded["pooled_output"], pooled) < TOLERANCE
    predicted = theirs.predict_words(sequence)
    assert largest_difference(logits, predicted) < TOLERANCE


def test_google_s_release_computes_what_bert_does(tmp_path):
    """Its gelu is the tanh form."""
    write_googles(tmp_path / "uncased", tensors_of_bert())
    assert_is_bert(
        tmp_path / "uncased",
        gelu_tanh,
        [
            "cls/seq_relationship/output_bias",
            "cls/seq_relationship/output_weights",
        ],
    )
    prefix = open_starting_point(tmp_path / "uncased" / "bert_model.ckpt")
    assert prefix.config == open_starting_point(tmp_path / "uncased").config


def test_transformers_computes_what_bert_does(tmp_path):
    """Its gelu is the exact form."""
    write_transformers(tmp_path / "x", tensors_of_bert())
    assert_is_bert(
        tmp_path / "x",
        gelu_erf,
        ["cls.seq_relationship.bias", "cls.seq_relationship.weight"],
    )


def test_oldest_names_copies_and_a_bare_model(tmp_path):
    """As google-bert/bert-base-uncased has them; BertModel has no prefix."""
    tensors = tensors_of_bert()
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): each
        for name, each in tensors.items()
    }
    words = tensors["bert.embeddings.word_embeddings.weight"]
    old["cls.predictions.decoder.weight"] = words.copy()
    old["cls.predictions.decoder.bias"] = tensors["cls.predictions.bias"].copy()
    old["bert.embeddings.position_ids"] = np.arange(19)[np.newaxis]
    write_transformers(tmp_path / "old", old)
    bare = {
        name.removeprefix("bert."): each
        for name, each in tensors.items()
        if name.startswith("bert.")
    }
    write_transformers(tmp_path / "bare", bare, architectures=["BertModel"])
    write_transformers(tmp_path / "new", tensors)
    new = open_starting_point(tmp_path / "new").source.tensors
    for name, count in (("old", len(new)), ("bare", len(new) - 5)):
        source = open_starting_point(tmp_path / name).source
        assert len(source.tensors) == count
        assert all(
            np.array_equal(source.tensors[each], new[each])
            for each in source.tensors
        )
    assert open_starting_point(tmp_path / "bare").head == "none"


def test_one_weight_by_its_old_and_its_new_name_is_refused(tmp_path):
    tensors = tensors_of_bert()
    name = "bert.embeddings.LayerNorm"
    tensors[f"{name}.gamma"] = 2 * tensors[f"{name}.weight"]
    write_transformers(tmp_path / "x", tensors)
    with pytest.raises(albert.UserError, match="/x: holds ") as error:
        open_starting_point(tmp_path / "x")
    assert f"{name}.gamma" in str(error.value)
    assert f"{name}.weight" in str(error.value)


CONTROLS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]")


@pytest.mark.parametrize("write", [write_googles, write_transformers])
def test_the_pieces_say_whether_text_is_lower_cased(tmp_path, write, caplog):
    """Where nothing else does: no tokenizer_config.json, no wordpiece.json."""
    path = tmp_path / "bert"
    write(path, tensors_of_bert())

    def find(pieces):
        (path / "vocab.txt").write_text("\n".join([*CONTROLS, *pieces, ""]))
        return open_starting_point(path).tokenizer

    # Google's Chinese vocabulary has two with capitals in 21,128.
    few = [*map(str, range(191)), "die", "hut", "<S>"]
    with caplog.at_level("INFO", logger="absl"):
        assert find(few).lower_case
        assert "capitals" not in caplog.text
        cased = find([*few, "Hut", "##UT", "é"])
    assert "vocab.txt has pieces with capitals" in caplog.text
    assert not cased.lower_case and not cased.strip_accents
    assert cased.tokenize("die Hut é") == ["die", "Hut", "é"]
    start = open_starting_point(path)
    assert not start.find_tokenizer(do_lower_case=False).lower_case
    with pytest.raises(albert.UserError, match="do_lower_case is True, but"):
        start.find_tokenizer(do_lower_case=True)
    own = start.find_tokenizer(path / "vocab.txt", do_lower_case=True)
    assert own.lower_case
    # What is said holds.
    for name, key in (
        ("wordpiece.json", "lower_case"),
        ("tokenizer_config.json", "do_lower_case"),
    ):
        (path / name).write_text(json.dumps({key: True}))
    assert open_starting_point(path).tokenizer.lower_case


def test_a_classifier_has_its_classes(tmp_path):
    tensors = {
        name: each
        for name, each in tensors_of_bert().items()
        if name.startswith("bert.")
    }
    rng = np.random.default_rng(2)
    tensors["classifier.weight"] = rng.normal(size=(2, 26)).astype(np.float32)
    tensors["classifier.bias"] = rng.normal(size=2).astype(np.float32)
    write_transformers(
        tmp_path / "x",
        tensors,
        architectures=["BertForSequenceClassification"],
        id2label={"0": "bad", "1": "good"},
    )
    start = open_starting_point(tmp_path / "x")
    assert (start.head, start.num_labels) == ("classification", 2)
    assert start.task["labels"] == ["bad", "good"]
    # Missing there means that of the encoder.
    assert start.classifier_dropout == 0.1
    model = albert.AlbertClassifier(start.config, 2)
    albert.load_weights(model, start, labels=["good", "bad"])
    bert = Bert(tensors, 2, gelu_erf)
    batch = batch_of()
    logits = bert.dense(bert.pool(bert.encode(batch)), "classifier")
    ours = outputs_of(model, batch)["logits"]
    assert largest_difference(ours, logits[:, ::-1]) < TOLERANCE


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "roberta"}, "model_type is 'roberta'"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"hidden_size": "26"}, "hidden_size is '26'"),
        ({"num_hidden_layers": 2.5}, "num_hidden_layers is 2.5"),
        ({"hidden_size": 13}, "do not fit its configuration"),
        ({"classifier_dropout": 1}, "classifier_dropout is 1"),
    ],
)
def test_transformers_configurations_that_are_refused(tmp_path, changes, words):
    write_transformers(
        tmp_path / "x",
        tensors_of_bert(),
        **{"num_attention_heads": 1} | changes,
    )
    with pytest.raises(albert.UserError, match=words) as error:
        open_starting_point(tmp_path / "x")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_act": "swish"}, "hidden_act is 'swish'"),
        ({"hidden_act": ["gelu"]}, "hidden_act"),
        ({"vocab_size": None}, "vocab_size is None"),
        ({"num_hidden_layers": "3"}, "num_hidden_layers is '3'"),
    ],
)
def test_google_s_configurations_that_are_refused(tmp_path, changes, words):
    write_googles(tmp_path / "x", tensors_of_bert())
    file = tmp_path / "x" / "bert_config.json"
    file.write_text(json.dumps(BERT_CONFIG | changes))
    with pytest.raises(albert.UserError, match=words) as error:
        open_starting_point(tmp_path / "x")
    assert str(error.value).startswith(str(file))
    file.write_text("{}")
    with pytest.raises(albert.UserError, match="missing key"):
        open_starting_point(tmp_path / "x")
    file.unlink()
    with pytest.raises(albert.UserError, match=r"without a bert_config\.json"):
        open_starting_point(tmp_path / "x")


# --------------------------------------------------------------------- writing


@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2},
        {"sharing": "ffn", "hidden_act": "gelu_erf"},
        {"sharing": "none"},
    ],
)
def test_what_is_written_computes_the_same(tmp_path, changes):
    config = albert.AlbertConfig(**SETTINGS | changes)
    ours = perturbed(albert.AlbertPretrainer(config))
    left = albert.save_weights(ours, tmp_path / "x", format="bert")
    assert sorted(left) == [
        "encoder/pooler/bias",
        "encoder/pooler/kernel",
        "sentence_order/output_bias",
        "sentence_order/output_weights",
    ]
    values = json.loads((tmp_path / "x" / "config.json").read_text())
    assert values["architectures"] == ["BertForMaskedLM"]
    assert values["model_type"] == "bert"
    erf = config.hidden_act == "gelu_erf"
    assert values["hidden_act"] == ("gelu" if erf else "gelu_new")
    layers = config.num_hidden_layers * config.inner_group_num
    assert values["num_hidden_layers"] == layers
    assert not values.keys() & {"embedding_size", "num_hidden_groups"}
    tensors = safetensors.numpy.load_file(tmp_path / "x" / "model.safetensors")
    assert len(tensors) == 3 + 2 + 16 * layers + 5
    theirs = Bert(tensors, 2, gelu_erf if erf else gelu_tanh)
    batch = batch_of()
    predicted = theirs.predict_words(theirs.encode(batch))
    logits = outputs_of(ours, batch)["masked_lm_logits"]
    assert largest_difference(logits, predicted) < TOLERANCE


def test_there_and_back_is_exact(tmp_path):
    write_transformers(tmp_path / "a", tensors_of_bert())
    convert(tmp_path / "a", tmp_path / "b", "model_dir", head="none")
    report = convert(tmp_path / "b", tmp_path / "c", "bert")
    assert (report.head, report.left) == ("none", [])
    back = safetensors.numpy.load_file(tmp_path / "c" / "model.safetensors")
    expected = {
        name.removeprefix("bert."): each
        for name, each in tensors_of_bert().items()
        if name.startswith("bert.")
    }
    assert back.keys() == expected.keys()
    assert all(np.array_equal(back[name], expected[name]) for name in back)


def test_the_task_comes_along(tmp_path):
    task = {"task_name": "x", "kind": "classification", "labels": ["a", "b"]}
    config = albert.AlbertConfig(**SETTINGS)
    model = perturbed(albert.AlbertClassifier(config, 2))
    albert.save_weights(model, tmp_path / "a", format="model_dir")
    (tmp_path / "a" / "task.json").write_text(json.dumps(task))
    convert(tmp_path / "a", tmp_path / "b", "bert")
    assert task_description.read(tmp_path / "b") == task
    assert open_starting_point(tmp_path / "b").head == "classification"


def test_a_sentencepiece_vocabulary_is_a_tokenizer_json(tmp_path):
    config = albert.AlbertConfig(**SETTINGS | {"vocab_size": 2000})
    albert.save_weights(
        albert.AlbertEncoder(config),
        tmp_path / "x",
        format="bert",
        tokenizer=albert.Tokenizer(SPM),
    )
    written = {path.name for path in (tmp_path / "x").iterdir()}
    assert {"tokenizer.json", "spiece.model"} < written
    assert open_starting_point(tmp_path / "x").tokenizer.lower_case


def test_what_no_bert_computes(tmp_path):
    narrow = albert.AlbertConfig(**SETTINGS | {"embedding_size": 11})
    config = albert.AlbertConfig(**SETTINGS)
    for model, words in (
        (
            albert.AlbertEncoder(narrow),
            "embedding_size 11 is not hidden_size 26",
        ),
        (albert.AlbertSpanPredictor(config, "v2"), "the head span_v2"),
        (
            albert.AlbertEncoder(
                dataclasses.replace(config, position_embedding="sinusoidal")
            ),
            "has learned positions alone",
        ),
    ):
        with pytest.raises(albert.UserError, match=words):
            albert.save_weights(model, tmp_path / "x", format="bert")
    assert list(tmp_path.iterdir()) == []
