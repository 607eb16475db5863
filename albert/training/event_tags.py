# SPDX-License-Identifier: Apache-2.0
"""Names of metrics as tags of TensorBoard events, in groups.

TensorBoard shows the tags of a group, all that begin with the same word and a
slash, together.
"""

from albert.tasks import label_metrics

# In TensorBoard's directory, beside "train" and "eval": evaluations with the
# layers that are trained, while there are fewer than the model has.
TRAINED_LAYERS = "eval_trained_layers"
# Of what is reported besides the metrics of the objective or the task.
_GROUPS = {
    "gradient_norm": "optimizer",
    "learning_rate": "optimizer",
    "attention_head_l2": "regularization",
    "attention_l2": "regularization",
    "sequences_per_second": "speed",
    "tokens_per_second": "speed",
    "num_layers": "schedule",
    "train_batch_size": "schedule",
    "max_seq_length": "schedule",
    "masked_lm_prob": "schedule",
    "train_minutes": "schedule",
}
_OF_ONE_LABEL = "labels"
_PREFIXES = (
    "accuracy/",
    "loss/",
    "optimizer/",
    "regularization/",
    "schedule/",
    "speed/",
    f"{_OF_ONE_LABEL}/",
)


def is_loss(name):
    """Tells whether a metric, or what is minimised, is better when smaller."""
    # A label, or a type of entity, may be called so.
    if label_metrics.is_of_one_label(name) or name.startswith("entity_"):
        return False
    return bool({"loss", "mse", "l2"} & set(name.split("_")))


def is_metric(name):
    """Tells whether a name is a metric's, which judges the whole model."""
    return name not in _GROUPS and not label_metrics.is_of_one_label(name)


def tag_of(name):
    """Returns the tag of a metric: "masked_lm_loss" is "loss/masked_lm_loss".

    Args:
      name: str, the metric. Every score that is better when it is larger is
        of the group "accuracy", unless it is of one label.
    """
    group = _GROUPS.get(name, "loss" if is_loss(name) else "accuracy")
    if label_metrics.is_of_one_label(name):
        group = _OF_ONE_LABEL
    return f"{group}/{name}"


def name_of(tag):
    """Returns the metric of a tag.

    Args:
      tag: str, of ``tag_of``; or of an older directory, without a group.
    """
    for prefix in _PREFIXES:
        if tag.startswith(prefix):
            return tag.removeprefix(prefix)
    return tag
