# SPDX-License-Identifier: Apache-2.0
"""Makes fine-tuning records (TFRecords) of a task, where files are needed.

  python data/create_finetuning_data.py \\
      --task_name=mnli --data_dir=glue --spm_model_file=vocabulary.model \\
      --max_seq_length=128 --output_dir=records

For TPU pods and shared storage: run_classifier.py reads the records with
--train_file, --eval_file and --predict_file. Without them it reads the task's
own files, which is as quick and takes less room. The JSON beside the records
says what they depend on; records of another tokenizer, task or length are
refused. The same flags and texts give the same bytes.
"""

import contextlib
import functools
import os
import time

import numpy as np
from absl import flags as absl_flags

from albert import command_line
from albert.errors import UserError
from albert.records import finetuning_writing
from albert.records.schema import FinetuningSchema
from albert.records.writing import RecordSetWriter
from albert.records.writing import output_directories
from albert.tasks import interface
from albert.tasks.multiple_choice_features import MAX_QA_LENGTH
from albert.tasks.selection import get_task
from albert.tasks.table import TASKS
from albert.text.tokenizer import Tokenizer

_SHOWN_CHARACTERS = 160


def define_flags(flag_values):
    """Defines the flags of this recipe on an ``absl.flags.FlagValues``."""
    string, integer, boolean, names, choice = (
        functools.partial(define, flag_values=flag_values)
        for define in (
            absl_flags.DEFINE_string,
            absl_flags.DEFINE_integer,
            absl_flags.DEFINE_bool,
            absl_flags.DEFINE_list,
            absl_flags.DEFINE_enum,
        )
    )
    # Task
    string("task_name", None, f"The task: one of {', '.join(TASKS)}.")
    string("data_dir", None, "The folder that holds the task's folder.")
    names(
        "splits",
        ["train", "dev"],
        "Splits to make records of; of mnli, dev and test are two each.",
    )
    string("text_column", None, "tsv and ner: column of the text.")
    string("text_b_column", None, "tsv: column of the second text.")
    string("label_column", None, "tsv and ner: column of the label.")
    names("labels", None, "tsv and ner: labels. Default: those in train.")
    boolean("regression", False, "tsv: the labels are numbers.")
    boolean("high_only", False, "race: questions of high schools.")
    boolean("middle_only", False, "race: questions of middle schools.")
    boolean("skip_bad_rows", False, "Leave bad rows out and count them.")
    # Ids
    string("spm_model_file", None, "SentencePiece model.")
    boolean("do_lower_case", True, "Lower-case the text.")
    integer("max_seq_length", None, "Tokens in a sequence. Default: the task's")
    integer("max_qa_length", MAX_QA_LENGTH, "race: question and option.")
    # Output
    string("output_dir", None, "Where the records are written.")
    integer("num_shards", 1, "Files that each split is dealt to.")
    choice(
        "compression",
        "",
        list(finetuning_writing.COMPRESSIONS),
        "GZIP or nothing.",
    )
    integer("random_seed", 12345, "Seed of the order of the training records.")
    boolean("overwrite", False, "Replace existing records.")


