# SPDX-License-Identifier: Apache-2.0
"""Writes the SavedModel of a task, from strings to answers.

It runs with TensorFlow and TensorFlow Text, without this package. What is in
it follows from the model: its task, or what its weights are. Signatures, by
the kind of model; N is the batch, of any size. Inputs are strings in UTF-8:

classification
    text: text [N]; text_pair: text, text_b [N]
        → label: string [N]; probabilities: float32 [N, L]; labels: string
        [N, L], their names
multi_label
    text: text [N]; text_pair: text, text_b [N]
        → predicted: int32 [N, L], 1 for each label that is predicted;
        probabilities, thresholds: float32 [N, L]; labels: string [N, L]
regression
    text: text [N]; text_pair: text, text_b [N]
        → value: float32 [N]
multiple_choice
    question: article, question [N], options [N, C]
        → as classification, with C labels
tagging
    text: text [N]
        → words, tags: string [N, W], "" behind the last one; starts, ends:
        int32 [N, W], characters of the text
    words: words [N, W], "" behind the last one
        → tags: string [N, W]
span
    answer: question, context [N]
        → answer: string [N]; start, end: int32 [N], characters of the
        context; score, probability: float32 [N]; where a question may have
        no answer also null_score: float32 [N] and best_answer: string [N]
text_to_text
    text: text [N]
        → target: string [N]; targets: string [N, K], the best first; scores:
        float32 [N, K]
masked_lm (a pretrained model)
    fill_mask: text [N], with [MASK] in it
        → pieces: string [N, M, K]; probabilities: float32 [N, M, K]; "" and
        0 behind the last mask of a text
    embeddings: text [N]
        → pooled_output, mean_pooled_output: float32 [N, H]
encoder (weights without a head)
    embeddings
all of these
        → truncated: bool [N], whether pieces were cut off
every kind
    metadata: no input → metadata: string [1], JSON; also the file
    assets/metadata.json

serving_default is the first one of each kind; for a task whose examples are
pairs, text_pair.
"""

import dataclasses
import json
import os
import tempfile

import albert
from albert import heads
from albert import outputs
from albert.errors import UserError
from albert.export.exported_files import check_destination
from albert.export.exported_files import new_export

METADATA_FILE = "metadata.json"
# By setting: which heads it means something for, and what the others do not.
_WRITES = (lambda head: head.label_type == "text", "writes no texts")
_USES = {
    "top": (lambda head: "masked_lm_logits" in head.outputs, "fills no masks"),
    "null_score_diff_threshold": (
        lambda head: head.label_type == "span",
        "answers no questions",
    ),
    "beam_size": _WRITES,
    "length_penalty": _WRITES,
}


@dataclasses.dataclass(frozen=True)
class ServingReport:
    """The SavedModel that ``export`` wrote, and its metadata.

    Attributes:
      destination: str.
      metadata: dict, what is in ``METADATA_FILE``.
      bytes: int, size of the SavedModel.
    """

    destination: str
    metadata: dict
    bytes: int

    def lines(self):
        """Returns the lines to print: list of str."""
        return [
            f"{self.destination}: {self.metadata['kind']}, sequences of "
            f"{self.metadata['max_seq_length']} pieces at most, "
            f"{self.bytes / 1e6:.1f} MB",
            *(
                f"{name}: {', '.join(signature['inputs']) or 'nothing'} → "
                f"{', '.join(signature['outputs'])}"
                for name, signature in self.metadata["signatures"].items()
            ),
        ]


def export(
    source,
    destination,
    *,
    max_seq_length=None,
    top=None,
    null_score_diff_threshold=None,
    beam_size=None,
    length_penalty=None,
    overwrite=False,
):
    """Writes the SavedModel of a task.

    Args:
      source: str, a model directory, or other weights that
        ``albert.load_weights`` takes, with configuration and tokenizer.
      destination: str, a directory that does not exist or is empty.
      max_seq_length: int, [CLS] and [SEP] counted; None: what the model was
        fine-tuned with, else its ``max_position_embeddings``.
      top: int, pieces that "fill_mask" answers for each mask; None: 5.
      null_score_diff_threshold: float, of "answer": a question whose null
        score is above it gets ""; None: 0.
      beam_size, length_penalty: of ``BeamSearch``, for a model that writes
        texts; None: that of the training.
      overwrite: bool, whether an older export at the destination is replaced.

    Returns:
      ``ServingReport``.

    Raises:
      UserError: no model, a head that is missing, a length that the model
        does not have, a setting of another head, something at the
        destination, or tensorflow-text is not installed; nothing is written
        then.
    """
    check_destination(source, destination, overwrite)
    loaded = _load(source, max_seq_length)
    settings = {
        "top": top,
        "null_score_diff_threshold": null_score_diff_threshold,
        "beam_size": beam_size,
        "length_penalty": length_penalty,
    }
    _check_settings(source, loaded.head, settings)
    with new_export(source, destination, overwrite) as directory:
        _, metadata = write(loaded, directory, **settings)
        size = _size(directory)
    return ServingReport(destination, metadata, size)


