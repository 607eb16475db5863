# SPDX-License-Identifier: Apache-2.0
"""Writes the example code of published models' pages; it runs unchanged."""

import textwrap

# By the kind of the tokenizer: code in a block of this page that prints the
# pieces of the ids ``best``.
_PRINT_PIECES = {
    "sentencepiece": """
            pieces = tensorflow_text.SentencepieceTokenizer(
                tf.io.read_file(encoder.sp_model_file.asset_path).numpy()
            )
            print(pieces.id_to_string(best))""".lstrip(),
    "wordpiece": """
            pieces = tf.io.read_file(encoder.vocab_file.asset_path)
            print(tf.gather(tf.strings.split(pieces, "\\n"), best))""".lstrip(),
}


def _code(text):
    return f"```python\n{textwrap.dedent(text).strip()}\n```"


def _locations(publication, *names):
    """Returns the code that defines the locations of the SavedModels."""
    handle = publication.handle
    if handle is None:
        return "\n".join(
            f'{name.upper()} = "{getattr(publication, name)}"' for name in names
        )
    handles = {"encoder": handle, "preprocessor": handle.preprocessor}
    return "\n".join(
        ["import kagglehub", ""]
        + [
            f"{name.upper()} = kagglehub.model_download(\n"
            f'    "{handles[name]}/{publication.version}"\n)'
            for name in names
        ]
    )


def encoder_usage(facts, publication):
    """Yields an encoder's usage; arguments as ``publishing_page.encoder_page``.

    Yields:
      str, paragraphs.
    """
    size, length = facts.config.hidden_size, publication.seq_length
    yield (
        "With TensorFlow, TensorFlow Text and TensorFlow Hub (`pip install "
        "tensorflow tensorflow-text tensorflow-hub tf_keras 'setuptools<81'`; "
        "TensorFlow Hub 0.16 imports a part of setuptools that newer ones "
        "lack):"
    )
    yield _code(
        """
        import tensorflow as tf
        import tensorflow_hub as hub
        import tensorflow_text  # the preprocessor's ops
        """
    )
    yield _code(_locations(publication, "encoder", "preprocessor"))
    yield _code(
        f"""
        preprocessor = hub.load(PREPROCESSOR)
        encoder = hub.load(ENCODER)
        inputs = preprocessor(tf.constant(["The door of the house is open."]))
        outputs = encoder(inputs)
        print(outputs["pooled_output"].shape)  # (1, {size})
        print(outputs["sequence_output"].shape)  # (1, {length}, {size})
        """
    )
    if facts.has_masked_lm:
        yield (
            "`encoder.mlm` predicts masked words. Its inputs have "
            "`masked_lm_positions` besides, int32 `[batch_size, predictions]`; "
            "its outputs have `mlm_logits`, `[batch_size, predictions, "
            f"{facts.config.vocab_size}]`, besides:"
        )
        yield _code(
            f"""
            special = preprocessor.tokenize.get_special_tokens_dict()
            ids = inputs["input_word_ids"].numpy()
            ids[0, 2] = special["mask_id"]
            outputs = encoder.mlm(
                {{
                    **inputs,
                    "input_word_ids": tf.constant(ids),
                    "masked_lm_positions": tf.constant([[2]]),
                }}
            )
            best = tf.math.top_k(outputs["mlm_logits"][0, 0], 5).indices
            {_PRINT_PIECES[facts.tokenizer.kind]}
            """
        )
    if facts.has_sentence_order:
        yield (
            "`encoder.sentence_order` tells whether two segments stand in "
            "their order (logit 0) or were swapped (logit 1):"
        )
        yield _code(
            """
            first = preprocessor.tokenize(tf.constant(["He opened the door."]))
            second = preprocessor.tokenize(tf.constant(["Then he went in."]))
            pair = preprocessor.bert_pack_inputs([first, second], seq_length=16)
            outputs = encoder.sentence_order(pair)
            print(tf.nn.softmax(outputs["sentence_order_logits"]))
            """
        )


def preprocessor_usage(publication):
    """Yields the usage of a preprocessor.

    Args:
      publication: ``Publication``.

    Yields:
      str, paragraphs.
    """
    yield _code(
        """
        import tensorflow as tf
        import tensorflow_hub as hub
        import tensorflow_text  # its ops
        """
    )
    yield _code(_locations(publication, "preprocessor"))
    yield _code(
        """
        preprocessor = hub.load(PREPROCESSOR)
        inputs = preprocessor(tf.constant(["One text.", "And another one."]))
        """
    )
    yield "Pairs of segments, and another length:"
    yield _code(
        """
        first = preprocessor.tokenize(tf.constant(["Is the door open?"]))
        second = preprocessor.tokenize(tf.constant(["The door is open."]))
        inputs = preprocessor.bert_pack_inputs([first, second], seq_length=16)
        """
    )
    yield "Ids of the special pieces, and the number of pieces:"
    yield _code(
        """
        special = preprocessor.tokenize.get_special_tokens_dict()
        print({name: int(number) for name, number in special.items()})
        """
    )


# How to fine-tune an encoder, after ``encoder_usage``: paragraphs.
FINE_TUNING = (
    "`hub.KerasLayer` makes a layer of it for Keras 2, the package "
    "`tf_keras`; `trainable=True` trains all weights, with dropout while "
    "fitting:",
    _code(
        """
        import tf_keras

        texts = tf.constant(["A fine day.", "A foul day.", "Fine!", "Foul!"])
        labels = tf.constant([1, 0, 1, 0])
        text = tf_keras.Input((), dtype=tf.string)
        inputs = hub.KerasLayer(PREPROCESSOR)(text)
        outputs = hub.KerasLayer(ENCODER, trainable=True)(inputs)
        logits = tf_keras.layers.Dense(2)(outputs["pooled_output"])
        model = tf_keras.Model(text, logits)
        model.compile(
            tf_keras.optimizers.Adam(3e-5),
            tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        history = model.fit(texts, labels, epochs=3)
        """
    ),
)
