# SPDX-License-Identifier: Apache-2.0
"""Every flag of every command with the nasty values of its type.

A value is refused with one line and nothing is written, or the command goes
on as with a good one. Where a good one would start a long computation, it is
stopped where the computation starts: all that depends on flags has then been
looked at, tokenised, planned and built.
"""

import contextlib
import json
import os
import pathlib

import pytest
from absl import flags

import albert
from albert import __main__ as front_door
from albert import flag_parsers
from albert import model_directory
from albert.errors import UserError

ROOT = pathlib.Path(__file__).parents[1]
SPM = ROOT / "tests" / "golden" / "tokenization" / "spm2000.model"
TEXT = ROOT / "tests" / "golden" / "pretraining_data" / "input.txt"
STOP = "stopped where the computation starts"

NUMBERS = (
    *("nan", "inf", "-inf", "1e400", "-1e400"),
    *map(str, (2**63, -(2**63), 2**70, 10**30)),
    *("9" * 5000, "", " ", "text", "1,5x", "--seed", "\udcff"),
)
TEXTS = ("", " ", "x" * 100_000, "\udcff", "--seed")
PATHS = (
    *("directory", "text.txt/below", "missing", "fifo", "loop"),
    *("~/missing", "gs://bucket/file", "x" * 300, "missing/missing/\udcff"),
)

# Flags that a good value makes long before the place where a command is
# stopped; their bounds are tried by the parser alone.
LONG = {
    ("create-pretraining-data", "dupe_factor"),
    ("pretrain", "model_size"),
    ("classify", "model_size"),
    ("classify", "train_batch_size"),
    # A good value starts processes, which are not stopped here.
    ("classify", "num_folds"),
    ("squad", "model_size"),
    ("squad", "train_batch_size"),
    ("translate", "model_size"),
}