def write(loaded, directory, **settings):
    """Writes the SavedModel of a loaded model.

    Args:
      loaded: ``SourceModel``.
      directory: str, an empty directory.
      **settings: the options of its head, see ``export``.

    Returns:
      (dict from the names of signatures to their functions, metadata). The
      SavedModel of an ``EngineNetwork`` works in this process alone, as long
      as the functions are held.
    """
    import tensorflow as tf

    from albert.export.graph_tokenizer import make_graph_tokenizer
    from albert.interchange import names

    make_signatures = heads.load(heads.HEADS[loaded.head].signatures)
    module = tf.Module()
    module.tokenizer = make_graph_tokenizer(loaded.tokenizer)
    module.variables_of_model = {
        name: variable.value
        for name, variable in names.named_variables(loaded.model).items()
    }
    functions, default = make_signatures(
        loaded,
        module.tokenizer,
        **settings,
    )
    concrete = {
        name: tf.function(
            function, input_signature=specs, autograph=False
        ).get_concrete_function()
        for name, (function, specs) in functions.items()
    }
    metadata = _metadata(loaded, concrete, default)
    text = json.dumps(metadata, indent=2, ensure_ascii=False)

    @tf.function(input_signature=[], autograph=False)
    def tell():
        return {"metadata": tf.constant([text])}

    concrete["metadata"] = tell.get_concrete_function()
    concrete["serving_default"] = concrete[default]
    with tempfile.TemporaryDirectory() as place:
        asset = os.path.join(place, METADATA_FILE)
        outputs.write_file(asset, f"{text}\n".encode())
        module.metadata = tf.saved_model.Asset(asset)
        tf.saved_model.save(module, directory, concrete)
    return concrete, metadata


def _check_settings(source, head, settings):
    """Refuses settings that are given for a model of another head."""
    for name, value in settings.items():
        is_used, otherwise = _USES[name]
        if value is not None and not is_used(heads.HEADS[head]):
            raise UserError(
                f"{source}: {otherwise}, which --{name} is for: leave it out"
            )


def _load(source, max_seq_length):
    """Loads the model to export: ``SourceModel``."""
    from albert.export import source_models
    from albert.interchange.starting_point import open_starting_point

    start = open_starting_point(source)
    length = find_length(
        start.path, start.find_config(), start.task, max_seq_length
    )
    model = "task"
    if start.head == "none" and not start.task:
        model = "encoder"
    return source_models.load(start, model, length)


def find_length(path, config, task, max_seq_length=None):
    """Returns the length that texts are cut at in serving: int.

    Args:
      path, config, task: as of ``source_models.find_length``.
      max_seq_length: int; None: the task's, else all positions.

    Raises:
      UserError: the model has not so many positions.
    """
    from albert.export import source_models

    if max_seq_length is None:
        max_seq_length = task.get(
            "max_seq_length", config.max_position_embeddings
        )
    return source_models.find_length(path, config, task, max_seq_length)


def _metadata(loaded, concrete, default):
    """Returns the metadata for clients: dict for JSON."""

    def describe(specs):
        return {
            name: {"dtype": spec.dtype.name, "shape": spec.shape.as_list()}
            for name, spec in specs.items()
        }

    return {
        "package": "albert-keras",
        "package_version": albert.__version__,
        "kind": heads.HEADS[loaded.head].exported_kind,
        "task": loaded.task.get("task_name"),
        "labels": loaded.labels,
        "max_seq_length": loaded.max_seq_length,
        "settings": loaded.task,
        "config": loaded.model.config.to_dict(),
        "tokenizer": {
            **loaded.tokenizer.settings,
            "fingerprint": loaded.tokenizer.fingerprint,
        },
        "serving_default": default,
        "signatures": {
            name: {
                "inputs": describe(
                    {
                        spec.name: spec
                        for spec in function.structured_input_signature[0]
                    }
                ),
                "outputs": describe(function.structured_outputs),
            }
            for name, function in concrete.items()
        },
    }


def _size(directory):
    return sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, files in os.walk(directory)
        for name in files
    )
