# SPDX-License-Identifier: Apache-2.0
"""transformers' BERT computes what its weights compute here, both ways."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers

import albert
from albert.convert import convert
from albert.interchange import tensor_bundle
from albert.interchange.starting_point import open_starting_point
from albert.text.vocabulary import train_vocabulary

TOLERANCE = 1e-5
SIZES = {
    "vocab_size": 127,
    "hidden_size": 22,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 37,
    "max_position_embeddings": 29,
    "type_vocab_size": 3,
}
MODELS = {
    "BertModel": (
        lambda config: albert.AlbertEncoder(config),
        (3,),
        {
            "sequence_output": "last_hidden_state",
            "pooled_output": "pooler_output",
        },
    ),
    "BertForMaskedLM": (
        lambda config: albert.AlbertPretrainer(config),
        (3,),
        {"masked_lm_logits": "logits"},
    ),
    "BertForSequenceClassification": (
        lambda config: albert.AlbertClassifier(config, 5),
        (3,),
        {"logits": "logits"},
    ),
    "BertForMultipleChoice": (
        lambda config: albert.AlbertMultipleChoice(config),
        (3, 4),
        {"logits": "logits"},
    ),
    "BertForTokenClassification": (
        lambda config: albert.AlbertTokenClassifier(config, 7),
        (3,),
        {"logits": "logits"},
    ),
    "BertForQuestionAnswering": (
        lambda config: albert.AlbertSpanPredictor(config, "v1"),
        (3,),
        {"start_logits": "start_logits", "end_logits": "end_logits"},
    ),
}
LABELS = {"BertForSequenceClassification": 5, "BertForTokenClassification": 7}


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(7)
    torch.manual_seed(3)


def config_of(**changes):
    return albert.AlbertConfig(**SIZES | {"embedding_size": 22} | changes)


def perturb(model):
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(
            variable.numpy() + rng.normal(scale=0.1, size=variable.shape)
        )
    return model


def perturbed_peer(architecture, **changes):
    config = transformers.BertConfig(
        **SIZES | {"num_labels": LABELS.get(architecture, 2)} | changes
    )
    theirs = getattr(transformers, architecture)(config)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return theirs


def assert_same_outputs(ours, theirs, leading, names):
    rng = np.random.default_rng(11)
    rows = int(np.prod(leading))
    lengths = rng.integers(5, 18, (rows, 1))
    lengths[0] = 17
    positions = np.arange(17)
    mask = positions < lengths
    segments = (positions > lengths // 3).astype(int)
    segments += positions > lengths // 2
    batch = {
        "input_ids": rng.integers(0, 127, (rows, 17)) * mask,
        "input_mask": mask,
        "segment_ids": segments * mask,
        "masked_lm_positions": np.tile(positions, (rows, 1)),
    }
    batch = {k: v.reshape(*leading, 17) for k, v in batch.items()}
    ours_found = ours({k: tf.constant(v, tf.int32) for k, v in batch.items()})
    with torch.no_grad():
        theirs_found = theirs.eval()(
            input_ids=torch.tensor(batch["input_ids"]),
            attention_mask=torch.tensor(batch["input_mask"].astype(int)),
            token_type_ids=torch.tensor(batch["segment_ids"]),
        )
    for our_name, their_name in names.items():
        found = np.asarray(ours_found[our_name], np.float64)
        expected = theirs_found[their_name].numpy()
        assert found.shape == expected.shape
        difference = np.max(np.abs(found - expected))
        print(f"{type(theirs).__name__} {our_name}: {difference:.1e}")
        assert difference < TOLERANCE


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        *((architecture, {}) for architecture in MODELS),
        ("BertForMaskedLM", {"num_hidden_groups": 2, "inner_group_num": 2}),
        ("BertForMaskedLM", {"sharing": "attention", "hidden_act": "relu"}),
        ("BertModel", {"sharing": "none", "hidden_act": "gelu_erf"}),
    ],
)
def test_it_opens_what_we_write(tmp_path, architecture, changes):
    make, leading, names = MODELS[architecture]
    ours = perturb(make(config_of(**changes)))
    albert.save_weights(ours, tmp_path / "x", format="bert")
    cls = getattr(transformers, architecture)
    theirs, info = cls.from_pretrained(tmp_path / "x", output_loading_info=True)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[problem], problem
    assert_same_outputs(ours, theirs, leading, names)
    auto = transformers.AutoModel.from_pretrained(tmp_path / "x")
    assert type(auto) is transformers.BertModel


@pytest.mark.parametrize(
    ("architecture", "activation"),
    [
        *((architecture, "gelu") for architecture in MODELS),
        ("BertForMaskedLM", "gelu_new"),
    ],
)
def test_we_open_what_it_writes(tmp_path, architecture, activation):
    make, leading, names = MODELS[architecture]
    theirs = perturbed_peer(architecture, hidden_act=activation)
    theirs.save_pretrained(tmp_path / "x", max_shard_size="20KB")
    start = open_starting_point(tmp_path / "x")
    ours = perturb(make(start.config))
    fresh = ()
    if architecture == "BertForMaskedLM":
        fresh = start.parts_bert_lacks
        assert fresh == ("sentence_order", "pooler")
    albert.load_weights(ours, start, fresh=fresh)
    assert_same_outputs(ours, theirs, leading, names)


def test_google_s_checkpoint_and_transformers_are_one_model(tmp_path):
    """transformers' weights by the names that Google's code gave them."""
    theirs = perturbed_peer("BertForPreTraining", hidden_act="gelu_new")
    variables = {}
    for name, value in theirs.state_dict().items():
        if "decoder" in name or "position_ids" in name:
            continue
        value = value.numpy()
        path, variable = name.replace("layer.", "layer_").rsplit(".", 1)
        path = path.replace(".", "/")
        is_weight = variable == "weight"
        if path.endswith("_embeddings"):
            variables[path] = value
        elif path.endswith("LayerNorm"):
            variables[f"{path}/{'gamma' if is_weight else 'beta'}"] = value
        elif path in ("cls/predictions", "cls/seq_relationship"):
            last = "output_weights" if is_weight else "output_bias"
            variables[f"{path}/{last}"] = value
        else:
            last = "kernel" if is_weight else "bias"
            variables[f"{path}/{last}"] = value.T
    tensor_bundle.write(str(tmp_path / "bert_model.ckpt"), variables)
    values = theirs.config.to_dict() | {"hidden_act": "gelu"}
    (tmp_path / "bert_config.json").write_text(json.dumps(values))
    start = open_starting_point(tmp_path)
    ours = perturb(albert.AlbertPretrainer(start.config))
    report = albert.load_weights(ours, start, fresh=start.parts_bert_lacks)
    assert len(report.unused) == 2
    names = {"masked_lm_logits": "prediction_logits"}
    assert_same_outputs(ours, theirs, (3,), names)


def test_a_wordpiece_vocabulary_has_the_same_ids_there(tmp_path):
    text = "The house by the river was empty, and nobody had lived in it."
    (tmp_path / "text.txt").write_text("\n".join([text] * 40))
    train_vocabulary(
        [str(tmp_path / "text.txt")],
        str(tmp_path / "words"),
        model_type="wordpiece",
        vocabulary_size=50,
    )
    tokenizer = albert.load_tokenizer(tmp_path / "words.txt")
    config = config_of(vocab_size=tokenizer.vocabulary_size)
    model = albert.AlbertEncoder(config)
    albert.save_weights(
        model, tmp_path / "x", format="bert", tokenizer=tokenizer
    )
    for cls in (transformers.AutoTokenizer, transformers.BertTokenizer):
        theirs = cls.from_pretrained(tmp_path / "x")
        ids = theirs(text)["input_ids"]
        assert ids == [
            tokenizer.cls_id,
            *tokenizer.encode(text),
            tokenizer.sep_id,
        ]
    report = convert(tmp_path / "x", tmp_path / "y", "model_dir")
    assert report.tokenizer
