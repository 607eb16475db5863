# SPDX-License-Identifier: Apache-2.0
"""Asks an exported classifier of texts, in a process without this package.

python data/sample/ask_saved_model.py demo/serving "The text to classify."
"""

import sys

import tensorflow as tf
import tensorflow_text  # noqa: F401 (the operations of the tokenizer)


def main(directory, text):
    """Prints a text with its label and the probabilities of all labels."""
    model = tf.saved_model.load(directory)
    answer = model.signatures["serving_default"](text=tf.constant([text]))
    probabilities = zip(
        answer["labels"].numpy()[0],
        answer["probabilities"].numpy()[0],
        strict=True,
    )
    print(text)
    print(
        f"  {answer['label'].numpy()[0].decode()}:",
        ", ".join(f"{label.decode()} {p:.3f}" for label, p in probabilities),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
