# SPDX-License-Identifier: Apache-2.0
"""Checks the values of a JSON file as they are taken out."""

import json

from albert.errors import UserError

_KINDS = {str: "text", list: "a list", dict: "an object"}


class Fields:
    """The values of one JSON file, refused where they are of a wrong type.

    Args:
      file: str, the path that messages begin with.
    """

    def __init__(self, file):
        self.file = file

    def get(self, value, key, kind, where):
        """Returns what an object holds.

        Args:
          value: what should be an object.
          key: str.
          kind: type that the value of the key must have: str, list or dict.
          where: str, the place in the file, for messages.

        Raises:
          UserError: no object, no such key, or a value of another type.
        """
        self.check_object(value, where, f'it must hold "{key}"')
        if key not in value:
            self.refuse(
                f'{where}: there is no "{key}"', "give a file like SQuAD's"
            )
        found = value[key]
        if not isinstance(found, kind):
            self.refuse_value(found, key, f"it must be {_KINDS[kind]}", where)
        if kind is str:
            self.check_unicode(found, key, where)
        return found

    def check_object(self, value, where, remedy):
        """Refuses what is not an object."""
        if not isinstance(value, dict):
            self.refuse(f"{where}: not an object but {_excerpt(value)}", remedy)

    def refuse_value(self, value, key, remedy, where):
        """Raises a ``UserError`` on the value of a key."""
        self.refuse(f'{where}: "{key}" is {_excerpt(value)}', remedy)

    def refuse(self, what, remedy):
        """Raises a ``UserError`` in the name of the file."""
        # Ids and titles may hold ends of lines.
        raise UserError(f"{self.file}: {' '.join(what.split())}: {remedy}")

    def check_unicode(self, text, key, where):
        """Refuses a text that no file can hold."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            self.refuse(
                f'{where}: "{key}" has half a surrogate pair, character '
                f"{error.start}",
                "mend the text",
            )


def _excerpt(value):
    return json.dumps(value)[:40]
