# SPDX-License-Identifier: Apache-2.0
"""Exported models that write texts: the same texts as in Python."""

import json
import os
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import albert
from albert import outputs
from albert.errors import UserError
from albert.export import litert
from albert.export import serving
from albert.export import serving_generation
from albert.export import tfhub
from albert.text_to_text.decoding import BeamSearch

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
CLIENT = pathlib.Path(__file__).with_name("serving_client.py")
TOKENIZER = albert.Tokenizer(GOLDEN / "spm2000_numcomma.model")
LENGTH, TARGET_LENGTH, BEAM = 13, 11, 3
CONFIG = albert.AlbertConfig(
    vocab_size=2000,
    embedding_size=7,
    hidden_size=22,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=29,
    max_position_embeddings=17,
    # Dropout must not be active.
    hidden_dropout_prob=0.3,
)
TASK = {
    "task_name": "text_to_text",
    "kind": "text_to_text",
    "labels": None,
    "max_seq_length": LENGTH,
    "max_target_length": TARGET_LENGTH,
    "num_decoder_layers": 2,
    "decoder_sharing": "none",
    "beam_size": BEAM,
    "length_penalty": 0.7,
}
TEXTS = [
    "The House of the Seven Gables, 1851.",
    "",
    "ÉCOLE ½ 北京 \u00a0\u3000",
    "one two three four five six seven eight nine ten " * 3,
    " ",
    # Several calls of the model.
    *(f"What is {number} of them?" for number in range(31)),
]


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    model = albert.AlbertEncoderDecoder(CONFIG, 2, "none")
    rng = np.random.default_rng(8)
    for variable in model.trainable_variables:
        noise = rng.normal(0, 0.4, variable.shape)
        variable.assign_add(noise.astype(np.float32))
    return model


@pytest.fixture(scope="module")
def source(model, tmp_path_factory):
    directory = tmp_path_factory.mktemp("source") / "model"
    albert.save_weights(model, directory, "model_dir", TOKENIZER)
    outputs.write_json(directory / "task.json", TASK)
    return str(directory)


def write(model, texts, beam_size, length_penalty):
    """What Python says: (targets, scores), each a list of rows."""
    search = BeamSearch(
        model,
        TOKENIZER,
        beam_size=beam_size,
        length_penalty=length_penalty,
        max_target_length=TARGET_LENGTH,
        num_best=beam_size,
    )
    targets, scores = [], []
    for text in texts:
        pieces = TOKENIZER.encode(text)[: LENGTH - 2]
        if not pieces:
            targets.append([""] * beam_size)
            scores.append([0.0] * beam_size)
            continue
        ids = np.array(
            [[TOKENIZER.cls_id, *pieces, TOKENIZER.sep_id]], np.int32
        )
        found, score = search(ids, np.ones_like(ids))
        rows = [
            row[: row.index(TOKENIZER.sep_id)]
            for row in found[0].numpy().tolist()
        ]
        targets.append([TOKENIZER.decode(row).strip() for row in rows])
        scores.append(score[0].numpy().tolist())
    return targets, scores


@pytest.mark.slow
def test_texts_are_those_of_python(model, source, tmp_path):
    serving.export(source, str(tmp_path / "beam"))
    report = serving.export(
        source, str(tmp_path / "greedy"), beam_size=1, length_penalty=0.0
    )
    assert report.metadata["kind"] == "text_to_text"
    assert "text: text → target, targets, scores, truncated" in report.lines()
    requests = [
        (str(tmp_path / "beam"), "serving_default", {"text": TEXTS}),
        (str(tmp_path / "beam"), "text", {"text": TEXTS[:1]}),
        (str(tmp_path / "greedy"), "text", {"text": TEXTS[:4]}),
    ]
    run = subprocess.run(
        [sys.executable, "-I", CLIENT],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    beam, alone, greedy = json.loads(run.stdout)["answers"]
    targets, scores = write(model, TEXTS, BEAM, 0.7)
    assert beam["targets"] == targets
    assert beam["target"] == [row[0] for row in targets]
    assert np.abs(np.subtract(beam["scores"], scores)).max() < 1e-4
    lengths = map(len, map(TOKENIZER.encode, TEXTS))
    truncated = [length > LENGTH - 2 for length in lengths]
    assert beam["truncated"] == truncated and len(set(truncated)) == 2
    assert len({row[0] for row in targets}) > 5
    assert alone["targets"] == targets[:1]
    targets, scores = write(model, TEXTS[:4], 1, 0.0)
    assert greedy["targets"] == targets
    assert np.abs(np.subtract(greedy["scores"], scores)).max() < 1e-4


def test_texts_are_cleaned_as_in_python():
    """Whatever is a space to Python, at both ends and inside."""
    spaces = [chr(i) for i in range(0x3001) if chr(i).isspace()]
    assert len(spaces) > 25
    others = ["\x00", "\x1b", "\u200b", "\u180e", "é", ""]
    texts = [f"{each}a{each}b{each}{each}" for each in spaces + others]
    expected = [re.sub(r"[\t-\r]", " ", text).strip() for text in texts]
    found = serving_generation.clean(texts).numpy()
    assert [text.decode() for text in found] == expected


@pytest.mark.parametrize(
    ("export", "words"),
    [
        (litert.export, "writes texts piece by piece.*--format=serving"),
        (tfhub.export, r"model of a task \(text_to_text\).*--format=serving"),
    ],
)
def test_other_formats_are_refused(source, tmp_path, export, words):
    with pytest.raises(UserError, match=words):
        export(source, str(tmp_path / "export"))
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "name", ["num_decoder_layers", "decoder_sharing", "max_target_length"]
)
def test_task_that_does_not_say_all(source, tmp_path, name):
    task = {key: value for key, value in TASK.items() if key != name}
    file = pathlib.Path(source, "task.json")
    file.write_text(json.dumps(task))
    try:
        with pytest.raises(UserError, match=f"does not say .*{name}"):
            serving.export(source, str(tmp_path / "export"))
    finally:
        file.write_text(json.dumps(TASK))
    assert not os.listdir(tmp_path)
