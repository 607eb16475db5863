#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks and times this project's ALBERT on one GPU, in a few minutes.

    python benchmarks/gpu.py --output=gpu.json

Each part has a process of its own, so that the others keep their results when
it fails: `goldens` (numbers of the original, with TensorFloat-32 off and
on), `peak` (the card's rate of bfloat16 matrix products), `steps` (training
steps and encoding of base and large, with and without XLA), `pretraining` (the
sample text, until the masked-LM loss has left that of word frequencies) and
`restart` (a run that is killed ends with the weights of one that is not). The
JSON file is written anew after each result. `--quick` takes tiny sizes: it
shows that the program works, also on a CPU, and measures nothing.
"""

import argparse
import glob
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

from flops import training_flops
from workers.batches import pretraining_batch

from albert import command_line

ROOT = pathlib.Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "encoder_tiny_a"
# Share of the card's memory that a batch is chosen to fill.
FILLED = 0.85
PREDICTIONS = 20
# Seconds that a part may take; each case of "steps" by itself.
PARTS = {
    "goldens": 90,
    "peak": 60,
    "pretraining": 200,
    "restart": 150,
    "steps": 150,
}


# -------------------------------------------------------------------- goldens


def goldens(arguments):
    """Returns the largest differences from the original's numbers."""
    import numpy as np
    import tensorflow as tf

    import albert
    from albert.interchange.names import google_name
    from albert.interchange.names import named_variables
    from albert.training.losses import PretrainingObjective

    with np.load(GOLDEN / "inputs.npz") as arrays:
        inputs = {name: tf.constant(arrays[name]) for name in arrays.files}
    with np.load(GOLDEN / "outputs.npz") as arrays:
        expected = dict(arrays)
    with np.load(GOLDEN / "gradients.npz") as arrays:
        gradients = dict(arrays)
    model = albert.AlbertPretrainer(
        albert.AlbertConfig.from_json(GOLDEN / "albert_config.json")
    )
    albert.load_weights(model, GOLDEN / "model.ckpt-best")
    objective = PretrainingObjective()
    # The weights that the golden's loss gave its rows.
    batch = dict(inputs)
    batch.setdefault(
        "example_weights", tf.ones(tf.shape(inputs["input_ids"])[0])
    )

    def difference(actual, wanted):
        actual = np.asarray(actual, np.float64)
        return float(np.max(np.abs(actual.reshape(wanted.shape) - wanted)))

    def measure(jit_compile):
        @tf.function(jit_compile=jit_compile)
        def step():
            with tf.GradientTape() as tape:
                outputs = model(batch)
                numerators = objective.numerators(outputs, batch)
                denominators = objective.denominators(batch)
                loss = objective.loss(numerators, denominators)
            return outputs, tape.gradient(
                loss, [each.value for each in model.trainable_variables]
            )

        outputs, found = step()
        encoded = model.encoder(inputs)
        by_name = {
            google_name(name): value
            for name, value in zip(
                named_variables(model),
                map(tf.convert_to_tensor, found),
                strict=True,
            )
        }
        return {
            "sequence_output": difference(
                encoded["sequence_output"], expected["sequence_output"]
            ),
            "pooled_output": difference(
                encoded["pooled_output"], expected["pooled_output"]
            ),
            "masked_lm_log_probs": difference(
                tf.nn.log_softmax(outputs["masked_lm_logits"]),
                expected["masked_lm_log_probs"],
            ),
            "sentence_order_log_probs": difference(
                tf.nn.log_softmax(outputs["sentence_order_logits"]),
                expected["sentence_order_log_probs"],
            ),
            "gradients": max(
                difference(by_name[name], wanted)
                for name, wanted in gradients.items()
            ),
        }

    results = {}
    for tf32 in (False, True):
        tf.config.experimental.enable_tensor_float_32_execution(tf32)
        for jit_compile in (False, True):
            name = f"tf32_{'on' if tf32 else 'off'}"
            if jit_compile:
                name += "_jit_compile"
            results[name] = measure(jit_compile)
    return results


# --------------------------------------------------------------- time and FLOPs


def peak(arguments):
    """Returns the rate of bfloat16 matrix products in TFLOP/s."""
    import tensorflow as tf

    size = 256 if arguments.quick else 8192
    products = 20
    left = tf.random.normal((size, size), dtype=tf.bfloat16)
    right = tf.random.normal((size, size), stddev=size**-0.5, dtype=tf.bfloat16)

    @tf.function
    def multiply():
        value = left
        for _ in range(products):
            value = tf.matmul(value, right)
        return value

    seconds = median_seconds(lambda: multiply()[0, 0].numpy(), 5)
    return {"matmul_tflops": products * 2 * size**3 / seconds / 1e12}


