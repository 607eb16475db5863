# SPDX-License-Identifier: Apache-2.0
"""Reads the JSON files beside weights without trusting them."""

import json
import os

from albert.errors import UserError

# A tokenizer.json of 30,000 pieces has 2 MB.
_MAX_BYTES = 1 << 28


def read_object(path):
    """Reads a JSON file that must hold an object.

    Args:
      path: str.

    Returns:
      dict.

    Raises:
      UserError: not readable, too large, not JSON, or something else.
    """
    try:
        if os.path.getsize(path) > _MAX_BYTES:
            raise UserError(
                f"{path}: larger than {_MAX_BYTES >> 20} MB, which no "
                "description of a model is: give another directory"
            )
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): the directory is "
            "not complete; get it again"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: not valid JSON ({error}): get the file again"
        ) from None
    if not isinstance(value, dict):
        raise UserError(
            f"{path}: expected a JSON object, found {type(value).__name__}: "
            "get the file again"
        )
    return value
