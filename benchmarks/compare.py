#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures this project against transformers and KerasHub on this machine.

    make .venv-peers/.installed
    python benchmarks/compare.py --work=pretraining,encode,mini \\
        --peer_python=.venv-peers/bin/python --output=speed.json

Each program is a process that builds its work once and then waits. In each
round each of them has its turn, so that a pair is measured within seconds; only
one computes at a time. A ratio above 1 says that this project is faster.
Nothing else should run on the machine.

Works (--work, several with commas, or all: those but engines):

  pretraining  a training step, dropout 0, 20 predictions a sequence of 128;
               with LAMB and clipping here, with AdamW there
  encode       the encoder's output of a batch without padding
  engines      "encode" in the files for OpenVINO and ONNX Runtime, whose
               packages are needed here, and OpenVINO's for the peers
  mini         "pretraining" of a size for laptops
  sentences    logits of the lines of --text_file, cut into pieces by
               --spm_model_file: here as `albert classify` predicts; there in
               order, padded to the longest of all, and sorted by length
  mrpc         an epoch of fine-tuning on MRPC in --data_dir; there with batches
               grouped by length, each padded to its longest

Without --peer_python this project alone is measured, and the matrix products:
the share of the limit is the FLOPs of a work, at the rate that TensorFlow's
products alone reach, against its time.
"""

import argparse
import json
import os
import sys
import tempfile

import measurements
import turns
import works
from workers import protocol

import albert
from albert import command_line
from albert.errors import UserError

DTYPES = ("bfloat16", "float32")
NEEDED_FILES = {
    "sentences": ("text_file", "spm_model_file"),
    "mrpc": ("data_dir", "spm_model_file"),
}


def make_parser():
    """Returns the parser of the flags."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--work",
        default="pretraining",
        help="names of works, or all (see above)",
    )
    add("--peer_python", help="Python with requirements-peers.txt")
    add("--earlier", help="folder of an earlier checkout, measured beside")
    add("--rounds", type=int, default=5, help="turns of each program")
    add("--dtype", help="bfloat16, float32, or both with a comma")
    add("--shapes", help="e.g. 16x128,4x512: batch and length")
    add("--size", help="a named size, e.g. large")
    add("--text_file", help="a sentence a line")
    add("--spm_model_file", help="a vocabulary, e.g. 30k-clean.model")
    add("--data_dir", help="the folder of MRPC, or the one above")
    add("--num_examples", type=int, help="lines, or examples of MRPC, to take")
    add("--output", help="JSON file of all times; replaced after each work")
    return parser


def check(parser, arguments):
    """Refuses values that cannot be measured; turns lists into lists."""
    names = arguments.work
    arguments.work = names.split(",")
    if names == "all":
        arguments.work = [name for name in works.WORKS if name != "engines"]
    for name in arguments.work:
        if name not in works.WORKS:
            parser.error(
                f"--work={name}: choose all or of {', '.join(works.WORKS)}"
            )
        for flag in NEEDED_FILES.get(name, ()):
            if not vars(arguments)[flag]:
                parser.error(f"--work={name} needs --{flag}")
    if arguments.rounds < 1:
        parser.error("--rounds must be at least 1")
    if arguments.dtype:
        arguments.dtype = arguments.dtype.split(",")
        if not set(arguments.dtype) <= set(DTYPES):
            parser.error(f"--dtype: choose of {', '.join(DTYPES)}")
    if arguments.shapes:
        try:
            arguments.shapes = [
                tuple(map(int, shape.split("x")))
                for shape in arguments.shapes.split(",")
            ]
            if any(len(shape) != 2 for shape in arguments.shapes):
                raise ValueError
        except ValueError:
            parser.error("--shapes must look like 16x128,4x512")


def cases(arguments):
    """Yields each work to measure: (title, ``Work``, dict for workers)."""
    for name in arguments.work:
        work = works.WORKS[name]
        size = arguments.size or work.size
        config = albert.AlbertConfig.named(size)
        if name in NEEDED_FILES:
            tokenizer = albert.Tokenizer(arguments.spm_model_file)
            config = albert.AlbertConfig.named(
                size, vocab_size=tokenizer.vocabulary_size
            )
        for dtype in arguments.dtype or work.dtypes:
            for batch, length in arguments.shapes or work.shapes:
                title = f"{name}, {size}, {dtype}, {batch} × {length}"
                yield (
                    title,
                    work,
                    {
                        "kind": work.kind,
                        "config": config.to_dict(),
                        "dtype": dtype,
                        "batch": batch,
                        "length": length,
                        "predictions": works.num_predictions(length),
                        "sequences": sequences_path(arguments, name),
                    },
                )


def sequences_path(arguments, name):
    """Returns the file of a work's sequences, written at its first use."""
    path = os.path.join(arguments.folder, f"{name}.npz")
    if os.path.exists(path):
        return path
    files = [vars(arguments)[flag] for flag in NEEDED_FILES.get(name, ())]
    if name == "sentences":
        works.write_sentences(path, *files, arguments.num_examples or 2000)
    elif name == "mrpc":
        works.write_mrpc(path, *files, arguments.num_examples)
    return path


def programs_of(work, specification, arguments):
    """Returns the programs to measure, as ``turns.measure`` takes them."""
    chosen = []
    for program in work.programs:
        if program.settings.get("bfloat16_weights") and (
            specification["dtype"] != "bfloat16"
        ):
            continue
        if not program.is_peer:
            chosen.append((program, *turns.OWN_PLACE))
        elif arguments.peer_python:
            chosen.append((program, arguments.peer_python, [turns.FOLDER]))
        if program is works.OWN and arguments.earlier:
            earlier = works.Program("this project, earlier", program.module)
            folders = [turns.FOLDER, os.path.abspath(arguments.earlier)]
            chosen.append((earlier, sys.executable, folders))
    return chosen


def main():
    parser = make_parser()
    arguments = parser.parse_args()
    check(parser, arguments)
    machine = measurements.machine()
    print(measurements.describe_machine(machine), flush=True)
    results = []
    with tempfile.TemporaryDirectory() as arguments.folder:
        try:
            for title, work, specification in cases(arguments):
                programs = turns.measure(
                    work,
                    specification,
                    programs_of(work, specification, arguments),
                    arguments.rounds,
                )
                turns.add_shares(programs, specification)
                results.append({"work": title, "programs": programs})
                lines = measurements.table(results[-1:])
                print(*lines[0 if len(results) == 1 else 2 :], sep="\n")
                sys.stdout.flush()
                if arguments.output:
                    with open(arguments.output, "w", encoding="utf-8") as file:
                        json.dump(
                            {"machine": machine, "results": results},
                            file,
                            indent=1,
                        )
        except (UserError, protocol.WorkerError, OSError) as error:
            command_line.fail(error)
    for line in measurements.limits_and_versions(results):
        print(line)


if __name__ == "__main__":
    main()