# The commands that train, which share most flags of a training.
TRAININGS = ("pretrain", "classify", "squad", "translate")
TRAINING = {
    "albert_config_file": "config.json",
    "spm_model_file": str(SPM),
    "train_batch_size": "4",
    "num_train_steps": "2",
    "output_dir": "out",
}
# A cheap command line of each command: flags, then arguments.
BASES = {
    "create-vocabulary": (
        {
            "input_file": "text.txt",
            "output_prefix": "out",
            "vocab_size": "90",
            "num_threads": "1",
        },
        [],
    ),
    "create-pretraining-data": (
        {
            "input_file": "text.txt",
            "output_file": "out.tfrecord",
            "spm_model_file": str(SPM),
            "max_seq_length": "32",
            "max_predictions_per_seq": "5",
            "dupe_factor": "1",
            "num_workers": "1",
        },
        [],
    ),
    "create-finetuning-data": (
        {
            "task_name": "tsv",
            "data_dir": "task",
            "spm_model_file": str(SPM),
            "max_seq_length": "16",
            "output_dir": "out",
        },
        [],
    ),
    "inspect-records": ({}, ["records/train.tfrecord"]),
    "pretrain": (
        TRAINING
        | {
            "input_file": "records/train.tfrecord",
            "eval_input_file": "records/eval.tfrecord",
            "max_eval_steps": "1",
        },
        [],
    ),
    "classify": (
        TRAINING
        | {
            "task_name": "tsv",
            "data_dir": "task",
            "max_seq_length": "16",
            "do_train": "true",
            "do_eval": "true",
        },
        [],
    ),
    "glue": (
        TRAINING
        | {"data_dir": "glue", "tasks": "wnli", "max_seq_length": "16"},
        [],
    ),
    "squad": (
        TRAINING
        | {
            "train_file": "questions.json",
            "predict_file": "questions.json",
            "max_seq_length": "64",
            "doc_stride": "20",
            "do_train": "true",
            "do_eval": "true",
        },
        [],
    ),
    "translate": (
        TRAINING
        | {
            "input_file": "pairs.tsv",
            "eval_input_file": "pairs.tsv",
            "train_batch_size": "8",
            "train_batch_tokens": "600",
            "max_seq_length": "32",
            "max_target_length": "32",
            "max_left_out_share": "0.5",
            "metrics": "none",
            "do_train": "true",
            "do_eval": "true",
        },
        [],
    ),
    "predict": (
        {"input_file": "task/test.tsv", "output_file": "out.tsv"},
        ["classifier"],
    ),
    "embed": (
        {"input_file": "sentences.txt", "output_file": "v.npy"},
        ["model"],
    ),
    "fill-mask": ({"text_file": "text.txt"}, ["model", "the [MASK]."]),
    "generate": ({"num_samples": "2"}, ["model", "the [MASK]."]),
    "score": ({"input_file": "sentences.txt"}, ["model"]),
    "convert": ({"to": "huggingface"}, ["model", "out"]),
    "export": ({"format": "serving"}, ["model", "out"]),
    "serve": ({"port": "0"}, ["model"]),
    "curves": ({}, ["out.png", "model"]),
}
# What must be different for a flag; None takes a flag away.
OTHERWISE = {
    ("classify", "num_train_epochs"): {"num_train_steps": None},
    ("squad", "num_train_epochs"): {"num_train_steps": None},
    ("classify", "model_size"): {"albert_config_file": None},
    ("glue", "model_size"): {"albert_config_file": None},
    ("glue", "num_train_epochs"): {"num_train_steps": None},
    ("squad", "model_size"): {"albert_config_file": None},
    ("pretrain", "model_size"): {"albert_config_file": None},
    ("pretrain", "num_layers_schedule"): {},
    ("pretrain", "max_seq_length_schedule"): {},
    ("pretrain", "train_batch_size_schedule"): {},
    ("pretrain", "train_minutes"): {"num_train_steps": None},
    ("pretrain", "position_embedding"): {
        "albert_config_file": None,
        "model_size": "tiny",
    },
    **{
        ("convert", name): {"push": "me/it", "dry_run": "true"}
        for name in ("push", "private", "overwrite", "dry_run", "licence")
    },
    ("translate", "model_size"): {"albert_config_file": None},
    ("translate", "num_train_epochs"): {"num_train_steps": None},
    ("translate", "predict_file"): {"do_predict": "true", "output_file": "o"},
    ("translate", "output_file"): {
        "do_predict": "true",
        "predict_file": "text.txt",
    },
    ("translate", "attention_plot"): {"attention_text": "a"},
    ("translate", "attention_text"): {"attention_plot": "a.png"},
    **{
        ("translate", f"{prefix}{side}_file"): {
            f"{prefix}input_file": None,
            f"{prefix}{other}_file": "text.txt",
        }
        for prefix in ("", "eval_")
        for side, other in (("source", "target"), ("target", "source"))
    },
    ("classify", "train_file"): {"data_dir": None, "do_eval": None},
    ("classify", "eval_file"): {},
    ("classify", "fold"): {"num_folds": "2"},
    ("classify", "predict_file"): {"do_predict": "true"},
    **{
        ("export", name): {"format": "tfhub"}
        for name in (
            *("version", "licence", "license", "handle", "language"),
            *("notes", "seq_length", "publish"),
        )
    },
    ("export", "dry_run"): {
        "format": "tfhub",
        "publish": "kaggle",
        "handle": "a/b/tensorFlow2/c",
        "licence": "apache-2.0",
    },
    ("embed", "text_field"): {"input_file": "task/dev.tsv"},
    ("embed", "sts_file"): {"input_file": None, "output_file": None},
    **{
        ("embed", name): {
            "input_file": None,
            "output_file": None,
            "sts_file": "scored.tsv",
        }
        for name in (
            *("first_field", "second_field", "score_field"),
            "skip_bad_rows",
        )
    },
    ("score", "text_field"): {"input_file": "task/dev.tsv"},
    ("score", "pairs_file"): {"input_file": None},
    **{
        ("score", name): {"input_file": None, "pairs_file": "minimal.tsv"}
        for name in (
            *("good_field", "bad_field", "paradigm_field"),
            *("phenomenon_field", "output_dir"),
        )
    },
    ("export", "model"): {"format": "litert"},
    ("export", "quantization"): {"format": "litert"},
    ("export", "batch_size"): {"format": "litert"},
    ("export", "text_file"): {"format": "litert"},
    ("export", "min_agreement"): {"format": "litert"},
    ("export", "data_dir"): {"format": "litert"},
    ("export", "tokenizer"): {"format": "huggingface"},
    **{
        ("export", name): {"format": "sentence-transformers"}
        for name in ("pooling", "normalize")
    },
}


def flags_of(command):
    values = flags.FlagValues()
    front_door.load_script(command).define_flags(values)
    return {name: values[name] for name in values}


FLAGS = {
    (command, name): flag
    for command in front_door.COMMANDS
    for name, flag in flags_of(command).items()
}


