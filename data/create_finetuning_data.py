# SPDX-License-Identifier: Apache-2.0
"""Makes fine-tuning records (TFRecords) of a task.

  albert create-finetuning-data \\
      --task_name=mnli --data_dir=glue --spm_model_file=vocabulary.model \\
      --max_seq_length=128 --output_dir=records

For TPU pods and shared storage: `albert classify` reads the records with
--train_file, --eval_file and --predict_file. Without them it reads the task's
own files, which is as quick and takes less room. The JSON beside the records
says what they depend on; records of another tokenizer, task or length are
refused. The same flags and texts give the same bytes.
"""

import contextlib
import os
import time

import numpy as np

from albert import command_line
from albert import data_flags
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.flags import define_sequence_length_flag
from albert.flags import require
from albert.records import finetuning_writing
from albert.records.schema import FinetuningSchema
from albert.records.writing import RecordSetWriter
from albert.tasks import interface
from albert.tasks import multiple_choice_features
from albert.tasks import sequence_words
from albert.tasks.featurization import name_data
from albert.tasks.label_types import LABEL_TYPES
from albert.text.tokenizers import load_tokenizer
from albert.vocabulary_flags import require_vocabulary
from albert.vocabulary_flags import vocabulary_file

_SHOWN_CHARACTERS = 160


def define_flags(fv):
    """Defines this recipe's flags."""
    data_flags.define_task_flags(fv)
    task = FlagGroup(fv, "Task")
    task.names(
        "splits",
        ["train", "dev"],
        "Splits to make records of; of mnli, dev and test are two each.",
    )
    define_sequence_length_flag(fv, "Text")
    data_flags.define_data_creation_flags(fv)
    data_flags.define_record_flags(fv)
    files = FlagGroup(fv, "Files")
    files.path("output_dir", None, "Where the records are written. Required.")


def main(fv):
    """Makes the records of each split, and prints what they are like."""
    started = time.monotonic()
    require(fv, "task_name", "data_dir", "output_dir")
    require_vocabulary(fv)
    task = data_flags.get_task(fv)
    splits = find_splits(task, fv.splits)
    outputs = {
        split: os.path.join(fv.output_dir, f"{task.name}_{split}.tfrecord")
        for split in splits
    }
    tokenizer = load_tokenizer(
        vocabulary_file(fv),
        lower_case=fv.do_lower_case,
        strip_accents=fv.strip_accents,
    )
    max_seq_length = fv.max_seq_length or task.recipe.max_seq_length
    max_qa_length = fv.max_qa_length or multiple_choice_features.MAX_QA_LENGTH
    # Before all files are read.
    if task.label_type == "choice":
        multiple_choice_features.check_max_qa_length(
            max_qa_length, max_seq_length
        )
    with contextlib.ExitStack() as stack:
        writers = {
            split: RecordSetWriter(
                output,
                fv.num_shards,
                fv.overwrite,
                inputs=[tokenizer.model_file],
                output_flag="--output_dir",
            )
            for split, output in outputs.items()
        }
        # All are checked before the first is begun.
        for writer in writers.values():
            stack.enter_context(writer)

        # ------------------------------------------------- files → examples
        examples = {}
        if task.labels is None:
            examples["train"] = load(fv, task, "train")
            task = task.with_labels_of(examples["train"])
        for split in splits:
            if split not in examples:
                examples[split] = load(fv, task, split)

        # ------------------------------------- examples → ids → record files
        print(f"{task.name}, {max_seq_length} tokens in a sequence:")
        metadata = {}
        for split, writer in writers.items():
            featurized = interface.featurize(
                task,
                examples[split],
                tokenizer,
                max_seq_length,
                max_qa_length,
            )
            featurized.check(name_data(examples[split], split))
            features, words = featurized.features, None
            if split == "train":
                features = shuffle(features, fv.random_seed)
            elif task.label_type == "tag":
                words = sequence_words.to_texts(
                    featurized.word_positions, examples[split].labels
                )
            schema = FinetuningSchema(
                task.head,
                max_seq_length,
                features.choices,
                len(task.labels) if task.label_type == "classes" else 1,
            )
            finetuning_writing.write_features(
                writer, features, schema, fv.compression, words
            )
            metadata[split] = finetuning_writing.build_metadata(
                features,
                schema,
                task,
                tokenizer,
                {
                    "split": split,
                    **read_settings(fv, task, split, max_qa_length),
                },
                examples[split],
                fv.output_dir,
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
    print(f"Written to {fv.output_dir} in {time.monotonic() - started:.1f} s")
    command_line.print_next(next_command(task, writers))


def find_splits(task, names):
    """Returns the splits that names mean: "dev" is both of mnli's."""
    if not names:
        raise UserError("--splits names no split: give train, dev or test")
    found = []
    for name in names:
        meant = [split for split in task.files if split == name]
        meant = meant or task.splits(name)
        if not name or not meant:
            raise UserError(
                f"--splits {name}: {task.name} has {', '.join(task.files)}: "
                "choose from these"
            )
        found += [split for split in meant if split not in found]
    return found


def load(fv, task, split):
    """Reads the examples of a split."""
    return interface.load(task, fv.data_dir, split, fv.skip_bad_rows)


def shuffle(features, random_seed):
    """Shuffles the examples: readers mix only those near one another."""
    generator = np.random.Generator(np.random.PCG64(random_seed))
    return features.select(generator.permutation(features.num_examples))


def read_settings(fv, task, split, max_qa_length):
    """Returns what records depend on besides texts, labels and tokenizer."""
    settings = {
        "do_lower_case": fv.do_lower_case,
        "strip_accents": fv.strip_accents,
    }
    if task.label_type == "choice":
        settings["max_qa_length"] = max_qa_length
    if split == "train":
        settings["random_seed"] = fv.random_seed
    return settings


def show_example(features, tokenizer, task):
    """Returns the first example in words, for a person to check."""
    ids = features.input_ids[: features.row_splits[1]].tolist()
    text = tokenizer.decode(ids)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + " …"
    label = features.per_example.get("label_ids")
    if label is None:
        return text
    if task.label_type == "number":
        return f"{text}  (label {label[0]:g})"
    if task.label_type == "classes":
        (names,) = LABEL_TYPES["classes"].texts(task, label[:1])
        return f"{text}  (labels {names or 'none'})"
    return f"{text}  (label {task.labels[label[0]]})"


def next_command(task, writers):
    """Returns the command that trains on the records."""
    parts = ["albert classify", f"--task_name={task.name}"]
    if task.label_type == "classes":
        parts += [
            "--multi_label",
            f"--label_separator='{task.label_separator}'",
        ]
    for purpose, mode, flag in (
        ("train", "train", "train_file"),
        ("dev", "eval", "eval_file"),
        ("test", "predict", "predict_file"),
    ):
        files = [
            # cola_train-00000-of-00008... becomes cola_train-*-of-00008...
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
