# SPDX-License-Identifier: Apache-2.0
"""Flags under the headings of ``--help``, each with a strict parser."""

import functools

from absl import flags

from albert import flag_parsers


class FlagGroup:
    """Flags under one heading of ``--help``.

    Attributes:
      alias, choice: the functions ``absl.flags.DEFINE_alias`` and
        ``DEFINE_enum`` for the ``FlagValues`` and the heading.
    """

    def __init__(self, fv, heading):
        """Opens a heading, or continues one.

        Args:
          fv: ``absl.flags.FlagValues`` to define flags on.
          heading: str; absl keeps it as the module that defines the flag.
        """

        def bind(define):
            return functools.partial(
                define, flag_values=fv, module_name=heading
            )

        self.alias = bind(flags.DEFINE_alias)
        self.choice = bind(flags.DEFINE_enum)
        self._define = bind(flags.DEFINE)

    def boolean(self, name, default, text):
        """Defines a flag that is true or false."""
        parser = flag_parsers.BooleanParser()
        self._define(parser, name, default, text, boolean=True)

    def integer(self, name, default, text, *, lower_bound, upper_bound):
        """Defines a flag of a whole number; the bounds are allowed."""
        parser = flag_parsers.IntegerParser(lower_bound, upper_bound)
        self._define(parser, name, default, text)

    def integer_or_word(
        self, name, default, text, *, word, lower_bound, upper_bound
    ):
        """Defines a flag of a whole number, or of a word instead."""
        parser = flag_parsers.IntegerOrWordParser(
            word, lower_bound, upper_bound
        )
        self._define(parser, name, default, text)

    def real(self, name, default, text, *, lower_bound, upper_bound):
        """Defines a flag of a finite number; the bounds are allowed."""
        parser = flag_parsers.RealParser(lower_bound, upper_bound)
        self._define(parser, name, default, text)

    def string(self, name, default, text):
        """Defines a flag of a text that is not empty."""
        self._define(flag_parsers.StringParser(), name, default, text)

    def path(self, name, default, text):
        """Defines a flag of a path, spelled as ``albert.paths`` reads it."""
        self._define(flag_parsers.PathParser(), name, default, text)

    def model(self, name, default, text):
        """Defines a flag of a model: a path, or a name on a hub."""
        self._define(flag_parsers.ModelParser(), name, default, text)

    def files(self, name, default, text, addresses=False):
        """Defines a flag of names or patterns of files.

        Args:
          name, default, text: of the flag.
          addresses: bool, whether addresses are let through.
        """
        parser = flag_parsers.FilesParser(addresses)
        self._define(parser, name, default, text)

    def names(self, name, default, text):
        """Defines a flag of values that are separated by commas."""
        self._define(
            flag_parsers.ListParser(),
            name,
            default,
            text,
            serializer=flags.CsvListSerializer(","),
        )
