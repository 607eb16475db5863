# SPDX-License-Identifier: Apache-2.0
"""Worker of Hugging Face transformers, with PyTorch on the CPU.

Training is with the fused AdamW, without clipping; bfloat16 is autocast, or
with ``bfloat16_weights`` a model whose weights are cast once. Its pretraining
head computes logits of all positions. See ``compare.py``.
"""

import itertools

import numpy as np
import torch
import transformers

from workers import batches
from workers import protocol

# The label of a piece that is not predicted.
IGNORED = -100
# What transformers calls the same activation.
_ACTIVATIONS = {"gelu": "gelu_new", "gelu_erf": "gelu", "relu": "relu"}
_INPUTS = {
    "input_ids": "input_ids",
    "attention_mask": "input_mask",
    "token_type_ids": "segment_ids",
}


def pretraining(work):
    """Returns a function that makes a pretraining step."""
    inputs = pretraining_inputs(batches.batch_of(work))
    model = _make_model(work, transformers.AlbertForPreTraining).train()
    step = _training_step(work, model)
    return lambda: step(inputs)


def encode(work):
    """Returns a function that computes the encoder's output of a batch."""
    inputs = _inputs(batches.batch_of(work))
    if work.get("engine") == "openvino":
        return _encode_in_openvino(work, inputs)
    forward = _forward(work, transformers.AlbertModel)
    return lambda: forward(inputs).last_hidden_state


def _encode_in_openvino(work, inputs):
    import openvino

    model = _make_model(work, transformers.AlbertModel).eval()
    with torch.inference_mode():
        converted = openvino.convert_model(model, example_input=inputs)
    hint = {"bfloat16": "bf16", "float32": "f32"}[work["dtype"]]
    compiled = openvino.Core().compile_model(
        converted,
        "CPU",
        {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"},
    )
    arrays = {name: value.numpy() for name, value in inputs.items()}
    return lambda: compiled(arrays)[0]


def predict(work):
    """Returns a function that computes two logits of each sequence."""
    sequences = batches.read_sequences(work["sequences"])
    forward = _forward(work, transformers.AlbertForSequenceClassification)

    def run():
        logits = [
            forward(_inputs(batch)).logits
            for batch in batches.evaluation_batches(
                sequences, work["batch"], work["sort"]
            )
        ]
        return torch.cat(logits).float().numpy()

    return run


def finetuning(work):
    """Returns a function that trains a classifier for one epoch."""
    sequences = batches.read_sequences(work["sequences"])
    model = _make_model(work, transformers.AlbertForSequenceClassification)
    step = _training_step(work, model.train())
    epochs = itertools.count()

    def run():
        for batch in batches.training_batches(
            sequences, work["batch"], next(epochs)
        ):
            labels = torch.tensor(batch["label_ids"], dtype=torch.long)
            step({**_inputs(batch), "labels": labels})

    return run


def make_config(config):
    """Returns transformers' configuration of an ALBERT of this project.

    Args:
      config: dict, of ``AlbertConfig.to_dict``.
    """
    names = (
        "vocab_size",
        "embedding_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
        "max_position_embeddings",
        "initializer_range",
    )
    return transformers.AlbertConfig(
        **{name: config[name] for name in names},
        hidden_act=_ACTIVATIONS[config["hidden_act"]],
        classifier_dropout_prob=0.0,
        num_labels=2,
    )


def _make_model(work, model_class):
    torch.manual_seed(0)
    return model_class(make_config(work["config"]))


def _autocast(enabled):
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled)


def _training_step(work, model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)

    def step(inputs):
        with _autocast(work["dtype"] == "bfloat16"):
            loss = model(**inputs).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def _forward(work, model_class):
    model = _make_model(work, model_class).eval()
    bfloat16 = work["dtype"] == "bfloat16"
    if work.get("bfloat16_weights"):
        model, bfloat16 = model.to(torch.bfloat16), False

    def forward(inputs):
        with torch.inference_mode(), _autocast(bfloat16):
            return model(**inputs)

    return forward


def pretraining_inputs(batch):
    """Returns the arguments of ``AlbertForPreTraining``: dict of tensors.

    Args:
      batch: dict of arrays, of pretraining records of this project.
    """
    inputs = _inputs(batch)
    labels = np.full(batch["input_ids"].shape, IGNORED)
    row, slot = np.nonzero(batch["masked_lm_weights"])
    places = batch["masked_lm_positions"][row, slot]
    labels[row, places] = batch["masked_lm_ids"][row, slot]
    is_pair = batch["segment_ids"].max(axis=1) > 0
    orders = np.where(is_pair, batch["next_sentence_labels"][:, 0], IGNORED)
    return inputs | {
        "labels": torch.tensor(labels, dtype=torch.long),
        "sentence_order_label": torch.tensor(orders, dtype=torch.long),
    }


def _inputs(batch):
    return {
        name: torch.tensor(batch[own], dtype=torch.long)
        for name, own in _INPUTS.items()
    }


if __name__ == "__main__":
    protocol.serve(
        {
            "encode": encode,
            "finetuning": finetuning,
            "predict": predict,
            "pretraining": pretraining,
        },
        {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
        },
    )
