#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks and times this project's ALBERT on one GPU, in a few minutes.

    python benchmarks/gpu.py --output=gpu.json

Each part has a process of its own, so that the others keep their results when
it fails: `goldens` (numbers of the original, with TensorFloat-32 off and
on), `peak` (the card's rate of bfloat16 matrix products), `steps` (training
steps and encoding of base and large, with and without XLA), `pretraining` (the
sample text, until the masked-LM loss has left that of word frequencies) and
`restart` (a run that is killed ends with the weights of one that is not). What
is not timed runs first, together; then one part after the other, those worth
most before the others. The JSON file is written anew after each result. After
`--seconds` nothing begins, and what runs is stopped. `--quick` takes tiny
sizes: it shows that the program works, also on a CPU, and measures nothing.
"""

import argparse
import contextlib
import glob
import json
import math
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
LIMITS = {
    "versions": 90,
    "goldens": 120,
    "restart": 180,
    "peak": 60,
    "steps": 150,
    "pretraining": 200,
}
PARTS = ("goldens", "peak", "steps", "pretraining", "restart")
# Those that are not timed, at the same time.
TOGETHER = ("versions", "goldens", "restart")
TIMED = (
    "peak",
    "base_128",
    "base_128_jit_compile",
    "base_512",
    "large_128",
    "pretraining",
    "large_512",
    "base_512_jit_compile",
    "large_128_jit_compile",
    "large_512_jit_compile",
)
TIMED_QUICKLY = ("peak", "tiny_32", "tiny_32_jit_compile", "pretraining")
# Measured with the largest batch as well, where there is time.
FILLING = ("base_128", "large_128", "base_512", "large_512")


def report(results):
    """Prints what is known so far: the last line counts."""
    print(json.dumps(results), flush=True)


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
            report(results)
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

    seconds = median_seconds(lambda: multiply()[0, 0].numpy(), 5, 3)
    return {"matmul_tflops": products * 2 * size**3 / seconds / 1e12}


def median_seconds(work, runs, warming=1):
    """Returns the median time of ``work`` after runs of warming up."""
    for _ in range(warming):
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def step(arguments):
    """Returns times and memory of one size, length, batch, way to compile."""
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
    batch, steps = arguments.batch, arguments.steps
    records = pretraining_batch(
        config.vocab_size, batch, arguments.length, PREDICTIONS
    )
    dataset = tf.data.Dataset.from_tensors(records).repeat()
    iterator = iter(loop.distribute(dataset))
    tensors = {name: tf.constant(value) for name, value in records.items()}
    results = {"batch": batch}
    try:
        start = time.perf_counter()
        loop.train(iterator, 1)
        results["first_step_s"] = time.perf_counter() - start
        report(results)
        train = median_seconds(lambda: loop.train(iterator, steps), 3) / steps
        flops = training_flops(config, arguments.length, PREDICTIONS)
        results |= {
            "train_s": train,
            "train_sequences_per_s": batch / train,
            "train_tflops": batch * flops / train / 1e12,
        }
        if tf.config.list_physical_devices("GPU"):
            memory = tf.config.experimental.get_memory_info("GPU:0")
            results["peak_memory_gb"] = memory["peak"] / 1e9
        report(results)
        start = time.perf_counter()
        encode(tensors).numpy()
        results["first_encode_s"] = time.perf_counter() - start
        seconds = median_seconds(lambda: encode(tensors).numpy(), 5)
        results["encode_s"] = seconds
        results["encode_sequences_per_s"] = batch / seconds
    except tf.errors.ResourceExhaustedError:
        results["error"] = "no memory"
    return results


def step_flags(name, **changes):
    """Returns the flags of ``step``, as the name of its results says."""
    size, length, *compiled = name.split("_", 2)
    flags = {
        "size": size,
        "length": length,
        "batch": 4 if size == "tiny" else 128 * 128 // int(length),
        **changes,
    }
    words = [f"--{flag}={value}" for flag, value in flags.items()]
    return [*words, *(f"--{flag}" for flag in compiled)]


def largest_batch(memory_gb, result):
    """Returns the batch that fills the card, or None if it is no larger."""
    used = result.get("peak_memory_gb")
    if not used:
        return None
    fits = FILLED * memory_gb / used * result["batch"]
    batch = int(fits) // 32 * 32
    return batch if batch > result["batch"] else None


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
    """Makes a vocabulary, and records of the sample text, if there are none."""
    if os.path.exists(f"{folder}/eval.tfrecord"):
        return
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
    make_records(folder)
    count, saved = (40, 5) if arguments.quick else (200, 50)
    options = (
        "--model_size=tiny",
        f"--num_train_steps={count}",
        f"--save_checkpoints_steps={saved}",
        "--deterministic",
    )
    alone, killed = f"{folder}/alone", f"{folder}/killed"
    beside = command(*pretraining_command(arguments, alone, *options))
    words = pretraining_command(arguments, killed, *options)
    process = command(*words)
    while process.poll() is None and not glob.glob(
        f"{killed}/model.ckpt-*.index"
    ):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    if process.wait() >= 0:
        raise RuntimeError(f"the run ended with status {process.returncode}")
    at = tensor_bundle.steps(killed)
    if at[-1] == count:
        raise RuntimeError("the run ended before it was killed")
    succeed(*words)
    if beside.wait():
        raise RuntimeError(f"the run ended with status {beside.returncode}")
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


def kill(process):
    """Ends a part and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def started(arguments, part, words=()):
    """Starts a part in a process of its own, which the context ends."""
    environment = dict(os.environ)
    if part in TOGETHER:
        # Else the first one takes all memory of the card.
        environment["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    process = subprocess.Popen(
        [
            sys.executable,
            __file__,
            f"--part={part}",
            f"--folder={arguments.folder}",
            *(["--quick"] if arguments.quick else []),
            *words,
        ],
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)
        process.wait()


