# SPDX-License-Identifier: Apache-2.0
"""The recipes of pretraining that are compared, each as flags."""

import dataclasses

# What all have, and what each may say otherwise. ALBERT's own settings are the
# defaults of the flags: LAMB, warm-up, linear decay to 0, all layers at all
# steps, 15% of the pieces masked, 80% of them as [MASK], no averages, random
# weights.
COMMON = {
    "model_size": "mini",
    "train_batch_size": 64,
    "learning_rate": 4e-3,
    "max_seq_length_schedule": "64:0.8,128",
}
GROWN = {"num_layers_schedule": "2:0.33,4:0.33,6"}
COSINE = {
    "learning_rate_decay": "cosine",
    "end_learning_rate_share": 0.1,
    "decay_after_warmup": "true",
}
LOCAL = {"initialization": "local"}
# The best of six rates for "tiny", see docs/pretraining.md.
MUON = {"optimizer": "muon", "learning_rate": 2e-3}
MASKS = {"masked_lm_prob_schedule": "0.45:0.8,0.15"}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A recipe.

    Attributes:
      name: str, of its folder and its row.
      words: str, what it changes, for people.
      flags: dict, of `albert pretrain`; None takes one of ``COMMON`` away.
    """

    name: str
    words: str
    flags: dict

    def all_flags(self):
        """Returns its flags with those that all have: dict."""
        flags = {**COMMON, **self.flags}
        return {name: v for name, v in flags.items() if v is not None}


RECIPES = (
    Recipe("paper", "as the paper, but for 64 pieces first", {}),
    Recipe(
        "long",
        "128 pieces throughout, half as many sequences",
        {"max_seq_length_schedule": None, "train_batch_size": 32},
    ),
    Recipe("grown", "2 layers, then 4, then 6", GROWN),
    Recipe("cosine", "cosine to a tenth, after the warm-up", COSINE),
    Recipe("muon", "Muon", MUON),
    Recipe(
        "average", "averages of the weights", {"weight_average_decay": 0.99}
    ),
    Recipe(
        "masks",
        "30% masked, then 15%",
        {"masked_lm_prob_schedule": "0.3:0.5,0.15"},
    ),
    Recipe(
        "all_mask", "all masked pieces [MASK]", {"mask_replacement": "mask"}
    ),
    Recipe(
        "small_batch",
        "batches of 32",
        {"train_batch_size": 32, "learning_rate": 2.8e-3},
    ),
    Recipe("grown_cosine", "grown, cosine", {**GROWN, **COSINE}),
    Recipe("local", "heads that begin by looking at neighbours", LOCAL),
    Recipe(
        "relative",
        "relative positions",
        {"position_embedding": "relative_bias"},
    ),
    Recipe(
        "grown_muon",
        "grown, Muon, cosine",
        {**GROWN, **COSINE, **MUON},
    ),
    Recipe(
        "budget",
        "grown, Muon, cosine, local heads, more masks at first "
        "(`--recipe=budget`)",
        {**GROWN, **COSINE, **MUON, **LOCAL, **MASKS},
    ),
    Recipe(
        "budget_same_masks",
        "as `--recipe=budget`, but 15% masked throughout",
        {**GROWN, **COSINE, **MUON, **LOCAL},
    ),
    Recipe(
        "budget_batch",
        "as `--recipe=budget`, but batches of 32 for half of the time",
        {
            **GROWN,
            **COSINE,
            **MUON,
            **LOCAL,
            **MASKS,
            "train_batch_size_schedule": "32:0.5,64",
        },
    ),
    Recipe(
        "budget_long",
        "as `--recipe=budget`, but 15% masked and 128 pieces throughout, half "
        "as many sequences",
        {
            **GROWN,
            **COSINE,
            **MUON,
            **LOCAL,
            "max_seq_length_schedule": None,
            "train_batch_size": 32,
            "learning_rate": 1.4e-3,
        },
    ),
)
