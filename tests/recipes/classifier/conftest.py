# SPDX-License-Identifier: Apache-2.0
"""Tasks to fine-tune on, and the recipe with small settings."""

import json
import pathlib
import shutil

import keras
import pytest

import albert
from albert.interchange.weights import save_weights
from albert.text.tokenizer import Tokenizer

SAMPLE = pathlib.Path(__file__).parents[3] / "data/sample/classification"

# ------------------------------------------------------------------- running


@pytest.fixture(scope="session")
def small_config(small_config):
    return small_config | {
        "max_position_embeddings": 53,
        # A step depends on the state of dropout's generators too.
        "hidden_dropout_prob": 0.1,
        "initializer_range": 0.5,
    }


@pytest.fixture(scope="session")
def run(run_command):
    """The recipe with small batches: (exit status, stdout, stderr)."""
    return lambda out, *arguments: run_command(
        "run_classifier.py",
        f"--output_dir={out}",
        "--eval_batch_size=29",
        *arguments,
    )


@pytest.fixture(scope="session")
def training_flags():
    """Function of the inputs to flags that train four steps on the sample."""
    return lambda inputs: [
        "--task_name=tsv",
        f"--data_dir={inputs}/sample",
        f"--init_checkpoint={inputs}/pretrained",
        "--do_train",
        "--train_batch_size=5",
        "--num_train_steps=4",
        "--save_checkpoints_steps=2",
        "--learning_rate=1e-3",
        "--max_seq_length=37",
    ]


@pytest.fixture(scope="session")
def train(run, training_flags):
    """Trains four steps on the sample, unless flags say otherwise."""

    def train_sample(inputs, out, *arguments):
        code, printed, errors = run(out, *training_flags(inputs), *arguments)
        assert code == 0, errors
        return printed, errors

    return train_sample


@pytest.fixture(scope="session")
def train_task(run):
    """Trains two steps on a task, and evaluates."""

    def train_and_evaluate(inputs, out, name, data_dir, *arguments):
        code, printed, errors = run(
            out,
            f"--task_name={name}",
            f"--data_dir={data_dir}",
            f"--init_checkpoint={inputs}/pretrained",
            "--do_train",
            "--do_eval",
            "--train_batch_size=5",
            "--num_train_steps=2",
            "--max_seq_length=47",
            *arguments,
        )
        assert code == 0, errors
        return printed, errors

    return train_and_evaluate


@pytest.fixture(scope="session")
def evaluate(run, results_of):
    """The results of an evaluation alone, of the model that is there."""

    def evaluate_sample(inputs, out, *arguments):
        code, _, errors = run(
            out,
            "--task_name=tsv",
            f"--data_dir={inputs}/sample",
            "--do_eval",
            *arguments,
        )
        assert code == 0, errors
        return results_of(out)

    return evaluate_sample


@pytest.fixture(scope="session")
def make_records(run_command, tokenizer_file):
    """Writes records of a task's examples into a folder."""

    def make(output, task, data_dir, *arguments):
        code, _, errors = run_command(
            "data/create_finetuning_data.py",
            f"--task_name={task}",
            f"--data_dir={data_dir}",
            f"--spm_model_file={tokenizer_file}",
            "--max_seq_length=37",
            f"--output_dir={output}",
            *arguments,
        )
        assert code == 0, errors

    return make


@pytest.fixture(scope="session")
def without_path():
    """Results of an evaluation without the paths of checkpoint and data."""

    def remove(results):
        results.pop("checkpoint")
        results.pop("checkpoint_sha256")
        for data in results["data"]:
            data.pop("path")
            data.pop("files")
        return results

    return remove


@pytest.fixture(scope="session")
def assert_close():
    """Results of evaluations that differ in how examples were batched."""

    def check(one, two):
        assert one.keys() == two.keys()
        for name, value in one.items():
            if name in ("data", "confusion", "albert_version"):
                assert value == two[name]
            elif name not in ("baseline", "checkpoint", "checkpoint_sha256"):
                # Every sum is over fewer than 100 terms in float32, each
                # rounded by 2**-24; one example in 61 would be 1e-2.
                assert value == pytest.approx(two[name], rel=1e-5), name

    return check


# --------------------------------------------------------------------- files


