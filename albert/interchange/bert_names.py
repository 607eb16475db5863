# SPDX-License-Identifier: Apache-2.0
"""Names of BERT's variables, in Google's checkpoints and in transformers.

A BERT is an ALBERT whose layers share nothing and whose embeddings are as wide
as its layers. Google's names are those of ALBERT but for the layers', and
transformers made its own of them.

Source: modeling.py and run_pretraining.py of google-research/bert;
modeling_bert.py of transformers 5.
"""

_LAYER = "bert/encoder/layer_{g}"
# The parts of a layer: here, and below the layer there.
_IN_LAYER = {
    "encoder/attention_{g}_{j}/query": "attention/self/query",
    "encoder/attention_{g}_{j}/key": "attention/self/key",
    "encoder/attention_{g}_{j}/value": "attention/self/value",
    "encoder/attention_{g}_{j}/output": "attention/output/dense",
    "encoder/attention_{g}_{j}/layer_norm": "attention/output/LayerNorm",
    "encoder/feed_forward_{g}_{j}/intermediate": "intermediate/dense",
    "encoder/feed_forward_{g}_{j}/output": "output/dense",
    "encoder/feed_forward_{g}_{j}/layer_norm": "output/LayerNorm",
}
# What it does not have: its head for pairs of sentences tells whether one
# follows another at all, not in which order they are.
_NOT_THERE = (
    "encoder/embedding_projection",
    "encoder/relative_bias",
    "decoder",
    "sentence_order",
    "start",
    "end",
    "answer_class",
)
_HEADS = {"classifier": "classifier", "span": "qa_outputs"}
_VARIABLES = {
    "kernel": "weight",
    "gamma": "weight",
    "output_weights": "weight",
    "beta": "bias",
    "output_bias": "bias",
}


def find(ours, google):
    """Returns a variable's names in both formats, or None where it has none.

    Args:
      ours: str, the template of our name.
      google: str, that of its name in Google's ALBERT.

    Returns:
      dict with "google_bert" and "huggingface_bert".
    """
    part, _, variable = ours.rpartition("/")
    if part in _NOT_THERE or part.split("/")[0] in _NOT_THERE:
        return {"google_bert": None, "huggingface_bert": None}
    if part in _IN_LAYER:
        google = f"{_LAYER}/{_IN_LAYER[part]}/{variable}"
    place, _, last = google.rpartition("/")
    if last.endswith("_embeddings"):
        place, last = google, "weight"
    place = _HEADS.get(part, place.replace("layer_{g}", "layer/{g}"))
    peer_variable = _VARIABLES.get(last, last)
    return {
        "google_bert": google,
        "huggingface_bert": f"{place.replace('/', '.')}.{peer_variable}",
    }


def find_lacking_parts(names):
    """Returns the parts of a pretraining model that a BERT does not have.

    Its head for two sentences tells whether one follows the other at all,
    which is not their order; and transformers' classes for masked words have no
    pooler.

    Args:
      names: collection of str, our names of the variables that are there.

    Returns:
      tuple of str.
    """
    if "encoder/pooler/bias" in names:
        return ("sentence_order",)
    return ("sentence_order", "pooler")
