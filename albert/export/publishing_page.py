# SPDX-License-Identifier: Apache-2.0
"""Writes the pages of a published encoder and its preprocessor.

A page begins as TF Hub's "Write documentation" wants it, a title, a sentence
and tags in comments; its sections are those of Kaggle's page of a model's
variation ("Model Format", "Training Data", …), so that it fits both. Its code
runs as it stands: the tests run it.
"""

import dataclasses
import textwrap

from albert.export import publishing_examples
from albert.export import publishing_facts
from albert.export.publishing import Handle
from albert.export.publishing import Licence
from albert.training.card_sections import table

_API = (
    "https://www.tensorflow.org/hub/common_saved_model_apis/text"
    "#transformer-encoders"
)
_PAPER = "https://arxiv.org/abs/1909.11942"
_CODE = "https://github.com/google-research/albert"
_OBJECTIVES = {"sop": "sentence order", "nsp": "next sentence"}

_VOCABULARIES = {
    "sentencepiece": "SentencePiece model",
    "wordpiece": "WordPiece vocabulary",
}


@dataclasses.dataclass(frozen=True)
class Publication:
    """The publisher's statements about a model: version, licence and so on.

    Attributes:
      version: int, of the model at the publisher's.
      handle: ``Handle``, or None where it is not published there.
      licence: ``Licence``, or None where none was given.
      language: str, ISO 639-1 code of the training text, or None.
      encoder, preprocessor: str, file names of the two SavedModels, which
        lie beside the pages.
      seq_length: int, that of the preprocessor.
      tensorflow: str, the version that wrote the SavedModels.
    """

    version: int
    handle: Handle | None
    licence: Licence | None
    language: str | None
    encoder: str
    preprocessor: str
    seq_length: int
    tensorflow: str


def encoder_page(facts, publication):
    """Returns the encoder's page in Markdown.

    Args:
      facts: ``ModelFacts``.
      publication: ``Publication``.
    """
    config = facts.config
    layers = config.num_hidden_layers
    return _page(
        _head(
            facts,
            publication,
            publication.encoder,
            "text-embedding",
            f"ALBERT encoder with {layers} layers, hidden size "
            f"{config.hidden_size} and {facts.parameters:,} parameters.",
        ),
        _section("Overview", *_overview(facts, publication)),
        _section(
            "Model Format",
            f"A SavedModel of TensorFlow 2 (written by "
            f"{publication.tensorflow}) with float32 weights, which implements "
            f"the [encoder API]({_API}) of TF Hub. All weights are "
            "trainable. Its assets are the configuration, the "
            f"{_VOCABULARIES[facts.tokenizer.kind]} and the settings of the "
            "tokenizer.",
        ),
        _section("Training Data", *_training(facts, publication)),
        _section("Evaluation", *_evaluation(facts)),
        _section("Model Inputs", *_inputs(facts)),
        _section("Model Outputs", *_outputs(facts)),
        _section(
            "Model Usage",
            *publishing_examples.encoder_usage(facts, publication),
        ),
        _section("Fine-tuning", *publishing_examples.FINE_TUNING),
        _section("Changelog", f"### Version {publication.version}"),
    )