def main(flags):
    started = time.monotonic()
    task = read_task(flags)
    splits = find_splits(task, flags.splits)
    outputs = {
        split: os.path.join(flags.output_dir, f"{task.name}_{split}.tfrecord")
        for split in splits
    }
    tokenizer = Tokenizer(flags.spm_model_file, flags.do_lower_case)
    max_seq_length = flags.max_seq_length or task.recipe.max_seq_length
    with (
        output_directories(outputs.values(), "--output_dir"),
        contextlib.ExitStack() as stack,
    ):
        writers = {
            split: RecordSetWriter(
                output,
                flags.num_shards,
                flags.overwrite,
                inputs=[flags.spm_model_file],
                output_flag="--output_dir",
            )
            for split, output in outputs.items()
        }

        # ------------------------------------------------- files → examples
        if task.labels is None:
            task = task.with_labels_of(load(flags, task, "train"))
        examples = {split: load(flags, task, split) for split in splits}

        # ------------------------------------- examples → ids → record files
        print(f"{task.name}, {max_seq_length} tokens in a sequence:")
        metadata = {}
        for split, writer in writers.items():
            featurized = interface.featurize(
                task,
                examples[split],
                tokenizer,
                max_seq_length,
                flags.max_qa_length,
            )
            features = featurized.features
            if split == "train":
                features = shuffle(features, flags.random_seed)
            schema = FinetuningSchema(
                task.head, max_seq_length, features.choices
            )
            stack.enter_context(writer)
            finetuning_writing.write_features(
                writer, features, schema, flags.compression
            )
            metadata[split] = finetuning_writing.build_metadata(
                features,
                schema,
                task,
                tokenizer,
                {"split": split, **read_settings(flags, task, split)},
                examples[split],
                flags.output_dir,
            )
            padding = 1 - features.lengths().mean() / max_seq_length
            print(
                f"  {split}: {featurized.summary()}; {padding:.1%} padding, "
                f"{sum(writer.sizes) / 1e6:.1f} MB"
            )
            print(f"    {show_example(features, tokenizer, task)}")
        for split, writer in writers.items():
            writer.commit(metadata[split])

    # ------------------------------------------------------------- summary
    print(
        f"Written to {flags.output_dir} in {time.monotonic() - started:.1f} s"
    )
    print("Next:")
    print(f"  {next_command(task, writers)}")


def read_task(flags):
    """Flags → ``Task``."""
    for name in ("task_name", "data_dir", "spm_model_file", "output_dir"):
        if not flags[name].value:
            raise UserError(f"--{name} is required; see --help")
    names = (
        "text_column",
        "text_b_column",
        "label_column",
        "labels",
        "regression",
        "high_only",
        "middle_only",
    )
    return get_task(
        flags.task_name, **{name: flags[name].value for name in names}
    )


def find_splits(task, names):
    """The splits that are meant: "dev" is both of mnli's."""
    if not names:
        raise UserError("--splits names no split: give train, dev or test")
    found = []
    for name in names:
        meant = [split for split in task.files if split == name]
        meant = meant or task.splits(name)
        if not name or not meant:
            raise UserError(
                f"--splits {name}: {task.name} has {', '.join(task.files)}: "
                "choose of these"
            )
        found += [split for split in meant if split not in found]
    return found


def load(flags, task, split):
    """Reads the examples of a split."""
    return interface.load(task, flags.data_dir, split, flags.skip_bad_rows)


def shuffle(features, random_seed):
    """Mixes examples, whatever order the file has: readers mix some only."""
    generator = np.random.Generator(np.random.PCG64(random_seed))
    return features.select(generator.permutation(features.num_examples))


def read_settings(flags, task, split):
    """What the records depend on besides texts, labels and tokenizer."""
    settings = {"do_lower_case": flags.do_lower_case}
    if task.label_type == "choice":
        settings["max_qa_length"] = flags.max_qa_length
    if split == "train":
        settings["random_seed"] = flags.random_seed
    return settings


def show_example(features, tokenizer, task):
    """The first example in words, so that a person can see what was made."""
    ids = features.input_ids[: features.row_splits[1]].tolist()
    text = tokenizer.decode(ids)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + " …"
    label = features.per_example.get("label_ids")
    if label is None:
        return text
    if task.label_type == "number":
        return f"{text}  (label {label[0]:g})"
    return f"{text}  (label {task.labels[label[0]]})"


def next_command(task, writers):
    """The command that trains on the records."""
    parts = ["python run_classifier.py", f"--task_name={task.name}"]
    for purpose, mode, flag in (
        ("train", "train", "train_file"),
        ("dev", "eval", "eval_file"),
        ("test", "predict", "predict_file"),
    ):
        files = [
            # cola_train-00000-of-00008.tfrecord → cola_train-*-of-00008...
            writer.files[0].replace("-00000-of-", "-*-of-")
            for split, writer in writers.items()
            if split.startswith(purpose)
        ]
        if files:
            # The first: both sets of mnli are not one.
            parts.append(f"--do_{mode} --{flag}='{files[0]}'")
    return " ".join([*parts, "--init_checkpoint=MODEL --output_dir=DIRECTORY"])


if __name__ == "__main__":
    command_line.run(main, define_flags)
