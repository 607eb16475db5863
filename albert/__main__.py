# SPDX-License-Identifier: Apache-2.0
"""Makes, trains, tries and ships ALBERT models, from text to a server.

    albert COMMAND [--flag=value ...]

`albert COMMAND --help` tells what a command does and shows its flags.
"""

import ast
import difflib
import importlib
import importlib.util
import pathlib
import sys
import textwrap

import albert
from albert import standard_streams

# Each command is a script that runs on its own too; in the order of work.
COMMANDS = {
    "create-vocabulary": "data/create_vocabulary.py",
    "create-pretraining-data": "data/create_pretraining_data.py",
    "create-finetuning-data": "data/create_finetuning_data.py",
    "inspect-records": "albert/inspection/__main__.py",
    "pretrain": "run_pretraining.py",
    "classify": "run_classifier.py",
    "glue": "albert/glue/__main__.py",
    "squad": "run_squad.py",
    "translate": "albert/text_to_text/__main__.py",
    "predict": "albert/prediction/__main__.py",
    "embed": "albert/embedding/__main__.py",
    "fill-mask": "albert/fill_mask.py",
    "generate": "albert/generate.py",
    "score": "albert/score/__main__.py",
    "convert": "albert/convert.py",
    "export": "albert/export/__main__.py",
    "serve": "albert/serve/__main__.py",
    "curves": "albert/training/curves.py",
}

_PACKAGE = pathlib.Path(__file__).parent


def main():
    """Runs the command that ``sys.argv`` names, and exits."""
    standard_streams.prepare()
    name, *arguments = sys.argv[1:] or [""]
    if name in ("--help", "-h"):
        _print(help_text())
    elif name == "--version":
        _print(f"albert {albert.__version__}")
    elif name in COMMANDS:
        _run(name, arguments)
    else:
        print(f"error: {_what_is_wrong(name)}", file=sys.stderr)
        sys.exit(2)


def help_text():
    """Returns the commands with the first line of each one's docstring.

    The scripts are read and not imported, so that this answers at once.
    """
    width = max(map(len, COMMANDS))
    lines = [__doc__.strip(), "", "Commands:"]
    for name in COMMANDS:
        docstring = ast.get_docstring(ast.parse(find_script(name).read_bytes()))
        lines += textwrap.wrap(
            docstring.splitlines()[0],
            80,
            initial_indent=f"  {name:{width}}  ",
            subsequent_indent=" " * (width + 4),
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def find_script(name):
    """Returns the path of a command's script.

    A wheel carries the recipes in albert/recipes; in a clone they lie beside
    the package.
    """
    path = COMMANDS[name]
    carried = _PACKAGE / "recipes" / pathlib.PurePath(path).name
    return carried if carried.exists() else _PACKAGE.parent / path


def load_script(name):
    """Imports a command's script, which does not start it; returns it."""
    path = COMMANDS[name]
    if path.startswith("albert/"):
        module = path.removesuffix(".py").replace("/", ".")
        return importlib.import_module(module)
    place = find_script(name)
    specification = importlib.util.spec_from_file_location(place.stem, place)
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    return script


def _print(text):
    """Prints a text."""
    try:
        print(text, flush=True)
    except OSError as error:
        standard_streams.discard()
        print(f"error: standard output: {error.strerror}", file=sys.stderr)
        sys.exit(2)


def _run(name, arguments):
    from albert import command_line

    script = load_script(name)
    program = f"albert {name}"
    sys.argv = [program, *arguments]
    command_line.run(
        script.main,
        script.define_flags,
        getattr(script, "POSITIONAL", ()),
        program=program,
    )


def _what_is_wrong(name):
    if not name or name.startswith("-"):
        return "a command comes first, as in `albert pretrain`; see --help"
    nearest = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0)
    return f"no command {name!r}: did you mean {nearest[0]!r}? See --help"


if __name__ == "__main__":
    main()
