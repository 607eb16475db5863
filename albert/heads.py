# SPDX-License-Identifier: Apache-2.0
"""Lists the heads of the models, one row each, with all but their code.

A head is the part of a model that follows the encoder. The code calls it
``head``, a str, and finds its row in ``HEADS``; what files, flags and other
libraries call it is in the row. The classes and functions that a row names are
loaded when they are first used, so that this module imports nothing of the
package.
"""

import dataclasses
import importlib


@dataclasses.dataclass(frozen=True)
class Head:
    """Row of the table: what a head is made of and called.

    Attributes:
      name: str, the key of the row.
      model: str, "module:class" of its Keras model. The weights of a model
        have the first head with its class.
      components: tuple of str, the parts of the model that its weights lie
        in besides the encoder: the first parts of our names. Weights with
        the first component have this head.
      outputs: tuple of str, what an exported model gives.
      inputs: tuple of str, what an exported model reads besides input_ids,
        input_mask and segment_ids.
      uses_pooler: bool, whether the outputs depend on the pooler.
      takes_num_labels: bool, whether the model has an output for each label
        and is made with their number (1 for a number).
      version: str or None, ``version`` of ``AlbertSpanPredictor``, which is
        --head of run_squad.py and "head" in its task.json.
      weights_of: str or None, the head that weights are said to have, where
        they are the same as those of another head.
      label_type: what the label of an example is: "class", one of the task's
        labels; "classes", any number of them; "number"; "choice", one of its
        sequences; "tag", a label for each token; "span", a part of the text;
        "text", one to be written; or None for a head that no task has.
      loss: str or None, "module:class" of its objective; None for a head
        that is not trained as such.
      weighs_labels: bool, whether the objective takes ``class_weights`` and
        ``focal_gamma``: its loss is a sum over labels that were right.
      signatures: str, "module:function" of the signatures of its SavedModel.
      task_kind: str or None, "kind" in task.json, "task_kind" in the JSON
        beside records.
      exported_kind: str, "kind" in the metadata of exported models.
      transformers: str or None, the class in transformers. Those whose
        outputs do not depend on the pooler are made without one there.
      kerashub: str or None, the task in KerasHub; None: its backbone alone.
    """

    name: str
    model: str
    components: tuple
    outputs: tuple
    signatures: str
    exported_kind: str
    inputs: tuple = ()
    uses_pooler: bool = True
    takes_num_labels: bool = False
    version: str | None = None
    weights_of: str | None = None
    label_type: str | None = None
    loss: str | None = None
    weighs_labels: bool = False
    task_kind: str | None = None
    transformers: str | None = None
    kerashub: str | None = None


_CLASSIFICATION = Head(
    name="classification",
    model="albert:AlbertClassifier",
    components=("classifier",),
    outputs=("logits",),
    takes_num_labels=True,
    label_type="class",
    loss="albert.training.losses:ClassificationObjective",
    weighs_labels=True,
    signatures="albert.export.serving_texts:text_signatures",
    task_kind="classification",
    exported_kind="classification",
    transformers="AlbertForSequenceClassification",
    kerashub="AlbertTextClassifier",
)

