# SPDX-License-Identifier: Apache-2.0
"""What tests share: weights, commands that are run, what they leave."""

import contextlib
import gc
import importlib.util
import io
import json
import logging
import os
import pathlib
import random
import resource
import signal
import subprocess
import sys
import textwrap
import threading

import hypothesis
import numpy as np
import pytest
from absl import flags

from albert import command_line

ROOT = pathlib.Path(__file__).parents[1]
SPM = (
    pathlib.Path(__file__).parent / "golden" / "tokenization" / "spm2000.model"
)
# By head, what a directory says of its task.
TASKS_OF_HEADS = {
    "classification": {"labels": ["bird", "cat", "dog"]},
    "multi_label": {
        "labels": ["bird", "cat", "dog"],
        "thresholds": [0.0, 1.0, 0.0],
        "label_separator": " / ",
    },
    "regression": {"labels": []},
    "multiple_choice": {"labels": ["A", "B", "C"], "max_qa_length": 17},
    "token_classification": {"labels": ["O", "B-PER", "I-PER"]},
    "span_v1": {"labels": None, "version_2_with_negative": False},
    "span_v2": {"labels": None, "version_2_with_negative": True},
}

# Where `make` is at work, commands print none that could come next.
os.environ.pop("MAKELEVEL", None)

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile(
    "albert",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("albert")


def pytest_collection_finish():
    """Takes what all modules import out of the search for garbage.

    It is there to the end: hundreds of thousands of objects, which each search
    would go through again, and there are thousands.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _graphs_of_a_module_are_freed():
    """Keeps hundreds of models in one process from filling the memory.

    TensorFlow registers the gradient of each ``tf.custom_gradient`` that is
    traced, by a new name, for ever, and with it the whole graph: about 20 MB
    for a small model that is trained and evaluated.
    """
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import ops

        registry = ops.gradient_registry._registry
        for name in list(registry):
            if name.startswith("CustomGradient-"):
                del registry[name]
    gc.collect()


def _seed():
    # Keras draws the seeds of initializers from here, at every call.
    random.seed(20211)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(20211)


@pytest.fixture(scope="module", autouse=True)
def _weights_of_a_module_are_the_same_in_every_run():
    _seed()


@pytest.fixture(autouse=True)
def _weights_are_the_same_in_every_run():
    """A test that passes today passes tomorrow, alone and among others."""
    _seed()


@pytest.fixture
def weights_without_values():
    """Models that are made meanwhile have shapes alone, whatever their size."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        yield
    # Or the end of the next such scope, within Keras, would draw them.
    keras.utils.clear_session(free_memory=False)


@pytest.fixture(scope="session")
def small_config():
    """Configuration of a model that a run trains in seconds.

    Tests add what they need.
    """
    return {
        "vocab_size": 2000,
        "embedding_size": 6,
        "hidden_size": 22,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 26,
        "max_position_embeddings": 128,
    }


@pytest.fixture(scope="session")
def models(tmp_path_factory, small_config):
    """Function of a head to a model directory, made at its first use."""
    import albert
    from albert import model_directory
    from albert.heads import HEADS
    from albert.heads import make_model

    config = albert.AlbertConfig(**small_config, initializer_range=0.3)
    made = {}

    def find(head):
        if head not in made:
            made[head] = tmp_path_factory.mktemp("models") / head
            made[head].mkdir()
            model_directory.write_description(
                made[head], config, albert.Tokenizer(SPM)
            )
            model = make_model(
                head,
                config,
                len(TASKS_OF_HEADS.get(head, {}).get("labels") or ()) or 1,
            )
            albert.save_weights(model, made[head] / "model.ckpt-3")
            if head in TASKS_OF_HEADS:
                row = HEADS[head]
                task = {
                    "task_name": None,
                    "kind": row.task_kind,
                    "head": row.version,
                    "max_seq_length": 29,
                    "doc_stride": 7,
                    "max_query_length": 11,
                    **TASKS_OF_HEADS[head],
                }
                (made[head] / "task.json").write_text(json.dumps(task))
        return made[head]

    return find


@pytest.fixture
def pipe_of():
    """Function of bytes to the path of a pipe that gives them, as a shell's."""
    threads = []
    # The reading ends are closed first, which ends the writing.
    with contextlib.ExitStack() as stack:

        def make(content):
            reading, writing = os.pipe()
            stack.callback(os.close, reading)

            def write():
                with (
                    contextlib.suppress(BrokenPipeError),
                    open(writing, "wb") as stream,
                ):
                    stream.write(content)

            thread = threading.Thread(target=write)
            thread.start()
            threads.append(thread)
            return f"/dev/fd/{reading}"

        yield make
    for thread in threads:
        thread.join()


@pytest.fixture(scope="session")
def without_gradients():
    """Context manager in which trainings compute none.

    They draw their batches, and step along one variable: the first step of one
    takes seconds, which what is done before, between and after steps does not
    need.
    """

    def make_steps(loop, iterator, steps, num_layers=None):
        for _ in range(steps):
            next(iterator)
        rate = float(loop.optimizer.learning_rate)
        variable = loop.model.trainable_variables[0]
        variable.assign(variable + rate * steps)
        loop.optimizer.iterations.assign_add(steps)
        loop.stopped = False
        return {name: np.ones(steps, "float32") for name in loop.history_names}

    @contextlib.contextmanager
    def replaced():
        from albert.training.loop import TrainingLoop

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TrainingLoop, "train", make_steps)
            yield

    return replaced