def median_seconds(work, runs):
    """Returns the median time of ``work`` after three runs of warming up."""
    for _ in range(3):
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def step(arguments):
    """Returns times and memory of one size, length and way to compile."""
    import tensorflow as tf

    import albert
    from albert.training import distribution
    from albert.training.loop import TrainingLoop
    from albert.training.losses import PretrainingObjective
    from albert.training.optimizers import Lamb

    config = albert.AlbertConfig.named(arguments.size)
    strategy = distribution.get_strategy("one_device")
    with strategy.scope():
        model = albert.AlbertPretrainer(config, dtype="mixed_bfloat16")
        optimizer = Lamb(1e-4)
        optimizer.build(model.trainable_variables)
    loop = TrainingLoop(
        model,
        optimizer,
        PretrainingObjective(),
        strategy,
        jit_compile=arguments.jit_compile,
    )
    encode = tf.function(
        lambda inputs: model.encoder(inputs)["sequence_output"][0, 0, 0],
        jit_compile=arguments.jit_compile,
    )
    gpus = tf.config.list_physical_devices("GPU")

    def measure(batch):
        records = pretraining_batch(
            config.vocab_size, batch, arguments.length, PREDICTIONS
        )
        dataset = tf.data.Dataset.from_tensors(records).repeat()
        iterator = iter(loop.distribute(dataset))
        tensors = {name: tf.constant(value) for name, value in records.items()}
        if gpus:
            tf.config.experimental.reset_memory_stats("GPU:0")
        start = time.perf_counter()
        loop.train(iterator, 1)
        first = time.perf_counter() - start
        train = median_seconds(lambda: loop.train(iterator, 5), 3) / 5
        memory = (
            tf.config.experimental.get_memory_info("GPU:0")["peak"]
            if gpus
            else 0
        )
        seconds = median_seconds(lambda: encode(tensors).numpy(), 5)
        return {
            "batch": batch,
            "first_step_s": first,
            "train_s": train,
            "train_sequences_per_s": batch / train,
            "train_tflops": batch
            * training_flops(config, arguments.length, PREDICTIONS)
            / train
            / 1e12,
            "peak_memory_gb": memory / 1e9,
            "encode_s": seconds,
            "encode_sequences_per_s": batch / seconds,
        }

    results = {"usual": measure(arguments.batch)}
    if arguments.total_memory_gb:
        used = results["usual"]["peak_memory_gb"]
        fits = FILLED * arguments.total_memory_gb / used * arguments.batch
        largest = int(fits) // 32 * 32
        if largest > arguments.batch:
            try:
                results["largest"] = measure(largest)
            except tf.errors.ResourceExhaustedError:
                results["largest"] = {"batch": largest, "error": "no memory"}
    return results


def step_cases(arguments):
    """Returns the flags of each ``step``, by the name of its results."""
    cases = [
        (size, length, jit_compile)
        for size in ("base", "large")
        for jit_compile in (False, True)
        for length in (128, 512)
    ]
    if arguments.quick:
        cases = [("tiny", 32, False), ("tiny", 32, True)]
    named = {}
    for size, length, jit_compile in cases:
        batch = 4 if arguments.quick else 128 * 128 // length
        words = [f"--size={size}", f"--length={length}", f"--batch={batch}"]
        if jit_compile:
            words.append("--jit_compile")
        named[f"{size}_{length}{'_jit_compile' * jit_compile}"] = words
    return named


# ---------------------------------------------------------------- whole runs


def command(*words):
    """Runs a recipe of this project."""
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{os.getenv('PYTHONPATH')}"},
        stdout=sys.stderr,
    )


def succeed(*words):
    """Runs a recipe of this project to its end."""
    code = command(*words).wait()
    if code:
        raise RuntimeError(f"{words[0]} ended with status {code}")


def make_records(folder):
    """Makes a vocabulary, and records of the sample text."""
    succeed(
        "data/create_vocabulary.py",
        "--input_file=data/sample/train/*.txt",
        f"--output_prefix={folder}/vocabulary",
        "--vocab_size=4000",
    )
    for split, passes in (("train", 10), ("eval", 1)):
        succeed(
            "data/create_pretraining_data.py",
            f"--input_file=data/sample/{split}/*.txt",
            f"--output_file={folder}/{split}.tfrecord",
            f"--spm_model_file={folder}/vocabulary.model",
            "--max_seq_length=64",
            "--max_predictions_per_seq=10",
            f"--dupe_factor={passes}",
        )


def pretraining_command(arguments, output, *more):
    """Returns the command that pretrains on the sample text."""
    folder = arguments.folder
    return (
        "run_pretraining.py",
        f"--input_file={folder}/train.tfrecord",
        f"--output_dir={output}",
        f"--train_batch_size={8 if arguments.quick else 64}",
        *more,
    )