# Where several rows fit, the first one is meant.
_ROWS = (
    Head(
        name="pretraining",
        model="albert:AlbertPretrainer",
        components=("masked_lm", "sentence_order"),
        outputs=("masked_lm_logits", "sentence_order_logits"),
        inputs=("masked_lm_positions",),
        loss="albert.training.losses:PretrainingObjective",
        signatures="albert.export.serving_pretraining:masked_lm_signatures",
        exported_kind="masked_lm",
        transformers="AlbertForPreTraining",
        kerashub="AlbertMaskedLM",
    ),
    Head(
        name="masked_lm",
        model="albert:AlbertPretrainer",
        components=("masked_lm",),
        outputs=("masked_lm_logits",),
        inputs=("masked_lm_positions",),
        uses_pooler=False,
        signatures="albert.export.serving_pretraining:masked_lm_signatures",
        exported_kind="masked_lm",
        transformers="AlbertForMaskedLM",
        kerashub="AlbertMaskedLM",
    ),
    _CLASSIFICATION,
    dataclasses.replace(
        _CLASSIFICATION,
        name="regression",
        weights_of="classification",
        label_type="number",
        loss="albert.training.losses:RegressionObjective",
        weighs_labels=False,
        task_kind="regression",
        exported_kind="regression",
    ),
    dataclasses.replace(
        _CLASSIFICATION,
        name="multi_label",
        weights_of="classification",
        label_type="classes",
        loss="albert.training.losses:MultiLabelObjective",
        weighs_labels=False,
        task_kind="multi_label",
        exported_kind="multi_label",
    ),
    Head(
        name="multiple_choice",
        model="albert:AlbertMultipleChoice",
        components=("classifier",),
        outputs=("logits",),
        label_type="choice",
        loss="albert.training.losses:ClassificationObjective",
        signatures="albert.export.serving_texts:multiple_choice_signatures",
        task_kind="multiple_choice",
        exported_kind="multiple_choice",
        transformers="AlbertForMultipleChoice",
    ),
    Head(
        name="token_classification",
        model="albert:AlbertTokenClassifier",
        components=("classifier",),
        outputs=("logits",),
        uses_pooler=False,
        takes_num_labels=True,
        label_type="tag",
        loss="albert.training.losses:TokenClassificationObjective",
        weighs_labels=True,
        signatures="albert.export.serving_tagging:tagging_signatures",
        task_kind="tagging",
        exported_kind="tagging",
        transformers="AlbertForTokenClassification",
    ),
    Head(
        name="span_v1",
        model="albert:AlbertSpanPredictor",
        version="v1",
        components=("span",),
        outputs=("start_logits", "end_logits"),
        uses_pooler=False,
        label_type="span",
        loss="albert.training.losses:SpanObjective",
        signatures="albert.export.serving_spans:span_signatures",
        task_kind="span",
        exported_kind="span_v1",
        transformers="AlbertForQuestionAnswering",
    ),
    Head(
        name="span_v2",
        model="albert:AlbertSpanPredictor",
        version="v2",
        components=("start", "end", "answer_class"),
        outputs=(
            "start_top_log_probs",
            "start_top_index",
            "end_top_log_probs",
            "end_top_index",
            "cls_logits",
        ),
        inputs=("p_mask",),
        uses_pooler=False,
        label_type="span",
        loss="albert.training.losses:SpanWithAnswerabilityObjective",
        signatures="albert.export.serving_spans:span_signatures",
        task_kind="span",
        exported_kind="span_v2",
    ),
    Head(
        name="text_to_text",
        model="albert:AlbertEncoderDecoder",
        components=("decoder",),
        outputs=("logits",),
        uses_pooler=False,
        label_type="text",
        loss="albert.training.losses:TextToTextObjective",
        signatures="albert.export.serving_generation:text_to_text_signatures",
        task_kind="text_to_text",
        exported_kind="text_to_text",
    ),
    Head(
        name="none",
        model="albert:AlbertEncoder",
        components=(),
        outputs=("sequence_output", "pooled_output"),
        signatures="albert.export.serving_pretraining:encoder_signatures",
        exported_kind="encoder",
        transformers="AlbertModel",
    ),
)

HEADS = {row.name: row for row in _ROWS}
# Those that weights tell apart.
HEADS_OF_WEIGHTS = tuple(row.name for row in _ROWS if row.weights_of is None)


def find(**values):
    """Returns the names of the heads with these values, in the table's order.

    Args:
      **values: attributes of ``Head`` and what they must be.
    """
    return [
        row.name
        for row in _ROWS
        if all(getattr(row, key) == value for key, value in values.items())
    ]


def find_in_components(components):
    """Returns the heads that weights hold.

    Of several heads with the same components, the first one is meant.

    Args:
      components: set of str, first parts of our names.

    Returns:
      list of names; more than one where there are weights of several heads.
    """
    found = []
    for first in dict.fromkeys(row.components[:1] for row in _ROWS):
        if first and components.issuperset(first):
            rows = [row for row in _ROWS if row.components[:1] == first]
            whole = [
                row for row in rows if components.issuperset(row.components)
            ]
            found.append((whole or rows)[0].name)
    return found


def load(name):
    """Returns the class or function that a row names "module:name"."""
    module, attribute = name.split(":")
    return getattr(importlib.import_module(module), attribute)


def make_model(head, config, num_labels=None, **arguments):
    """Returns a new model with random weights.

    Args:
      head: str, a key of ``HEADS``.
      config: ``AlbertConfig``.
      num_labels: int, for heads with ``takes_num_labels``.
      **arguments: further ones of the model's class.
    """
    row = HEADS[head]
    if row.takes_num_labels:
        arguments["num_labels"] = num_labels
    if row.version:
        arguments["version"] = row.version
    return load(row.model)(config, **arguments)


def make_objective(head, **arguments):
    """Returns the objective that a model with the head is trained with.

    Args:
      head: str, a key of ``HEADS``.
      **arguments: those of the objective's class.
    """
    return load(HEADS[head].loss)(**arguments)
