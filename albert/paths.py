# SPDX-License-Identifier: Apache-2.0
"""Reads paths as users spell them on a command line.

The flags of paths and the arguments that are paths go through here: "~" is
the home directory there too where the shell has left it, and an address of
something that is no file system is refused instead of becoming a folder.
"""

import os
import re

ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)")
# In a name.
_MOST_COMMAS = 8
_HUB = re.compile(
    r"(?P<name>[\w.-]+/[\w.-]+)(/(tree|resolve|blob)/.*|/)?", re.ASCII
)
_HUB_SITES = ("huggingface.co/", "www.huggingface.co/", "hf.co/")


def read_path(text):
    """Returns the path that a user means.

    Args:
      text: str, as given: "~" and "~name" at its start are home directories.

    Raises:
      ValueError: it is empty, an address, or in nobody's home; the message
        says what to do.
    """
    if not text.strip():
        raise ValueError(
            "it is empty: give a path (is a shell variable in it not set?)"
        )
    address = ADDRESS.fullmatch(text)
    if address:
        raise ValueError(_explain_address(address["scheme"], address["rest"]))
    path = os.path.expanduser(text)
    if path.startswith("~"):
        raise ValueError(
            f"there is no home directory {path.split(os.sep)[0]}: write "
            f"./{path} for a file of that name"
        )
    return path


def is_address(path):
    """Returns whether a path is an address of an object store or the like."""
    return bool(ADDRESS.fullmatch(path))


def read_paths(text, addresses=False):
    """Returns comma-separated paths or globs, each as a user means it.

    Args:
      text: str.
      addresses: bool, whether addresses are kept as they are.

    Raises:
      ValueError: as of ``read_path``; or none is given.
    """
    paths = [
        path if addresses and is_address(path) else read_path(path)
        for path in split_paths(text)
    ]
    return ",".join(paths) or read_path("")


def split_paths(text):
    """Returns the paths or globs in a text, which commas separate.

    A comma in the name of a file that is there separates nothing.

    Args:
      text: str.

    Returns:
      list of str, without spaces at their ends.
    """
    parts = text.split(",")
    paths = []
    start = 0
    while start < len(parts):
        end = min(start + 1 + _MOST_COMMAS, len(parts))
        while end > start + 1 and not _is_there(parts[start:end]):
            end -= 1
        paths.append(",".join(parts[start:end]).strip())
        start = end
    return list(filter(None, paths))


def _is_there(parts):
    return os.path.lexists(os.path.expanduser(",".join(parts).strip()))


def _explain_address(scheme, rest):
    """Returns what to do instead of giving an address."""
    scheme = scheme.lower()
    if scheme == "file":
        return f"an address: give the path alone, {rest or '/...'}"
    site = next((site for site in _HUB_SITES if rest.startswith(site)), "")
    model = _HUB.fullmatch(rest.removeprefix(site))
    if model and (scheme == "hf" or site):
        return (
            "an address, and nothing is downloaded here: `hf download "
            f"{model['name']} --local-dir DIRECTORY`, then give the DIRECTORY"
        )
    if scheme in ("http", "https", "ftp"):
        return (
            "an address, and nothing is downloaded here: download it, and "
            "give the path of the file or of its folder"
        )
    return (
        "an address: give a path of a file system; gcsfuse and its like mount "
        "a bucket as one"
    )
