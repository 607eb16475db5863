# SPDX-License-Identifier: Apache-2.0
"""Files, flags and models that the SQuAD recipe refuses."""

import json

import pytest


def squad(**question):
    """A file of one question; None takes a key away."""
    question = {
        "id": "a1",
        "question": "What is red?",
        "answers": [{"text": "fox", "answer_start": 4}],
    } | question
    question = {k: v for k, v in question.items() if v is not None}
    context = question.pop("context", "The fox is red.")
    paragraph = {"context": context, "qas": [question]}
    return {
        "version": "1.1",
        "data": [{"title": "F", "paragraphs": [paragraph]}],
    }


BAD_FILES = {
    "no JSON": ("{", "not valid JSON"),
    "other JSON": ({"rows": []}, '"data"'),
    "no question": (
        squad(question=None),
        'question a1: there is no "question"',
    ),
    "wrong id": (squad(id=[1]), 'paragraph 1, question 1: "id" is [1]'),
    "empty context": (squad(context=" "), "answers are not in their contexts"),
    "empty answer": (
        squad(answers=[{"text": "", "answer_start": 4}]),
        "an answer is empty",
    ),
    "no answers": (squad(answers=None), "no answers to train on"),
    "impossible": (
        squad(is_impossible=True, answers=[]),
        "--version_2_with_negative",
    ),
    "answer outside": (
        squad(answers=[{"text": "fox", "answer_start": 400}]),
        "1 of 1 answers are not where the file says",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused(
    config, tmp_path, name, run, training, assert_refused
):
    content, words = BAD_FILES[name]
    file = tmp_path / "bad.json"
    file.write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    out = tmp_path / "out"
    more = ["--version_2_with_negative=false"] if name == "impossible" else []
    code, printed, errors = run(
        *training("1.1", config, out, f"--train_file={file}", *more)
    )
    assert_refused(code, printed, errors, [words])
    assert str(file) in errors
    assert not out.exists()


@pytest.mark.parametrize(
    "more, words",
    [
        (["--output_dir="], "--output_dir=: it is empty"),
        (["--nodo_train", "--nodo_eval"], "nothing to do"),
        (["--train_file="], "--train_file=: it is empty"),
        (["--predict_file= , "], "--predict_file= , : it is empty"),
        (["--nodo_eval"], "--predict_file is for --do_eval or --do_predict"),
        (["--nodo_train"], "--train_file is for --do_train"),
        (["--train_file=nowhere*.json"], "nowhere"),
        (["--predict_file=nowhere.json"], "nowhere"),
        (["--max_seq_length=129"], "128 positions"),
        (
            ["--max_seq_length=20", "--doc_stride=9", "--max_query_length=19"],
            "leaves no room for a context",
        ),
        (["--start_n_top=97"], "a beam of 97"),
        (["--doc_stride=0"], "doc_stride"),
        (["--doc_stride=92"], "--doc_stride=92: with --max_seq_length=96"),
        (["--doc_stride=5000"], "must overlap: give a smaller --doc_stride"),
        (["--max_query_length=96"], "--max_query_length=96 is not below"),
        (["--max_answer_length=96"], "--max_answer_length=96 is not below"),
        (["--head=v3"], "head"),
        (["--language=fr"], "language"),
        (["--null_score_diff_threshold=nan"], "null_score_diff_threshold"),
        (["--learning_rate=0"], "learning_rate"),
        (
            ["--warmup_proportion=0.5", "--num_warmup_steps=3"],
            "say the same thing",
        ),
        (["--num_train_epochs=2"], "say the same thing"),
        (["--albert_config_file="], "--albert_config_file=: it is empty"),
        (["--spm_model_file="], "--spm_model_file"),
        (["--spm_model_file=gs://a/b"], "a path of a file system"),
        (["--version_2_with_negative=maybe"], "version_2_with_negative"),
    ],
)
def test_bad_flags_are_refused(
    config, tmp_path, more, words, run, training, assert_refused
):
    out = tmp_path / "out"
    outcome = run(*training("1.1", config, out, *more))
    assert_refused(*outcome, [words])
    assert not out.exists()


@pytest.mark.parametrize(
    "given, words",
    [
        (["--do_train"], "--output_dir is required"),
        (["--output_dir=o", "--do_train"], "--train_file is required for"),
        (["--output_dir=o", "--do_eval"], "--predict_file is required for"),
        (
            ["--output_dir=o", "--do_train", "--train_file=t"],
            "--init_checkpoint is required for --do_train",
        ),
    ],
)
def test_flags_that_are_required(given, words, run, assert_refused):
    assert_refused(*run(*given), [words])


def test_mismatches_stop_by_flag(config, tmp_path, run, training):
    out = tmp_path / "out"
    code, _, errors = run(*training("2.0", config, out, "--stop_at_mismatch"))
    assert code == 2
    assert "2 answers are not where the file says" in errors
    assert "q26" in errors
    assert not out.exists()


def test_ids_in_two_files_are_refused(config, tmp_path, files, run, training):
    out = tmp_path / "out"
    copy = tmp_path / "copy.json"
    copy.write_bytes(files["1.1"][0].read_bytes())
    code, _, errors = run(
        *training("1.1", config, out, f"--train_file={files['1.1'][0]},{copy}")
    )
    assert code == 2
    assert "ids must be unique" in errors
    assert not out.exists()


def test_models_of_other_kinds_are_refused(
    config, trained, tmp_path, files, contents, run, training
):
    dev = f"--predict_file={files['1.1'][1]}"
    empty, other = tmp_path / "empty", tmp_path / "other"
    for directory, words in (
        (tmp_path / "nowhere", "holds no model of a task"),
        (empty, "holds no model of a task"),
        (other, "a model of cola (classification)"),
    ):
        if directory == empty:
            empty.mkdir()
        if directory == other:
            other.mkdir()
            task = {"task_name": "cola", "kind": "classification"}
            (other / "task.json").write_text(json.dumps(task))
        before = contents(directory)
        code, _, errors = run(dev, f"--output_dir={directory}", "--do_predict")
        assert code == 2
        assert words in errors
        assert contents(directory) == before
    # A directory with another run.
    out = trained["1.1"][0]
    before = contents(out)
    code, _, errors = run(*training("1.1", config, out, "--doc_stride=41"))
    assert code == 2
    assert "doc_stride 40 there, 41 here" in errors
    code, _, errors = run(*training("2.0", config, out))
    assert code == 2
    assert "holds another run" in errors
    assert contents(out) == before
