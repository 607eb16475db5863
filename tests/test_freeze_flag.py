# SPDX-License-Identifier: Apache-2.0
"""Flags for the training of what is frozen are refused."""

import pytest
from absl import flags

from albert import __main__ as front_door
from albert import freeze_flag
from albert.errors import UserError


def check(*arguments, script="classify", **options):
    fv = flags.FlagValues()
    front_door.load_script(script).define_flags(fv)
    fv([script, "--do_train", "--init_checkpoint=model", *arguments])
    freeze_flag.check(fv, **options)


@pytest.mark.parametrize(
    "part, flag",
    [
        ("embeddings", "embedding_learning_rate_scale=0.5"),
        ("encoder", "embedding_learning_rate_scale=0.5"),
        ("encoder", "attention_l2=0.1"),
        ("encoder", "layer_decay_rate=0.9"),
    ],
)
def test_flags_without_effect_are_refused(part, flag):
    check(f"--freeze={part}")
    name = flag.partition("=")[0]
    with pytest.raises(UserError, match=f"--{name} is about weights that"):
        check(f"--freeze={part}", f"--{flag}")


def test_the_layers_above_frozen_embeddings_may_differ():
    check("--freeze=embeddings", "--layer_decay_rate=0.9")


@pytest.mark.parametrize("flag", ["attention_head_l2", "attention_l2"])
def test_attention_of_a_decoder_is_regularised_above_a_frozen_encoder(flag):
    flags_of_both = "--freeze=encoder", f"--{flag}=0.1"
    check(*flags_of_both, script="translate", decoder=True)
    with pytest.raises(UserError, match=f"--{flag} is about weights that"):
        check(*flags_of_both)