@pytest.fixture
def steps_without_gradients(without_gradients):
    """A test in that context."""
    with without_gradients():
        yield


# ------------------------------------------------------------------- running


@pytest.fixture(scope="session")
def load_recipe():
    """Function of a recipe's path in the repository to a module."""

    def load(path):
        specification = importlib.util.spec_from_file_location(
            "recipe", ROOT / path
        )
        recipe = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(recipe)
        return recipe

    return load


@pytest.fixture(scope="session")
def call_recipe(load_recipe):
    """Function that calls a recipe's main, whose errors reach the test."""

    def call(path, *arguments):
        recipe = load_recipe(path)
        flag_values = flags.FlagValues()
        recipe.define_flags(flag_values)
        flag_values([path, *map(str, arguments)])
        recipe.main(flag_values)

    return call


@pytest.fixture(scope="session")
def run_main():
    """Function that runs a command's main as its script does.

    It runs in this process, and gives (exit status, stdout, stderr).
    """

    def run(main, define_flags, *arguments, positional=(), name="command"):
        handlers = list(logging.getLogger().handlers)
        printed, errors = io.StringIO(), io.StringIO()
        code = 0
        with (
            pytest.MonkeyPatch.context() as patch,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(errors),
        ):
            patch.setattr(flags, "FLAGS", flags.FlagValues())
            patch.setattr(sys, "argv", [name, *map(str, arguments)])
            try:
                command_line.run(main, define_flags, positional)
            except SystemExit as error:
                code = error.code
            finally:
                logging.getLogger().handlers[:] = handlers
        return code, printed.getvalue(), errors.getvalue()

    return run


@pytest.fixture(scope="session")
def run_command(load_recipe, run_main):
    """Function that runs a recipe: (exit status, stdout, stderr)."""

    def run(path, *arguments):
        recipe = load_recipe(path)
        return run_main(
            recipe.main, recipe.define_flags, *arguments, name=str(path)
        )

    return run


@pytest.fixture(scope="session")
def run_module(run_main):
    """Function that runs a command of the package: as ``run_main``."""

    def run(module, *arguments):
        return run_main(
            module.main,
            module.define_flags,
            *arguments,
            positional=module.POSITIONAL,
        )

    return run


@pytest.fixture(scope="session")
def run_process():
    """Function that runs Python in a process of its own, to its end.

    It runs at the top of the repository, and gives what ``subprocess.run``
    does, with the output as text.
    """

    def run(*arguments):
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


# The module of a test is ``t`` there.
TWO_DEVICES = """
import importlib.util
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
spec = importlib.util.spec_from_file_location("t", {!r})
t = importlib.util.module_from_spec(spec)
spec.loader.exec_module(t)
"""


@pytest.fixture(scope="session")
def run_on_two_devices(run_process):
    """Function that runs Python on two logical CPUs, and gives what it prints.

    In a process of its own, as these are fixed when TensorFlow starts. The
    module of the file that is given is ``t`` there.
    """

    def run(file, code):
        script = TWO_DEVICES.format(file) + textwrap.dedent(code)
        done = run_process("-c", script)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def assert_refused():
    """Function of what a run gave and of words that its one error has."""

    def check(code, printed, errors, words, **names):
        assert code == 2, errors
        assert printed == ""
        *log, last = errors.splitlines()
        assert last.startswith("error: ")
        assert not any(line.startswith("error: ") for line in log)
        assert "Traceback" not in errors
        for word in words:
            assert word.format(**names) in last

    return check


@pytest.fixture(scope="session")
def time_limit():
    """Context manager in which what waits for ever fails after a minute.

    No answer takes a tenth of it. ``pytest.fail.Exception`` is no
    ``Exception``: a program that catches those, or ``OSError``, which a
    ``TimeoutError`` is, does not take it for a fault of the file.
    """

    def give_up(*_):
        pytest.fail("no answer within a minute")

    @contextlib.contextmanager
    def limit():
        before = signal.signal(signal.SIGALRM, give_up)
        signal.alarm(60)
        try:
            yield
        finally:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, before)

    return limit


@pytest.fixture(scope="session")
def limit_file_size():
    """Context manager in which no file of this process can be larger."""

    @contextlib.contextmanager
    def limit(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limit


# --------------------------------------------------------- what commands leave


@pytest.fixture(scope="session")
def contents():
    """Function of a directory to what is in it.

    It gives path to bytes of every file, or to None of every folder; of what
    is no directory, its bytes, or None where there is nothing.
    """

    def read(directory):
        if not directory.is_dir():
            return directory.read_bytes() if directory.exists() else None
        return {
            str(path.relative_to(directory)): path.read_bytes()
            if path.is_file()
            else None
            for path in directory.rglob("*")
        }

    return read


@pytest.fixture(scope="session")
def assert_same_tensors():
    """Function of two checkpoints, which must be equal in every bit."""

    def check(one, two):
        from albert.interchange import tensor_bundle

        one, two = tensor_bundle.read(one), tensor_bundle.read(two)
        assert one.keys() == two.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], two[name], name)

    return check