@pytest.fixture(scope="session")
def write_rows():
    """Writes a file of rows, each of them columns between tabs."""

    def write(path, *rows):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join("\t".join(row) + "\n" for row in rows))

    return write


@pytest.fixture(scope="session")
def rows_of():
    """The rows of such a file."""
    return lambda path: [
        line.split("\t") for line in path.read_text().splitlines()
    ]


@pytest.fixture(scope="session")
def sentences():
    """Texts to make tasks of."""
    lines = (SAMPLE / "dev.tsv").read_text().splitlines()[1:]
    return [line.split("\t")[0] for line in lines]


@pytest.fixture(scope="session")
def inputs(small_config, tokenizer_file, write_rows, tmp_path_factory):
    """A folder with a small sample, a pretrained model, configurations."""
    folder = tmp_path_factory.mktemp("inputs")
    for split, rows in (("train", 101), ("dev", 61), ("test", 23)):
        lines = (SAMPLE / f"{split}.tsv").read_text().splitlines()
        # Both authors, whose passages are mixed.
        path = folder / "sample" / f"{split}.tsv"
        write_rows(path, *([line] for line in lines[: rows + 1]))
    for name, changes in {
        "config": {},
        "wide": {"hidden_size": 26},
        "vocabulary": {"vocab_size": 1999},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(small_config | changes))
    keras.utils.set_random_seed(3)
    model = albert.AlbertPretrainer(albert.AlbertConfig(**small_config))
    save_weights(
        model, folder / "pretrained", "model_dir", Tokenizer(tokenizer_file)
    )
    return folder


@pytest.fixture(scope="session")
def glue(sentences, tmp_path_factory, write_rows):
    """GLUE's folders with a few rows each, as it is published."""
    folder = tmp_path_factory.mktemp("glue")
    pairs = list(zip(sentences[:31], sentences[31:62], strict=True))
    labels = ["entailment", "not_entailment"]
    for split, rows in (("train", 31), ("dev", 17)):
        write_rows(
            folder / "RTE" / f"{split}.tsv",
            ["index", "sentence1", "sentence2", "label"],
            *(
                [str(n), *pair, labels[n % 2]]
                for n, pair in enumerate(pairs[:rows])
            ),
        )
    write_rows(
        folder / "RTE" / "test.tsv",
        ["index", "sentence1", "sentence2"],
        *([str(n + 100), *pair] for n, pair in enumerate(pairs[:13])),
    )
    labels = ["neutral", "contradiction", "entailment"]
    for split, rows in (
        ("train", 31),
        ("dev_matched", 17),
        ("dev_mismatched", 19),
    ):
        write_rows(
            folder / "MNLI" / f"{split}.tsv",
            ["index", "sentence1", "sentence2", "gold_label"],
            *(
                [str(n), *pair, labels[n % 3]]
                for n, pair in enumerate(pairs[-rows:])
            ),
        )
    for name, rows in (("matched", 11), ("mismatched", 7)):
        write_rows(
            folder / "MNLI" / f"test_{name}.tsv",
            ["index", "sentence1", "sentence2"],
            *([str(n), *pair] for n, pair in enumerate(pairs[:rows])),
        )
    write_rows(
        folder / "diagnostic" / "diagnostic-full.tsv",
        ["Premise", "Hypothesis", "Label"],
        *([*pair, labels[n % 3]] for n, pair in enumerate(pairs[:23])),
    )
    for split in ("train", "dev"):
        write_rows(
            folder / "STS-B" / f"{split}.tsv",
            ["index", "sentence1", "sentence2", "score"],
            *(
                [str(n), *pair, f"{n % 11 / 2:.3f}"]
                for n, pair in enumerate(pairs[:17])
            ),
        )
    write_rows(
        folder / "STS-B" / "test.tsv",
        ["index", "sentence1", "sentence2"],
        *([str(n), *pair] for n, pair in enumerate(pairs[:5])),
    )
    return folder


@pytest.fixture(scope="session")
def trained(inputs, train, tmp_path_factory):
    """A model of the sample, its output; not to be changed."""
    out = tmp_path_factory.mktemp("trained") / "model"
    return out, *train(inputs, out, "--do_eval", "--do_predict")


@pytest.fixture
def model(trained, tmp_path):
    """A copy of that model, to be changed."""
    return pathlib.Path(shutil.copytree(trained[0], tmp_path / "model"))
