# SPDX-License-Identifier: Apache-2.0
"""Lists the variables: their names and layouts here and in every format.

A row is a variable: its name and shape here, its name in each format, and how
its values are arranged there. ``None`` is a variable that the format has no
place for. ``{g}`` is the group and ``{j}`` the inner group. The decoder is of
this package alone, and Google's names of it are ours.

Sources: the variables that the original's modeling.py, run_pretraining.py,
classifier_utils.py, race_utils.py and squad_utils.py create;
modeling_albert.py of transformers 5; albert_backbone.py and
albert_masked_lm.py of keras-hub 0.32. Google's ``attention_1``, ``ffn_1`` and
``LayerNorm_1`` are constant: TensorFlow 1 made them unique by counting.
"""

import dataclasses

from albert.interchange import bert_names
from albert.interchange.arrangements import HEADS_BIAS
from albert.interchange.arrangements import HEADS_IN
from albert.interchange.arrangements import HEADS_OUT
from albert.interchange.arrangements import SAME
from albert.interchange.arrangements import TRANSPOSED

FORMATS = ("google", "huggingface", "kerashub")
# Those of BERT, which have a place for unshared layers alone.
BERT_FORMATS = ("google_bert", "huggingface_bert")


@dataclasses.dataclass(frozen=True)
class Row:
    """A variable, with its name and layout in every format.

    Attributes:
      ours: str, the name of ``named_variables``.
      shape: str, letters of the shape here: V vocabulary, E embedding, H
        hidden, I intermediate, P positions, T segment types, N heads, C
        labels, and numbers. 2H is twice H.
      google, huggingface, kerashub: str or None, the name there. KerasHub's
        is the layer's name in the functional model, then the path below it
        in its HDF5 file.
      google_bert, huggingface_bert: str or None, the name in a BERT.
      huggingface_order, kerashub_order: str, the arrangement there. Google's
        is ours.
    """

    ours: str
    shape: str
    google: str
    huggingface: str | None = None
    kerashub: str | None = None
    huggingface_order: str = SAME
    kerashub_order: str = SAME
    google_bert: str | None = None
    huggingface_bert: str | None = None

    def name(self, format):
        """Returns the template of the name in ``format``."""
        return getattr(self, format)

    def order(self, format):
        """Returns the arrangement of the values in ``format``."""
        peer = format.removesuffix("_bert")
        return SAME if peer == "google" else getattr(self, f"{peer}_order")


def _dense(ours, shape, google, huggingface, kerashub, kernel=SAME, bias=SAME):
    def below(name, variable, separator="/"):
        return None if name is None else f"{name}{separator}{variable}"

    return (
        Row(
            f"{ours}/kernel",
            shape,
            f"{google}/kernel",
            below(huggingface, "weight", "."),
            below(kerashub, "vars/0"),
            TRANSPOSED,
            kernel,
        ),
        Row(
            f"{ours}/bias",
            shape.split()[-1],
            f"{google}/bias",
            below(huggingface, "bias", "."),
            below(kerashub, "vars/1"),
            SAME,
            bias,
        ),
    )


def _norm(ours, shape, google, huggingface=None, kerashub=None):
    return tuple(
        Row(
            f"{ours}/{variable}",
            shape,
            f"{google}/{variable}",
            huggingface and f"{huggingface}.{peer_variable}",
            kerashub and f"{kerashub}/vars/{index}",
        )
        for index, (variable, peer_variable) in enumerate(
            (("gamma", "weight"), ("beta", "bias"))
        )
    )


def _head(ours, shape, google, huggingface=None, weights=None, bias=None):
    """Returns the rows of an original head, whose weights are [outputs, H]."""
    return (
        Row(
            f"{ours}/output_weights",
            shape,
            f"{google}output_weights",
            huggingface and f"{huggingface}.weight",
            weights,
            kerashub_order=TRANSPOSED,
        ),
        Row(
            f"{ours}/output_bias",
            shape.split()[0],
            f"{google}output_bias",
            huggingface and f"{huggingface}.bias",
            bias,
        ),
    )


_EMBEDDINGS = (
    ("word_embeddings", "V E", "token_embedding"),
    ("token_type_embeddings", "T E", "segment_embedding"),
    ("position_embeddings", "P E", "position_embedding"),
)
_G = "bert/encoder/transformer/group_{g}/inner_group_{j}"
_HF = "albert.encoder.albert_layer_groups.{g}.albert_layers.{j}"
_KH = "group_{g}_inner_layer_{j}"
_DECODER = "decoder/layer_{g}"
_DENSE_OF_DECODER = (
    *(
        (f"{_DECODER}/{attention}/{part}", "H H")
        for attention in ("self_attention", "cross_attention")
        for part in ("query", "key", "value", "output")
    ),
    (f"{_DECODER}/feed_forward/intermediate", "H I"),
    (f"{_DECODER}/feed_forward/output", "I H"),
    ("decoder/output/transform", "H E"),
)
_NORMS_OF_DECODER = (
    (f"{_DECODER}/self_attention/layer_norm", "H"),
    (f"{_DECODER}/cross_attention/layer_norm", "H"),
    (f"{_DECODER}/feed_forward/layer_norm", "H"),
    ("decoder/output/layer_norm", "E"),
)

