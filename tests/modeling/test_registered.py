# SPDX-License-Identifier: Apache-2.0
"""Files of Keras, which a new process reads after `import albert` alone."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import albert
from albert.modeling import registered

PROGRAM = """
import sys
import albert
assert not {"tensorflow", "keras"} & set(sys.modules)
import tensorflow  # which looks for Keras and does not import it
import keras
import numpy as np
ids = np.load("ids.npy")
model = keras.saving.load_model("classifier.keras")
np.save("classifier.npy", model({"input_ids": ids})["logits"])
np.save("around.npy", keras.saving.load_model("around.keras")(ids))
"""


def test_all_models_are_registered():
    names = [name for name in albert.__all__ if name.startswith("Albert")]
    models = [
        name for name in names if issubclass(getattr(albert, name), keras.Model)
    ]
    assert len(models) == 7
    known = keras.saving.get_custom_objects()
    assert {f"albert>{name}" for name in models} <= set(known)
    assert registered.models.AlbertClassifier is albert.AlbertClassifier


@pytest.mark.slow
def test_a_new_process_loads_what_this_one_saved(small_config, tmp_path):
    config = albert.AlbertConfig(**small_config, initializer_range=0.3)
    ids = np.random.default_rng(3).integers(5, 1999, (3, 13), np.int32)
    np.save(tmp_path / "ids.npy", ids)
    classifier = albert.AlbertClassifier(config, 3)
    classifier.save(tmp_path / "classifier.keras")
    given = keras.Input((None,), dtype="int32")
    encoded = albert.AlbertEncoder(config)({"input_ids": given})
    around = keras.Model(given, keras.layers.Dense(2)(encoded["pooled_output"]))
    around.save(tmp_path / "around.keras")
    subprocess.run(
        [sys.executable, "-c", PROGRAM],
        check=True,
        cwd=tmp_path,
        capture_output=True,
    )
    for name, wanted in (
        ("classifier", classifier({"input_ids": ids})["logits"]),
        ("around", around(ids)),
    ):
        found = np.load(tmp_path / f"{name}.npy")
        assert np.abs(found - wanted).max() < 1e-6
