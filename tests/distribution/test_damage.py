# SPDX-License-Identifier: Apache-2.0
"""Damaged checkpoints and full disks: the last good checkpoint counts."""

import json
import os
import resource
import shutil

import keras
import numpy as np
import pytest

import albert
from albert.interchange import tensor_bundle
from albert.training import optimizers
from albert.training.checkpoints import TrainingCheckpoints

FLAGS = [
    "--num_train_steps=6",
    "--save_checkpoints_steps=2",
    "--steps_per_loop=2",
]


@pytest.fixture(scope="module")
def checkpoints_of(inputs):
    """Function of a directory to its ``TrainingCheckpoints``."""
    keras.utils.set_random_seed(1)
    model = albert.AlbertPretrainer(
        albert.AlbertConfig.from_json(inputs / "config.json")
    )
    optimizer = optimizers.Lamb(0.01)
    optimizer.build(model.trainable_variables)

    def make(folder, keep=5):
        return TrainingCheckpoints(folder, model, optimizer, keep)

    return make


@pytest.fixture
def saved(checkpoints_of, tmp_path):
    """A directory with checkpoints of steps 4 and 6, which differ."""
    checkpoints = checkpoints_of(tmp_path)
    bias = checkpoints.model.masked_lm.output_bias
    for step in (4, 6):
        checkpoints.optimizer.iterations.assign(step)
        bias.assign(np.full(bias.shape, step))
        checkpoints.save(best=None, evaluated=True)
    return tmp_path


@pytest.fixture(scope="module")
def trained(pretraining, module_launcher, tmp_path_factory):
    """A run's directory: checkpoints 2, 4 and 6; not to be changed."""
    out = tmp_path_factory.mktemp("trained") / "model"
    module_launcher.start(*pretraining(out, *FLAGS)).succeed()
    assert tensor_bundle.steps(out) == [2, 4, 6]
    return out


@pytest.fixture
def out(trained, tmp_path):
    """A copy of it."""
    return shutil.copytree(trained, tmp_path / "model")


def file_of(folder, step, kind):
    suffix = {"data": "data-00000-of-00001", "index": "index"}[kind]
    return folder / f"model.ckpt-{step}.{suffix}"


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0x10
    path.write_bytes(content)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