def pretraining(arguments):
    """Pretrains on the sample; returns the evaluation and the time."""
    folder = arguments.folder
    make_records(folder)
    count = 4 if arguments.quick else 3000
    output = f"{folder}/mini"
    start = time.perf_counter()
    succeed(
        *pretraining_command(
            arguments,
            output,
            f"--eval_input_file={folder}/eval.tfrecord",
            f"--model_size={'tiny' if arguments.quick else 'mini'}",
            f"--num_train_steps={count}",
            f"--save_checkpoints_steps={max(2, count // 4)}",
            "--steps_per_loop=100",
            "--dtype=bfloat16",
            "--jit_compile",
            *(["--max_eval_steps=1"] if arguments.quick else []),
        )
    )
    with open(f"{output}/eval_results.json", encoding="utf-8") as file:
        results = json.load(file)
    return {
        "steps": count,
        "seconds": time.perf_counter() - start,
        "evaluation": results,
        "left_the_plateau": results["masked_lm_loss"]
        < results["baseline"]["masked_lm_loss"] - 0.3,
    }


def restart(arguments):
    """Kills a run and starts it again; compares it with one left alone."""
    import numpy as np

    from albert.interchange import tensor_bundle

    folder = arguments.folder
    if not os.path.exists(f"{folder}/train.tfrecord"):
        make_records(folder)
    count, saved = (40, 5) if arguments.quick else (200, 50)
    options = (
        "--model_size=tiny",
        f"--num_train_steps={count}",
        f"--save_checkpoints_steps={saved}",
        "--deterministic",
    )
    alone, killed = f"{folder}/alone", f"{folder}/killed"
    succeed(*pretraining_command(arguments, alone, *options))
    words = pretraining_command(arguments, killed, *options)
    process = command(*words)
    while process.poll() is None and not glob.glob(
        f"{killed}/model.ckpt-*.index"
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    at = tensor_bundle.steps(killed)
    if at[-1] == count:
        raise RuntimeError("the run ended before it was killed")
    succeed(*words)
    one, other = (
        tensor_bundle.read(tensor_bundle.step_prefix(path, count))
        for path in (alone, killed)
    )
    largest = max(
        float(np.max(np.abs(np.float64(one[name]) - np.float64(other[name]))))
        for name in one
        if np.asarray(one[name]).dtype.kind == "f"
    )
    return {"killed_after_step": at[-1], "largest_difference": largest}


# ----------------------------------------------------------------- all of it


def run_part(arguments, name, more=()):
    """Runs a part in a process of its own; returns its results or its error."""
    # A slow machine may take its time to show that the program works.
    limit = None if arguments.quick else PARTS.get(name, PARTS["steps"])
    words = [
        sys.executable,
        __file__,
        f"--part={name}",
        f"--folder={arguments.folder}",
        f"--total_memory_gb={arguments.total_memory_gb}",
        *(["--quick"] if arguments.quick else []),
        *more,
    ]
    try:
        done = subprocess.run(
            words, stdout=subprocess.PIPE, timeout=limit, check=True
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done in {limit} s"}
    except subprocess.CalledProcessError as error:
        return {"error": f"status {error.returncode}"}
    return json.loads(done.stdout.splitlines()[-1])


def about():
    """Returns what is measured: the card and the versions."""
    words = [
        "nvidia-smi",
        "--query-gpu=name,driver_version,memory.total",
        "--format=csv,noheader,nounits",
    ]
    try:
        found = subprocess.run(words, capture_output=True, text=True).stdout
    except OSError:
        found = ""
    name, driver, memory = (found.split("\n")[0].split(", ") + [""] * 3)[:3]
    return {
        "card": name,
        "driver": driver,
        "memory_gb": float(memory or 0) * 2**20 / 1e9,
    }


def versions(arguments):
    """Returns the versions, and the devices that TensorFlow sees."""
    import keras
    import tensorflow as tf

    return {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "gpus": [
            tf.config.experimental.get_device_details(gpu)
            for gpu in tf.config.list_physical_devices("GPU")
        ],
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--output", default="gpu.json")
    parser.add_argument("--folder", default="gpu_run")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--size", help=argparse.SUPPRESS)
    parser.add_argument("--length", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--jit_compile", action="store_true")
    parser.add_argument("--total_memory_gb", type=float, default=0.0)
    arguments = parser.parse_args()
    arguments.folder = os.path.abspath(arguments.folder)
    if arguments.part:
        # As the commands do: with the settings of XLA that they use.
        command_line.load_tensorflow()
        print(json.dumps(globals()[arguments.part](arguments)), flush=True)
        return
    if os.path.exists(arguments.folder):
        parser.error(f"{arguments.folder} is there: give another --folder")
    results = about()
    arguments.total_memory_gb = results["memory_gb"]
    results |= run_part(arguments, "versions")
    parts = [(name, name, ()) for name in arguments.parts.split(",")]
    if "steps" in arguments.parts:
        parts = [part for part in parts if part[0] != "steps"] + [
            (case, "step", words)
            for case, words in step_cases(arguments).items()
        ]
    for name, part, words in parts:
        start = time.perf_counter()
        results[name] = run_part(arguments, part, words)
        results[name]["seconds_in_all"] = time.perf_counter() - start
        with open(arguments.output, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
        print(name, json.dumps(results[name]), flush=True)


if __name__ == "__main__":
    main()
