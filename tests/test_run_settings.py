# SPDX-License-Identifier: Apache-2.0
"""Runs that may go on in a model directory, and those that may not."""

import errno
import subprocess
import sys

import pytest

import albert
from albert import model_directory
from albert import run_settings
from albert import workspaces
from albert.errors import UserError

SETTINGS = {"train_batch_size": 7, "learning_rate": 0.003}


@pytest.fixture
def config():
    return albert.AlbertConfig.named("tiny", vocab_size=2000)


def start(directory, config, tokenizer=None, settings=SETTINGS):
    with run_settings.held(directory):
        run_settings.write(directory, config, tokenizer, settings)


def test_same_run_and_new_directory_pass(tmp_path, config):
    run_settings.check(tmp_path / "new", config, SETTINGS)
    run_settings.check(tmp_path, config, SETTINGS)
    start(tmp_path, config)
    run_settings.check(tmp_path, config, SETTINGS)
    # Killed before the configuration was written.
    (tmp_path / model_directory.CONFIG_FILE).unlink()
    run_settings.check(tmp_path, config, SETTINGS)


def test_other_settings_are_all_named(tmp_path, config):
    start(tmp_path, config)
    other = albert.AlbertConfig.named("mini", vocab_size=2000)
    with pytest.raises(UserError) as caught:
        run_settings.check(tmp_path, other, SETTINGS | {"train_batch_size": 11})
    for words in (
        "num_hidden_layers 2 there, 6 here",
        "train_batch_size 7 there, 11 here",
        "--output_dir",
    ):
        assert words in str(caught.value)
    assert "learning_rate" not in str(caught.value)


def test_of_counts_only_those_that_differ_are_named(tmp_path, config):
    counts = {"pairs": 296, "long_source": 0, "long_target": 4}
    start(tmp_path, config, settings=SETTINGS | {"training_pairs": counts})
    for other, words in (
        (counts | {"long_source": 3}, "training_pairs: long_source 0 there, 3"),
        ({"pairs": 296}, "training_pairs {'pairs': 296, "),
    ):
        with pytest.raises(UserError) as caught:
            run_settings.check(
                tmp_path, config, SETTINGS | {"training_pairs": other}
            )
        assert words in str(caught.value)
    assert "pairs 296" not in str(caught.value)


@pytest.mark.parametrize(
    ("there", "here"),
    [("learned", "relative_bias"), ("sinusoidal", "learned")],
)
def test_other_positions_are_another_run(tmp_path, there, here):
    configs = {
        variant: albert.AlbertConfig.named("tiny", position_embedding=variant)
        for variant in (there, here)
    }
    start(tmp_path, configs[there])
    run_settings.check(tmp_path, configs[there], SETTINGS)
    words = f"position_embedding '{there}' there, '{here}' here"
    with pytest.raises(UserError, match=words):
        run_settings.check(tmp_path, configs[here], SETTINGS)


def test_model_of_someone_else_is_not_overwritten(tmp_path, config):
    config.to_json(tmp_path / model_directory.CONFIG_FILE)
    with pytest.raises(UserError, match="--init_checkpoint"):
        run_settings.check(tmp_path, config, SETTINGS)


def test_a_run_of_before_goes_on_without_the_settings_of_now(tmp_path, config):
    start(tmp_path, config)
    unsaid = run_settings._UNSAID
    run_settings.check(tmp_path, config, SETTINGS | unsaid)
    scale = {"embedding_learning_rate_scale": 0.5}
    with pytest.raises(UserError, match="scale 1.0 there, 0.5 here"):
        run_settings.check(tmp_path, config, SETTINGS | scale)


@pytest.mark.parametrize("content", ["", "{", "[1]", "\ufeff\x00"])
def test_damaged_run_file(tmp_path, config, content):
    start(tmp_path, config)
    (tmp_path / model_directory.RUN_FILE).write_text(content)
    with pytest.raises(UserError, match=model_directory.RUN_FILE):
        run_settings.check(tmp_path, config, SETTINGS)


def test_one_process_at_a_time(tmp_path, config):
    program = (
        "import sys\n"
        "from albert import run_settings\n"
        "with run_settings.held(sys.argv[1]):\n"
        "    print('started', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"started\n"
    with pytest.raises(UserError, match="another process is training"):
        start(tmp_path, config)
    lock = tmp_path / ".training.lock"
    assert list(tmp_path.iterdir()) == [lock]
    process.kill()
    process.communicate()
    start(tmp_path, config)
    assert not lock.exists()
    assert (tmp_path / model_directory.RUN_FILE).exists()


def test_without_locks_it_is_said(tmp_path, config, monkeypatch, caplog):
    start(tmp_path, config)
    assert not caplog.messages

    def fail(descriptor, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(workspaces.fcntl, "flock", fail)
    with run_settings.held(tmp_path / "new"):
        pass
    assert "new: this file system has no locks: " in caplog.text
    assert not (tmp_path / "new").exists()