def preprocessor_page(facts, publication):
    """Returns the preprocessor's page; arguments as ``encoder_page``."""
    tokenizer = facts.tokenizer
    return _page(
        _head(
            facts,
            publication,
            publication.preprocessor,
            "text-preprocessing",
            f"Text preprocessing of an ALBERT encoder, "
            f"{tokenizer.vocabulary_size:,} pieces.",
        ),
        _section(
            "Overview",
            "Plain text in, the inputs of one encoder out: the one on the page "
            f"`{publication.encoder}.md`. {_normalisation(tokenizer)} and cut "
            f"into the {tokenizer.vocabulary_size:,} pieces of a "
            f"{_VOCABULARIES[tokenizer.kind]}. "
            "There is nothing to train in it; it can run in `tf.data`.",
            _licence(publication),
        ),
        _section(
            "Model Format",
            "A SavedModel of TensorFlow 2 (written by "
            f"{publication.tensorflow}), which implements the "
            f"[preprocessor API]({_API}) of TF Hub. Its ops are those of "
            "TensorFlow and TensorFlow Text.",
        ),
        _section(
            "Model Inputs",
            "A string tensor `[batch_size]`, UTF-8. `tokenize` takes the same; "
            "`bert_pack_inputs` takes a list of one or two ragged int32 "
            "tensors `[batch_size, (tokens)]`, as `tokenize` gives them, and "
            f"`seq_length`, {publication.seq_length} if not given, "
            f"{facts.config.longest_sequence} at most.",
        ),
        _section(
            "Model Outputs",
            "A dict of int32 tensors `[batch_size, seq_length]`:",
            "- `input_word_ids`: `[CLS]` first `[SEP]`, or `[CLS]` first "
            "`[SEP]` second `[SEP]`, and padding;\n"
            "- `input_mask`: 1 at pieces, 0 at padding;\n"
            "- `input_type_ids`: 1 at the second segment and its `[SEP]`, 0 "
            "elsewhere.",
            "What is too long is cut at its end; of a pair the longer segment "
            "first, and both by turns once they are as long. A second segment "
            "without pieces makes a single, without the second `[SEP]`.",
        ),
        _section(
            "Model Usage", *publishing_examples.preprocessor_usage(publication)
        ),
        _section("Changelog", f"### Version {publication.version}"),
    )


# ------------------------------------------------------------------ sections


def _normalisation(tokenizer):
    """Returns the beginning of a sentence on what becomes of texts."""
    decomposed = ""
    if tokenizer.kind == "sentencepiece" and tokenizer.strip_accents:
        decomposed = "normalised (NFKD), "
    accents = (
        "stripped of accents"
        if tokenizer.strip_accents
        else "left with their accents"
    )
    case = "lower-cased" if tokenizer.lower_case else "kept in their case"
    return f"Texts are {decomposed}{accents}, {case}"


def _page(*sections):
    return "\n\n".join(sections) + "\n"


def _section(title, *paragraphs):
    return "\n\n".join(
        (
            f"## {title}",
            *(
                # Lists, tables and code have their own lines.
                text if "\n" in text else _filled(text)
                for text in paragraphs
            ),
        )
    )


def _filled(text):
    return textwrap.fill(
        text, 79, break_long_words=False, break_on_hyphens=False
    )


def _head(facts, publication, name, task, sentence):
    handle = publication.handle
    if handle is None:
        module = f"publisher/{facts.name}-{name}"
    else:
        if name == publication.preprocessor:
            handle = handle.preprocessor
        module = f"{handle.owner}/{handle.model}-{handle.variation}"
    tags = {
        "asset-path": f"{name}.tar.gz",
        "task": task,
        "fine-tunable": str(name == publication.encoder).lower(),
        "format": "saved_model_2",
        "network-architecture": "transformer",
    }
    if publication.language:
        tags["language"] = publication.language
    if publication.licence:
        tags["license"] = publication.licence.tfhub
    return "\n".join(
        (
            f"# Module {module}/{publication.version}",
            sentence,
            "",
            *(f"<!-- {key}: {value} -->" for key, value in tags.items()),
        )
    )


def _overview(facts, publication):
    config = facts.config
    return (
        f"[ALBERT]({_PAPER}) is BERT with shared layers and small embeddings; "
        f"its code and models were first [published by Google]({_CODE}). This "
        "is a model of that architecture.",
        table(
            ("", ""),
            (
                ("parameters of the encoder", f"{facts.parameters:,}"),
                ("with the heads", f"{facts.parameters_with_heads:,}"),
                ("layers", config.num_hidden_layers),
                ("hidden size", config.hidden_size),
                ("embedding size", config.embedding_size),
                ("attention heads", config.num_attention_heads),
                ("inner size of the feed-forward", config.intermediate_size),
                ("activation", config.hidden_act),
                ("positions", _positions(config)),
                ("vocabulary", f"{config.vocab_size:,} pieces"),
                ("parameters shared", config.sharing),
                (
                    "dropout while training",
                    f"{config.hidden_dropout_prob:g} (hidden), "
                    f"{config.attention_probs_dropout_prob:g} (attention)",
                ),
            ),
        ),
        _licence(publication),
    )