def values_of(flag):
    """Returns the values of a flag: (those to refuse, others)."""
    parser = flag.parser
    if isinstance(parser, flag_parsers.IntegerParser):
        low, high = parser.lower_bound, parser.upper_bound
        outside = (low - 1, high + 1, 2**32, 0.5, "1e400", "1_")
        words = ("mean",) if "mean" in parser.syntactic_help else ()
        return (*NUMBERS, *map(str, outside)), (str(low), str(high), *words)
    if isinstance(parser, flag_parsers.RealParser):
        low, high = parser.lower_bound, parser.upper_bound
        outside = (repr(low - abs(low or 1)), repr(high + abs(high)))
        return (*NUMBERS, *outside), (repr(low), repr(high))
    if isinstance(parser, flag_parsers.BooleanParser):
        return (*NUMBERS, "-1", "2"), ("true", "false")
    if isinstance(flag, flags.EnumFlag):
        empty = {""} & set(parser.enum_values)
        refused = [value for value in (*NUMBERS, *TEXTS) if value not in empty]
        return refused, tuple(parser.enum_values)
    if isinstance(parser, flag_parsers.ListParser):
        return ("", " ", ",", "a,,b", "a,", "--seed"), ("text", '"', "\udcff")
    refused = ("", " ", "--seed")
    others = [text for text in TEXTS if text not in refused] + ["text", "-1"]
    if isinstance(parser, flag_parsers.FilesParser | flag_parsers.PathParser):
        others += PATHS
    return refused, others


def dealt_values_of(command, name):
    """Returns ``values_of`` a flag that a command is given.

    Commands that share a flag of a training refuse the same, and each builds
    all up to the training of a good value: they take turns with these. Paths
    are of other files in each of them.
    """
    flag = FLAGS[command, name]
    refused, others = values_of(flag)
    sharing = [
        other
        for other in TRAININGS
        if (other, name) in FLAGS and FLAGS[other, name].help == flag.help
    ]
    if command not in sharing or isinstance(
        flag.parser, flag_parsers.FilesParser | flag_parsers.PathParser
    ):
        return refused, others
    place = sharing.index(command)
    return refused, (
        others[place :: len(sharing)] or others[place % len(others) :][:1]
    )


COUNTS = {key: sum(map(len, dealt_values_of(*key))) for key in FLAGS}


def test_the_walk_does_not_shrink():
    assert set(BASES) == set(front_door.COMMANDS)
    assert set(OTHERWISE) | LONG <= set(FLAGS)
    # Raise these when flags are added.
    assert len(FLAGS) >= 573
    assert sum(COUNTS.values()) >= 10552
    # Whoever is given it, no value is left out.
    for name in {name for _, name in FLAGS}:
        sharing = [
            key for key in FLAGS if key[1] == name and key[0] in TRAININGS
        ]
        for key in sharing:
            dealt = [
                value
                for other in sharing
                if FLAGS[other].help == FLAGS[key].help
                for value in dealt_values_of(*other)[1]
            ]
            assert set(dealt) == set(values_of(FLAGS[key])[1]), key


def test_every_number_has_bounds():
    for flag in FLAGS.values():
        if isinstance(flag.parser, flags.FloatParser | flags.IntegerParser):
            assert flag.parser.lower_bound is not None, flag.name
            assert flag.parser.upper_bound is not None, flag.name


# ----------------------------------------------------------- files to work on


@pytest.fixture(scope="module")
def place(tmp_path_factory, call_recipe, small_config):
    """A folder with what the commands read."""
    folder = tmp_path_factory.mktemp("walk")
    lines = TEXT.read_text("utf-8").splitlines()[:60]
    (folder / "text.txt").write_text("\n".join(lines))
    pairs = [f"{line}\tIt rained.\n" for line in lines[:9] if line]
    (folder / "pairs.tsv").write_text("".join(pairs))
    sentences = [line for line in lines if line.strip()][:3]
    (folder / "sentences.txt").write_text("\n".join(sentences))
    (folder / "minimal.tsv").write_text(
        "sentence_good\tsentence_bad\nIt barks.\tIt bark.\n"
    )
    (folder / "scored.tsv").write_text(
        "sentence1\tsentence2\tscore\n"
        + "".join(f"It barks.\tIt bark{'s' * n}.\t{n}\n" for n in range(3))
    )
    (folder / "directory").mkdir()
    os.mkfifo(folder / "fifo")
    os.symlink("loop", folder / "loop")
    small_config = small_config | {"max_position_embeddings": 67}
    (folder / "config.json").write_text(json.dumps(small_config))
    (folder / "task").mkdir()
    rows = "text\tlabel\nIt barked.\tdog\nIt mewed.\tcat\n"
    for split in ("train", "dev", "test"):
        (folder / "task" / f"{split}.tsv").write_text(rows)
    (folder / "glue" / "WNLI").mkdir(parents=True)
    rows = "sentence1\tsentence2\tlabel\nIt barked.\tA dog.\t1\n"
    for split in ("train", "dev"):
        (folder / "glue" / "WNLI" / f"{split}.tsv").write_text(rows)
    (folder / "glue" / "WNLI" / "test.tsv").write_text(
        "index\tsentence1\tsentence2\n0\tIt mewed.\tA cat.\n"
    )
    question = {
        "id": "a",
        "question": "What is red?",
        "answers": [{"text": "fox", "answer_start": 4}],
    }
    paragraph = {"context": "The fox is red.", "qas": [question]}
    (folder / "questions.json").write_text(
        json.dumps({"version": "1.1", "data": [{"paragraphs": [paragraph]}]})
    )
    with contextlib.chdir(folder):
        flag_values, _ = BASES["create-pretraining-data"]
        for split in ("train", "eval"):
            call_recipe(
                "data/create_pretraining_data.py",
                *(f"--{name}={value}" for name, value in flag_values.items()),
                f"--output_file=records/{split}.tfrecord",
            )
        model = folder / "model"
        model.mkdir()
        config = albert.AlbertConfig.from_json("config.json")
        model_directory.write_description(model, config, albert.Tokenizer(SPM))
        albert.save_weights(
            albert.AlbertPretrainer(config), model / "model.ckpt-3"
        )
        classifier = folder / "classifier"
        classifier.mkdir()
        model_directory.write_description(
            classifier, config, albert.Tokenizer(SPM)
        )
        task = {"kind": "classification", "labels": ["cat", "dog"]}
        (classifier / "task.json").write_text(json.dumps(task))
        albert.save_weights(
            albert.AlbertClassifier(config, 2), classifier / "model.ckpt-3"
        )
    return folder