def results_of(process, limit):
    """Returns what a part has reported, and its error if it has failed."""
    error = {}
    try:
        output, _ = process.communicate(timeout=limit)
        if process.returncode:
            error = {"error": f"status {process.returncode}"}
    except subprocess.TimeoutExpired:
        kill(process)
        output, _ = process.communicate()
        error = {"error": f"not done in {limit:.3g} s"}
    lines = output.splitlines()
    return (json.loads(lines[-1]) if lines else {}) | error


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
    parser.add_argument("--seconds", type=float, default=math.inf)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--size", help=argparse.SUPPRESS)
    parser.add_argument("--length", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=5, help=argparse.SUPPRESS)
    parser.add_argument(
        "--jit_compile", action="store_true", help=argparse.SUPPRESS
    )
    arguments = parser.parse_args()
    arguments.folder = os.path.abspath(arguments.folder)
    if arguments.part:
        # As the commands do: with the settings of XLA that they use.
        command_line.load_tensorflow()
        report(globals()[arguments.part](arguments))
        return
    if os.path.exists(arguments.folder):
        parser.error(f"{arguments.folder} is there: give another --folder")
    begun = time.perf_counter()
    results = about()
    wanted = ["versions", *arguments.parts.split(",")]

    def limit(name):
        """Returns the seconds that a part may take from now on."""
        left = begun + arguments.seconds - time.perf_counter()
        if arguments.quick:
            # A slow machine may take its time to show that the program works.
            return None if math.isinf(left) else max(left, 0)
        return max(0, min(left, LIMITS.get(name, LIMITS["steps"])))

    def keep(name, found, start):
        found["seconds_in_all"] = time.perf_counter() - start
        results[name] = found
        with open(arguments.output, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1)
        print(name, json.dumps(found), flush=True)

    def measure(name, part, words=()):
        start = time.perf_counter()
        if limit(name) == 0:
            left_out = f"not begun in {arguments.seconds:g} s"
            return keep(name, {"left_out": left_out}, start)
        with started(arguments, part, words) as process:
            keep(name, results_of(process, limit(name)), start)

    with contextlib.ExitStack() as stack:
        start = time.perf_counter()
        processes = {
            name: stack.enter_context(started(arguments, name))
            for name in TOGETHER
            if name in wanted
        }
        for name, process in processes.items():
            keep(name, results_of(process, limit(name)), start)
    for name in TIMED_QUICKLY if arguments.quick else TIMED:
        if name in wanted:
            measure(name, name)
        elif name not in PARTS and "steps" in wanted:
            measure(name, "step", step_flags(name))
    for name in FILLING:
        batch = largest_batch(results["memory_gb"], results.get(name, {}))
        if batch:
            flags = step_flags(name, batch=batch, steps=1)
            measure(f"{name}_largest", "step", flags)


if __name__ == "__main__":
    main()
