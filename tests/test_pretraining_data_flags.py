# SPDX-License-Identifier: Apache-2.0
"""Flags of `albert create-pretraining-data` become settings."""

import pathlib

import pytest
from absl import flags

from albert import pretraining_data_flags

SPM = pathlib.Path(__file__).parent / "golden/tokenization/spm2000.model"


@pytest.mark.parametrize(
    ("arguments", "passes"),
    [
        (["--masking=dynamic"], 1),
        (["--masking=dynamic", "--dupe_factor=3"], 3),
        (["--masking=static"], 40),
        ([], 40),
    ],
)
def test_passes_unless_told(arguments, passes):
    flag_values = flags.FlagValues()
    pretraining_data_flags.define_flags(flag_values)
    flag_values(
        [
            "",
            "--input_file=text.txt",
            "--output_file=a.tfrecord",
            f"--spm_model_file={SPM}",
            *arguments,
        ]
    )
    settings, *_ = pretraining_data_flags.read_settings(flag_values)
    assert settings.dupe_factor == passes
