# SPDX-License-Identifier: Apache-2.0
"""Reads how users name a model: by its path, or by its name on a hub.

``hf://owner/name`` is a model of the Hugging Face Hub, and
``kaggle://owner/model/framework/variation`` one of Kaggle. What the names mean
is found by ``albert.interchange.hubs``.
"""

import re

from albert.paths import ADDRESS
from albert.paths import read_path

_WORD = r"[\w][\w.-]*"
_FORMS = {
    "hf": (
        re.compile(rf"{_WORD}/{_WORD}(@{_WORD}(/{_WORD})*)?", re.ASCII),
        "hf://owner/name, or hf://owner/name@revision",
    ),
    "kaggle": (
        re.compile(rf"{_WORD}/{_WORD}/{_WORD}/{_WORD}(/\d+)?", re.ASCII),
        "kaggle://owner/model/framework/variation, or that with /version",
    ),
}
_HUB_PAGE = re.compile(
    rf"(?:www\.)?(?:huggingface\.co|hf\.co)/(?P<name>{_WORD}/{_WORD})"
    rf"(?:/(?:tree|resolve|blob)/(?P<revision>{_WORD}).*|/)?",
    re.ASCII,
)
_KAGGLE_PAGE = re.compile(
    r"(?:www\.)?kaggle\.com/models/"
    rf"(?P<name>{_WORD}/{_WORD}(?:/{_WORD}/{_WORD}(?:/\d+)?)?).*",
    re.ASCII | re.IGNORECASE,
)


# Where the clients keep what they have downloaded, and what that is.
_CACHED = (
    (
        re.compile(
            rf"/models--(?P<owner>{_WORD}?)--(?P<name>{_WORD})"
            r"/snapshots/(?P<revision>\w+)",
            re.ASCII,
        ),
        "{owner}/{name}@{revision}",
    ),
    (
        re.compile(
            rf"/kagglehub/models/(?P<name>{_WORD}/{_WORD}/{_WORD}/{_WORD}/\d+)",
            re.ASCII,
        ),
        "kaggle://{name}",
    ),
)


def read_model(text):
    """Returns the path or the name that a user means.

    Args:
      text: str, as given.

    Returns:
      str: a name as it is, or a path as of ``albert.paths.read_path``.

    Raises:
      ValueError: it is neither; the message says what to write.
    """
    address = ADDRESS.fullmatch(text)
    if not address:
        return read_path(text)
    scheme, rest = address["scheme"], address["rest"]
    if scheme in _FORMS:
        form, spelling = _FORMS[scheme]
        if not form.fullmatch(rest):
            raise ValueError(f"no name of a model: write {spelling}")
        return text
    if page := _HUB_PAGE.fullmatch(rest):
        revision = page["revision"]
        at = f"@{revision}" if revision not in (None, "main") else ""
        raise ValueError(
            f"the address of a page: write hf://{page['name']}{at}"
        )
    if page := _KAGGLE_PAGE.fullmatch(rest):
        name = page["name"]
        if name.count("/") == 1:
            name += "/FRAMEWORK/VARIATION"
        raise ValueError(f"the address of a page: write kaggle://{name}")
    return read_path(text)


def describe_path(path):
    """Returns a path as what can be told to others: str.

    Args:
      path: str; in the cache of a hub, it is the name and the revision that
        are told, elsewhere the last part.
    """
    for form, name in _CACHED:
        if found := form.search(path):
            return name.format(**found.groupdict())
    return path.rstrip("/").rpartition("/")[2]


def is_name(text):
    """Returns whether a text that was read is the name of a model on a hub."""
    address = ADDRESS.fullmatch(text)
    return address is not None and address["scheme"] in _FORMS
