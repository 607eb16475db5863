# SPDX-License-Identifier: Apache-2.0
"""Asks SavedModels, in a process that cannot import the package.

Reads from standard input a JSON list of requests: directory, signature (None:
the file assets/metadata.json), inputs. Writes a JSON list of the outputs.
"""

import importlib.abc
import json
import pathlib
import sys


class _Refusal(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("albert", "sentencepiece"):
            raise ImportError(f"{name} is not to be used here")
        return None


def to_list(tensor):
    array = tensor.numpy()
    if array.dtype != object:
        return array.tolist()
    return decode(array.tolist())


def decode(values):
    if isinstance(values, list):
        return list(map(decode, values))
    return values.decode()


def main():
    sys.meta_path.insert(0, _Refusal())
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  (it registers the ops)

    loaded, answers = {}, []
    for directory, signature, inputs in json.load(sys.stdin):
        if signature is None:
            file = pathlib.Path(directory, "assets", "metadata.json")
            answers.append(json.loads(file.read_text("utf-8")))
            continue
        if directory not in loaded:
            loaded[directory] = tf.saved_model.load(directory)
        function = loaded[directory].signatures[signature]
        outputs = function(
            **{
                name: tf.constant(values, tf.string)
                for name, values in inputs.items()
            }
        )
        answers.append({name: to_list(t) for name, t in outputs.items()})
    modules = sorted({name.split(".")[0] for name in sys.modules})
    json.dump({"answers": answers, "modules": modules}, sys.stdout)


if __name__ == "__main__":
    main()
