# SPDX-License-Identifier: Apache-2.0
"""Worker of this project's files for engines, run in these.

Weights are random, and so is what scales of int8 are found on: what is
measured is time. See ``compare.py``.
"""

import importlib.metadata
import os
import tempfile

import albert
from albert.export import source_models
from workers import batches
from workers import protocol


def encode(work):
    """Returns a function that computes the encoder's output of a batch."""
    engine = importlib.import_module(f"albert.export.{work['engine']}").ENGINE
    config = albert.AlbertConfig.from_dict(work["config"])
    source = source_models.describe(
        "random weights",
        albert.AlbertEncoder(config),
        head="none",
        tokenizer=None,
        length=work["length"],
        task={},
        labels=None,
    )
    batch = batches.batch_of(work)
    inputs = {name: batch[name] for name in source.inputs}
    quantization = work["quantization"]
    precision = quantization
    if quantization == "float32":
        precision = work["dtype"]
    with tempfile.TemporaryDirectory() as directory:
        (written,) = engine.convert(source, [quantization], inputs, directory)
        _, (file, *_) = written
        loaded = engine.load(os.path.join(directory, file), precision)
    if loaded is None:
        raise SystemExit(f"{work['engine']} does not compute {precision} here")
    return lambda: loaded.run(inputs)["sequence_output"]


if __name__ == "__main__":
    protocol.serve(
        {"encode": encode},
        {
            "albert": albert.__version__,
            "openvino": importlib.metadata.version("openvino"),
            "onnxruntime": importlib.metadata.version("onnxruntime"),
        },
    )