@pytest.fixture
def stopped(place, monkeypatch):
    """The folder as working directory; long computations do not start."""
    import tensorflow as tf

    from albert.export import litert_conversion
    from albert.serve import served_model
    from albert.training import run_process
    from albert.training.loop import TrainingLoop

    def stop(*arguments, **settings):
        raise UserError(STOP)

    monkeypatch.setattr(TrainingLoop, "train", stop)
    monkeypatch.setattr(run_process, "run", stop)
    monkeypatch.setattr(TrainingLoop, "predict", stop)
    monkeypatch.setattr(tf.saved_model, "save", stop)
    monkeypatch.setattr(litert_conversion, "convert", stop)
    monkeypatch.setattr(served_model, "load", stop)
    monkeypatch.chdir(place)
    monkeypatch.setenv("HOME", str(place / "directory"))
    return place


def listing(folder):
    """Returns everything in a folder: dict of path to what a write changes."""
    found = {}
    for path in folder.rglob("*"):
        state = path.lstat()
        found[path] = (state.st_ino, state.st_size, state.st_mtime_ns)
    return {
        path: state if not path.is_dir() else None
        for path, state in found.items()
    }


def remove_new(folder, before):
    for path in sorted(set(listing(folder)) - set(before), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else (
            path.unlink()
        )


# -------------------------------------------------------------------- the walk


@pytest.mark.slow
@pytest.mark.parametrize(
    "command, name", FLAGS, ids=[f"{c}-{n}" for c, n in FLAGS]
)
def test_a_flag(stopped, run_main, time_limit, command, name):
    script = front_door.load_script(command)
    base, arguments = BASES[command]
    base = base | OTHERWISE.get((command, name), {}) | {name: None}
    given = [f"--{n}={v}" for n, v in base.items() if v is not None]
    refused, others = dealt_values_of(command, name)
    before = listing(stopped)
    faults = []
    for value in [*refused, *others]:
        try:
            with time_limit():
                if (command, name) in LONG and value not in refused:
                    FLAGS[command, name].parser.parse(value)
                    continue
                code, printed, errors = run_main(
                    script.main,
                    script.define_flags,
                    *given,
                    f"--{name}={value}",
                    *arguments,
                    positional=getattr(script, "POSITIONAL", ()),
                )
        except (Exception, pytest.fail.Exception) as error:
            faults.append((value[:60], "traceback", repr(error)[:300]))
        else:
            lines = [x for x in errors.splitlines() if x.startswith("error: ")]
            after = listing(stopped)
            if code not in (0, 2) or (code == 0 and value in refused):
                faults.append((value[:60], code, errors[-300:]))
            if code == 2 and (
                len(lines) != 1
                or not errors.endswith(f"{lines[0]}\n")
                or "Traceback" in errors
            ):
                faults.append((value[:60], "not one line", errors[-300:]))
            if code == 2 and STOP not in errors and after != before:
                changed = after.items() ^ before.items()
                faults.append((value[:60], "written", list(changed)[:3]))
            if STOP in errors and value in refused:
                faults.append((value[:60], "taken", ""))
            if any(after.get(path) != before[path] for path in before):
                faults.append((value[:60], "changed", ""))
        remove_new(stopped, before)
    assert not faults
