# SPDX-License-Identifier: Apache-2.0
"""Evaluation and prediction of a model that is there."""

import json
import os

import numpy as np
import pytest
import safetensors.numpy

from albert.convert import convert


def test_each_mode_alone_gives_the_same(
    inputs,
    trained,
    model,
    contents,
    run,
    without_path,
    results_of,
    training_flags,
):
    expected = contents(trained[0])
    # Twice, with as few flags as there need be, then with those of training.
    for mode in ("--do_eval", "--do_predict", "--do_eval"):
        before = contents(model)
        code, printed, errors = run(
            model, "--task_name=tsv", f"--data_dir={inputs}/sample", mode
        )
        assert code == 0, errors
        assert f"Model: {model}" in printed
        results = without_path(results_of(model))
        assert results == without_path(results_of(trained[0]))
        after = contents(model)
        assert before.keys() == after.keys()
        for name in after.keys() - {"eval_results.json", "test_results.json"}:
            assert after[name] == expected[name], name
    code, _, errors = run(
        model, *training_flags(inputs), "--do_eval", "--nodo_train"
    )
    assert code == 0, errors
    results = without_path(results_of(model))
    assert results == without_path(results_of(trained[0]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--eval_batch_size=61"],
        ["--eval_batch_size=7"],
        ["--pad_to_max_length"],
        ["--jit_compile"],
        ["--distribution_strategy=mirrored"],
    ],
)
def test_evaluation_does_not_depend_on_batches(
    inputs, trained, model, arguments, evaluate, assert_close, results_of
):
    results = evaluate(inputs, model, *arguments)
    assert_close(results, results_of(trained[0]))


def test_weights_from_another_directory(
    inputs, trained, tmp_path, evaluate, results_of
):
    """Also a checkpoint of it; nothing but results is written."""
    for number, name in enumerate(("", "model.ckpt-4")):
        out = tmp_path / str(number)
        results = evaluate(
            inputs, out, f"--init_checkpoint={trained[0] / name}"
        )
        assert sorted(os.listdir(out)) == [
            "confusion_matrix.png",
            "dev_predictions.tsv",
            "eval_results.json",
        ]
        if not name:
            assert results == results_of(trained[0])
        else:
            assert results["checkpoint"] == str(trained[0] / name)


def test_classes_of_transformers_in_another_order(
    inputs, trained, tmp_path, evaluate, without_path, results_of
):
    path = tmp_path / "hf"
    convert(trained[0], path, "huggingface")
    tensors = safetensors.numpy.load_file(path / "model.safetensors")
    for name in ("classifier.weight", "classifier.bias"):
        tensors[name] = np.ascontiguousarray(tensors[name][::-1])
    safetensors.numpy.save_file(tensors, path / "model.safetensors")
    config = json.loads((path / "config.json").read_text())
    del config["albert_task"]
    config["id2label"] = {"0": "Ward", "1": "Blackmore"}
    config["label2id"] = {"Ward": 0, "Blackmore": 1}
    (path / "config.json").write_text(json.dumps(config))
    results = evaluate(
        inputs,
        tmp_path / "out",
        f"--init_checkpoint={path}",
        "--labels=blackmore,ward",
        "--max_seq_length=37",
    )
    assert without_path(results) == without_path(results_of(trained[0]))