_ROWS = (
    *(
        Row(
            f"encoder/embeddings/{name}",
            shape,
            f"bert/embeddings/{name}",
            f"albert.embeddings.{name}.weight",
            f"{kerashub}/vars/0",
        )
        for name, shape, kerashub in _EMBEDDINGS
    ),
    *_norm(
        "encoder/embeddings/layer_norm",
        "E",
        "bert/embeddings/LayerNorm",
        "albert.embeddings.LayerNorm",
        "embeddings_layer_norm",
    ),
    *_dense(
        "encoder/embedding_projection",
        "E H",
        "bert/encoder/embedding_hidden_mapping_in",
        "albert.encoder.embedding_hidden_mapping_in",
        "embedding_projection",
    ),
    Row(
        "encoder/relative_bias/bias",
        "31 N",
        "bert/encoder/relative_bias/bias",
    ),
    *(
        row
        for part in ("query", "key", "value")
        for row in _dense(
            f"encoder/attention_{{g}}_{{j}}/{part}",
            "H H",
            f"{_G}/attention_1/self/{part}",
            f"{_HF}.attention.{part}",
            f"{_KH}/_self_attention_layer/{part}_dense",
            HEADS_OUT,
            HEADS_BIAS,
        )
    ),
    *_dense(
        "encoder/attention_{g}_{j}/output",
        "H H",
        f"{_G}/attention_1/output/dense",
        f"{_HF}.attention.dense",
        f"{_KH}/_self_attention_layer/output_dense",
        HEADS_IN,
    ),
    *_norm(
        "encoder/attention_{g}_{j}/layer_norm",
        "H",
        f"{_G}/LayerNorm",
        f"{_HF}.attention.LayerNorm",
        f"{_KH}/_self_attention_layer_norm",
    ),
    *_dense(
        "encoder/feed_forward_{g}_{j}/intermediate",
        "H I",
        f"{_G}/ffn_1/intermediate/dense",
        f"{_HF}.ffn",
        f"{_KH}/_feedforward_intermediate_dense",
    ),
    *_dense(
        "encoder/feed_forward_{g}_{j}/output",
        "I H",
        f"{_G}/ffn_1/intermediate/output/dense",
        f"{_HF}.ffn_output",
        f"{_KH}/_feedforward_output_dense",
    ),
    *_norm(
        "encoder/feed_forward_{g}_{j}/layer_norm",
        "H",
        f"{_G}/LayerNorm_1",
        f"{_HF}.full_layer_layer_norm",
        f"{_KH}/_feedforward_layer_norm",
    ),
    *_dense(
        "encoder/pooler",
        "H H",
        "bert/pooler/dense",
        "albert.pooler",
        "pooled_dense",
    ),
    *_dense(
        "masked_lm/transform",
        "H E",
        "cls/predictions/transform/dense",
        "predictions.dense",
        "mlm_head/_intermediate_dense",
    ),
    *_norm(
        "masked_lm/layer_norm",
        "E",
        "cls/predictions/transform/LayerNorm",
        "predictions.LayerNorm",
        "mlm_head/_intermediate_layer_norm",
    ),
    Row(
        "masked_lm/output_bias",
        "V",
        "cls/predictions/output_bias",
        "predictions.bias",
        "mlm_head/vars/0",
    ),
    *_head(
        "sentence_order",
        "2 H",
        "cls/seq_relationship/",
        "sop_classifier.classifier",
    ),
    *_head(
        "classifier",
        "C H",
        "",
        "classifier",
        "logits/vars/0",
        "logits/vars/1",
    ),
    *_head("span", "2 H", "cls/squad/", "qa_outputs"),
    *_dense("start/dense", "H 1", "start_logits/dense", None, None),
    *_dense("end/dense_0", "2H H", "end_logits/dense_0", None, None),
    *_norm("end/layer_norm", "H", "end_logits/LayerNorm"),
    *_dense("end/dense_1", "H 1", "end_logits/dense_1", None, None),
    *_dense("answer_class/dense_0", "2H H", "answer_class/dense_0", None, None),
    Row("answer_class/dense_1/kernel", "H 1", "answer_class/dense_1/kernel"),
    *(
        row
        for name, shape in _DENSE_OF_DECODER
        for row in _dense(name, shape, name, None, None)
    ),
    *(
        row
        for name, shape in _NORMS_OF_DECODER
        for row in _norm(name, shape, name)
    ),
    Row("decoder/output/output_bias", "V", "decoder/output/output_bias"),
)
ROWS = tuple(
    dataclasses.replace(row, **bert_names.find(row.ours, row.google))
    for row in _ROWS
)