DAMAGES = {
    "truncated": lambda path: cut(path, path.stat().st_size // 2),
    "shorter by one byte": lambda path: cut(path, path.stat().st_size - 1),
    "empty": lambda path: cut(path, 0),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "flipped": lambda path: flip(path, path.stat().st_size // 3),
    "missing": lambda path: path.unlink(),
}


@pytest.mark.parametrize("kind", ["data", "index"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_it_is_taken(
    saved, checkpoints_of, caplog, kind, damage
):
    DAMAGES[damage](file_of(saved, 6, kind))
    checkpoints = checkpoints_of(saved)
    with caplog.at_level("WARNING", logger="absl"):
        progress = checkpoints.restore()
    assert progress.restored and checkpoints.step == 4
    assert (checkpoints.model.masked_lm.output_bias.numpy() == 4.0).all()
    # Without its index there is no checkpoint that could be damaged.
    if (kind, damage) != ("index", "missing"):
        (line,) = caplog.messages
        assert f"{saved}/model.ckpt-6: not a readable checkpoint" in line
        assert line.endswith("Trying the one before it.")


def test_a_damaged_one_is_not_kept_instead(saved, checkpoints_of):
    """What is saved next is older by its step, and must not go for that."""
    DAMAGES["truncated"](file_of(saved, 6, "data"))
    checkpoints = checkpoints_of(saved, keep=1)
    assert checkpoints.restore().restored
    checkpoints.optimizer.iterations.assign(5)
    data = file_of(saved, 6, "data").read_bytes()
    checkpoints.save(best=None, evaluated=False)
    assert tensor_bundle.steps(saved) == [5]
    aside = saved / "damaged-model.ckpt-6.data-00000-of-00001"
    assert aside.read_bytes() == data
    assert checkpoints_of(saved).restore().restored
    assert checkpoints.step == 5


@pytest.mark.parametrize("kind", ["data", "index"])
def test_no_flipped_bit_goes_unnoticed(saved, kind):
    path = file_of(saved, 6, kind)
    whole = tensor_bundle.read(saved / "model.ckpt-6")
    good = path.read_bytes()
    noticed = 0
    positions = range(0, len(good), max(1, len(good) // 97))
    for position in positions:
        flip(path, position)
        try:
            tensors = tensor_bundle.read(saved / "model.ckpt-6")
        except albert.UserError:
            noticed += 1
        else:  # a byte that means nothing, such as padding
            assert tensors.keys() == whole.keys(), position
            for name, value in whole.items():
                assert np.array_equal(tensors[name], value), (position, name)
        path.write_bytes(good)
    assert noticed > 0.9 * len(positions)


@pytest.mark.slow
def test_a_damaged_checkpoint_is_replaced(
    trained, out, pretraining, launcher, assert_same_tensors
):
    DAMAGES["truncated"](file_of(out, 6, "data"))
    output = launcher.start(*pretraining(out, *FLAGS)).succeed()
    assert "warning: " in output and "Trying the one before it." in output
    assert "continuing at step 4 of 6" in output
    for name in ("model.ckpt-6", "model.ckpt-best"):
        assert_same_tensors(out / name, trained / name)


@pytest.mark.slow
def test_all_are_damaged(out, pretraining, launcher):
    for step, damage in ((2, "empty"), (4, "flipped"), (6, "truncated")):
        DAMAGES[damage](file_of(out, step, "data"))
    before = contents(out)
    line = launcher.start(*pretraining(out, *FLAGS)).refusal()
    assert f"{out}: none of its 3 checkpoints is readable" in line
    assert contents(out) == before


@pytest.mark.slow
def test_a_full_disk(trained, out, pretraining, launcher, assert_same_tensors):
    """As far as a process can tell: no file may become as large as that."""
    for step in (4, 6):
        tensor_bundle.remove(tensor_bundle.step_prefix(out, step))
    limit = file_of(trained, 6, "data").stat().st_size - 100

    def limit_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = pretraining(out, *FLAGS)
    line = launcher.start(*command, preexec_fn=limit_files).refusal()
    assert f"{out}: step 4 cannot be saved (" in line
    assert "make room there" in line
    assert "the same command continues" in line
    assert tensor_bundle.steps(out) == [2]
    assert not [name for name in os.listdir(out) if "incomplete" in name]
    assert_same_tensors(out / "model.ckpt-2", trained / "model.ckpt-2")
    output = launcher.start(*command).succeed()
    assert "continuing at step 2 of 6" in output
    for name in ("model.ckpt-6", "model.ckpt-best"):
        assert_same_tensors(out / name, trained / name)


@pytest.mark.slow
def test_no_room_for_tensorboard(out, pretraining, launcher):
    shutil.rmtree(out / "tensorboard")
    (out / "tensorboard").write_text("a file is in the way")
    for step in (4, 6):
        tensor_bundle.remove(tensor_bundle.step_prefix(out, step))
    line = launcher.start(*pretraining(out, *FLAGS)).refusal()
    assert f"{out}/tensorboard" in line
    assert tensor_bundle.steps(out) == [2]


@pytest.mark.slow
def test_a_full_disk_under_tensorboard(tmp_path, pretraining, launcher):
    """Its file is the first to grow beyond the limit, before a checkpoint."""

    def limit_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    out = tmp_path / "model"
    flags = ["--num_train_steps=50", "--steps_per_loop=1"]
    line = launcher.start(
        *pretraining(out, *flags), preexec_fn=limit_files
    ).refusal()
    assert f"{out}/tensorboard" in line and "make room" in line


def contents(folder):
    """Path to bytes of every file but TensorBoard's."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file()
    } | {"run": json.loads((folder / "run.json").read_text())}