def _positions(config):
    if config.position_embedding == "learned":
        return config.max_position_embeddings
    return f"{config.position_embedding}, for sequences of any length"


def _licence(publication):
    licence = publication.licence
    if licence is None:
        return "Licence: none was given."
    return f"Licence: [{licence.title}]({licence.url})."


def _training(facts, publication):
    paragraphs = []
    if publication.language:
        paragraphs.append(f"Language of the text: {publication.language}.")
    if not facts.phases:
        return (
            *paragraphs,
            "The files of this model do not say how it was trained.",
        )
    if facts.started_from:
        paragraphs.append(f"It started from the weights {facts.started_from}.")
    rows = [_phase(phase) for phase in facts.phases]
    numbers = [f"phase {i}" for i in range(1, len(rows) + 1)]
    if len(rows) == 1:
        numbers = [""]
    paragraphs.append(
        table(
            ("", *numbers),
            [
                (name, *(row.get(name, "") for row in rows))
                for name in dict.fromkeys(name for row in rows for name in row)
            ],
        )
    )
    paragraphs.append(f"Exported weights: `{facts.weights}`.")
    return paragraphs


def _phase(phase):
    """Returns what the page says of a run: dict of name to value."""
    instances = dict(phase.records.get("settings", {}))
    if isinstance(instances.get("objective"), str):
        objective = instances["objective"]
        instances["objective"] = _OBJECTIVES.get(objective, objective)
    besides = {
        key: name
        for key, (usual, name) in publishing_facts.RUN_BESIDES.items()
        if phase.settings.get(key) != usual
    }
    return {
        name: _number(values[key])
        for names, values in (
            (publishing_facts.TEXT, phase.records.get("corpus", {})),
            (publishing_facts.INSTANCES, instances),
            (publishing_facts.RUN, phase.settings),
            (besides, phase.settings),
        )
        for key, name in names.items()
        if values.get(key) is not None
    }


def _evaluation(facts):
    if not facts.metrics:
        return ("The files of this model do not have an evaluation.",)
    paragraphs = []
    if facts.evaluated and facts.evaluated != facts.weights:
        paragraphs.append(
            f"Of `{facts.evaluated}`; the exported weights are "
            f"`{facts.weights}`."
        )
    has_baseline = any(baseline is not None for _, _, baseline in facts.metrics)
    header = ("held-out text", "model", "baseline")
    rows = [
        (
            name,
            _number(value),
            "" if baseline is None else _number(baseline),
        )
        for name, value, baseline in facts.metrics
    ]
    columns = 3 if has_baseline else 2
    paragraphs.append(table(header[:columns], [row[:columns] for row in rows]))
    return paragraphs


def _inputs(facts):
    config = facts.config
    return (
        "A dict of int32 tensors `[batch_size, seq_length]`, "
        f"{config.longest_sequence} positions at most:",
        "- `input_word_ids`: pieces, with `[CLS]`, `[SEP]` and padding;\n"
        "- `input_mask`: 1 at pieces, 0 at padding;\n"
        "- `input_type_ids`: 1 at the second segment, 0 elsewhere.",
        "The preprocessor makes them of text.",
    )


def _outputs(facts):
    size, layers = facts.config.hidden_size, facts.config.num_hidden_layers
    count = layers * facts.config.inner_group_num
    return (
        "A dict of float32 tensors:",
        f"- `pooled_output` and `default`: `[batch_size, {size}]`, of the "
        "sequence as a whole;\n"
        f"- `sequence_output`: `[batch_size, seq_length, {size}]`, of each "
        "piece in its context;\n"
        f"- `encoder_outputs`: a list of {count} such tensors, those of the "
        "layers; the last one is `sequence_output`.",
        "With `training=True` dropout is active.",
    )


def _number(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_number, value))
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else value
