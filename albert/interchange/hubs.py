# SPDX-License-Identifier: Apache-2.0
"""Gets models from the Hugging Face Hub and from Kaggle by their names.

What is downloaded lies where the clients of these hubs keep it, so that it is
downloaded once, and is there without a network. Pickled weights are never
read.
"""

import fnmatch
import functools
import importlib
import itertools
import os

from absl import logging

from albert.errors import UserError
from albert.model_names import is_name
from albert.paths import ADDRESS

_EXTRAS = {"huggingface_hub": "huggingface", "kagglehub": "kaggle"}

_SHARDS, _SHARD = "model.safetensors.index.json", "model-*-of-*.safetensors"
# Weights of transformers, of this package and of KerasHub: of the first kind
# whose first pattern a model has, all files are taken.
_WEIGHTS = (
    ("model.safetensors",),
    (_SHARDS, _SHARD),
    ("model.ckpt-best.index", "model.ckpt-best.data-*"),
    ("model.weights.*", "model_*.weights.h5", "task.weights.h5"),
)
# Configuration, vocabulary and the description of a task, of any of them.
_OTHERS = (
    *("config.json", "albert_config.json", "checksums.json", "README.md"),
    *("*.model", "spiece.json", "vocab*.txt", "wordpiece.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"),
    *("added_tokens.json", "assets/tokenizer/*", "task.json"),
    *("metadata.json", "preprocessor.json", "training_data.json"),
)
_PICKLED = "pytorch_model*.bin"
# Patterns of all files that a model is read from.
NAMES = tuple(itertools.chain(*_WEIGHTS, _OTHERS))


def find(model):
    """Returns where a model is: str, a path.

    Args:
      model: str, a path, which is returned as it is, or a name; as
        ``albert.model_names.read_model`` has read it.

    Raises:
      UserError: as of ``fetch``.
    """
    return fetch(model) if is_name(model) else model


@functools.cache
def fetch(name):
    """Gets the files of a model, if they are not there, once in a process.

    Args:
      name: str, as ``albert.model_names.read_model`` has read it.

    Returns:
      str, the directory that they are in.

    Raises:
      UserError: there is no such model, it has no weights that are read here,
        it cannot be had and is not in the cache, or the hub's package is not
        installed.
    """
    address = ADDRESS.fullmatch(name)
    get = {"hf": _from_hugging_face, "kaggle": _from_kaggle}[address["scheme"]]
    directory = get(name, address["rest"])
    logging.info("%s is in %s", name, directory)
    return directory


def choose_files(files):
    """Returns which files of a repository are needed to read its model.

    Args:
      files: iterable of str, their names.

    Returns:
      list of str, patterns of their names; None if there are no weights that
      are read here.
    """
    for patterns in _WEIGHTS:
        if fnmatch.filter(files, patterns[0]):
            return [*patterns, *_OTHERS]
    return None


def import_client(package, name):
    """Imports the package of a hub.

    Args:
      package: str, a key of ``_EXTRAS``.
      name: str, the model, for the message.

    Raises:
      UserError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UserError(
            f"{name}: {package} cannot be imported ({error}): pip install "
            f"'albert-keras[{_EXTRAS[package]}]', or give the path of a copy "
            "of the model"
        ) from None


def _from_hugging_face(name, place):
    hub = import_client("huggingface_hub", name)
    repository, _, revision = place.partition("@")
    try:
        info = hub.HfApi().model_info(repository, revision=revision or None)
        files = [sibling.rfilename for sibling in info.siblings or ()]
    except hub.errors.RevisionNotFoundError:
        raise UserError(
            f"{name}: the model has no revision {revision}: give a branch, a "
            "tag or a commit of it, or none"
        ) from None
    except hub.errors.GatedRepoError:
        raise UserError(
            f"{name}: its owner must let you in: ask on the model's page, and "
            "`hf auth login`"
        ) from None
    except hub.errors.RepositoryNotFoundError:
        raise UserError(
            f"{name}: there is no such model, or it is not public: check the "
            "name, and `hf auth login` for a private one"
        ) from None
    # The clients of these versions and of older ones raise different things
    # where the hub is out of reach, or something else answers in its place.
    except Exception as error:
        return _from_cache(hub, name, repository, revision, error)
    needed = choose_files(files)
    if needed is None:
        raise UserError(_explain_missing(name, files))
    try:
        # By its name, which the cache then knows without a network.
        return hub.snapshot_download(
            repository,
            revision=revision or None,
            allow_patterns=needed,
        )
    except Exception as error:
        raise UserError(
            f"{name}: the download did not succeed ({describe(error)}): the "
            "same command goes on with it"
        ) from error


def _from_cache(hub, name, repository, revision, why):
    """Returns the copy that was downloaded before."""
    for patterns in _WEIGHTS:
        try:
            directory = hub.snapshot_download(
                repository,
                revision=revision or None,
                allow_patterns=[*patterns, *_OTHERS],
                local_files_only=True,
            )
        except Exception:
            continue  # Nothing, or not all of it.
        if _is_whole(directory):
            break
    else:
        raise UserError(
            f"{name}: {hub.constants.ENDPOINT} cannot be asked "
            f"({describe(why)}), and there is no whole copy in "
            f"{hub.constants.HF_HUB_CACHE}: try again with a network, or give "
            "the path of a copy of the model"
        ) from why
    logging.warning(
        "%s: %s cannot be asked (%s): the copy in the cache is taken, which "
        "may be an older one",
        name,
        hub.constants.ENDPOINT,
        describe(why),
    )
    return directory


def _is_whole(directory):
    """Whether a copy has weights, all shards of them, and a configuration.

    The client knows what else belongs to it, if it made the copy.
    """
    files = _list_files(directory)
    if choose_files(files) is None or not fnmatch.filter(files, "*config.json"):
        return False
    if _SHARDS not in files or "model.safetensors" in files:
        return True
    shards = fnmatch.filter(files, _SHARD)
    # Such as model-00001-of-00002.safetensors.
    return bool(shards) and f"-of-{len(shards):05}." in shards[0]


def _from_kaggle(name, handle):
    hub = import_client("kagglehub", name)
    try:
        return hub.model_download(handle)
    except Exception as error:
        hint = "" if handle.count("/") == 4 else " (with /version a copy in the"
        hint += " cache is found without a network)" if hint else ""
        raise UserError(
            f"{name}: Kaggle did not give it ({describe(error)}): check the "
            f"name and the network{hint}, or give the path of a copy of the "
            "model"
        ) from error


def _list_files(directory):
    """Returns the names of the files in a directory, with their folders."""
    return [
        os.path.relpath(os.path.join(folder, file), directory)
        for folder, _, files in os.walk(directory)
        for file in files
    ]


def _explain_missing(name, files):
    if fnmatch.filter(files, _PICKLED):
        return (
            f"{name}: its weights are pickled (pytorch_model.bin), which can "
            "run any program when it is read, and are not downloaded: look "
            "for model.safetensors among its revisions (hf://owner/name"
            "@refs/pr/1, …), or write it again with transformers, "
            "model.save_pretrained(DIRECTORY), and give the directory"
        )
    some = ", ".join(sorted(files)[:8]) or "nothing"
    return (
        f"{name}: has no weights that are read here (it holds {some}"
        f"{', …' * (len(files) > 8)}): give a model with model.safetensors, "
        "model.ckpt-best or model.weights.h5"
    )


def describe(error):
    """Returns an error of a client as a few words of one line: str."""
    text = " ".join(str(error).split())
    text = text if len(text) <= 150 else f"{text[:150]} …"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
