# SPDX-License-Identifier: Apache-2.0
"""Starts every command: parses flags, calls main, exits with one status.

Exit status 0 is success, 2 is bad input (one line on standard error, no
traceback), 1 is a fault of ours (with the traceback), 130 Ctrl-C, 143 a request
to stop (SIGTERM), after which the same command continues, 138 the loss of
another worker, which starting all of them again mends.
"""

import contextlib
import errno
import logging
import os
import signal
import subprocess
import sys
import textwrap

import tqdm
from absl import flags
from absl import logging as absl_logging

from albert import flag_parsers
from albert import flag_spelling
from albert import model_names
from albert import standard_streams
from albert.errors import StopRequested
from albert.errors import UserError
from albert.errors import WorkerLostError
from albert.interchange import archives
from albert.interchange import hubs
from albert.paths import read_path

# What the machine lacks or forbids, or a path cannot be: no fault of the
# program.
_MACHINE_ERRORS = {
    errno.EACCES: "check its permissions",
    errno.EDQUOT: "make room there, or choose another place",
    errno.EIO: "check the disk",
    errno.ELOOP: "check the links",
    errno.EMFILE: "raise the limit (ulimit -n)",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENFILE: "close other programs",
    errno.ENOSPC: "make room there, or choose another place",
    errno.ENOTDIR: "check the path",
    errno.EPERM: "check its permissions",
    errno.EROFS: "choose another place",
    errno.ESTALE: "mount the file system again",
}

# The status that Kubernetes' TFJob, with restartPolicy ExitCode, reserves for
# what the program itself wants to be started again for.
_RETRYABLE = 138

# Of an error, so that a value of a megabyte does not hide the rest of it.
_LONGEST_LINE = 2000

# TensorFlow's lines about itself: before absl::InitializeLog() they are
# written whatever TF_CPP_MIN_LOG_LEVEL says.
_START_NOISE = "WARNING: All log messages before absl::InitializeLog|I[0-9]{4} "
_NO_GPU_NOISE = "(E[0-9]{4}|[-0-9]+ [0-9:.]+: E) .*failed call to cuInit"

# XLA for GPUs writes some matrix products with Triton. Those of TensorFlow 2.21
# in bfloat16 gave wrong gradients of attention weights, infinite ones among
# them, on an H200, where the same step without Triton is right (see
# docs/devices.md).
_TRITON = "--xla_gpu_enable_triton_gemm"

# There where GPUs can be used: of Nvidia's driver, and of WSL 2.
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg")

# Names of arguments that may be the name of a model on a hub.
_MODELS = ("MODEL", "MODEL_DIR", "SOURCE")

# Keras imports them where they are installed, for parts of it that nothing
# here uses: a third of what its and TensorFlow's imports take.
_UNUSED_OF_KERAS = ("matplotlib", "sklearn")


def run(main, define_flags, positional=(), program=None):
    """Parses ``sys.argv``, calls ``main`` and exits.

    Ctrl-C ends the program however it was started. Must be called in the main
    thread.

    Args:
      main: function of an ``absl.flags.FlagValues``, and of one argument
        more for each name in ``positional``; its result is ignored.
      define_flags: function that defines the recipe's flags on the
        ``FlagValues`` passed to it. Flags are defined here, when the program
        runs, and not when a module is imported: two recipes can then be
        imported by one process.
      positional: names of arguments that are not flags; the last one, if it
        ends in "...", takes all that are left as a list. All are paths but
        those that are named TEXT; one of ``_MODELS`` may be a name on a hub.
      program: str, how the program is called, for --help. Default: the file
        or module that Python was started with.
    """
    standard_streams.prepare()
    # A shell without job control starts its background jobs with SIGINT
    # ignored, and Python leaves that as it is.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    fv = flags.FLAGS
    before = set(fv)
    define_flags(fv)
    own = sorted(set(fv) - before)
    logging.getLogger().addHandler(_LineHandler(sys.stderr))
    absl_logging.set_verbosity(absl_logging.INFO)
    try:
        if any(argument in ("--help", "-h") for argument in sys.argv[1:]):
            print(_help(main, fv, own, positional, program), flush=True)
            sys.exit(0)
        _check_encoding(sys.argv[1:])
        flag_spelling.check(fv, sys.argv[1:])
        arguments = _positional(fv(sys.argv)[1:], positional)
        _fetch_models(fv, own)
        main(fv, *arguments)
        standard_streams.flush()
    except StopRequested as stop:
        print(stop, file=sys.stderr, flush=True)
        leave(stop.status)
    except WorkerLostError as error:
        with contextlib.suppress(SystemExit):
            fail(error)
        leave(_RETRYABLE)
    except (UserError, flags.Error) as error:
        fail(error)
    except BrokenPipeError:
        # The reader of ``standard_streams.rows`` has seen enough.
        standard_streams.discard()
    except OSError as error:
        if error.errno not in _MACHINE_ERRORS:
            raise
        place = error.filename or "the output or a temporary file"
        fail(f"{place}: {error.strerror}: {_MACHINE_ERRORS[error.errno]}")
    except KeyboardInterrupt as interrupt:
        # Whoever has saved something says so.
        message = ": ".join(["interrupted", *map(str, interrupt.args)])
        fail(message, status=130)


def fail(message, status=2):
    """Prints one line on standard error and exits with ``status``."""
    # An archive was unpacked into a folder that is gone when this is read.
    line = " ".join(archives.name_archives(str(message)).split())
    if len(line) > _LONGEST_LINE:
        # What is wrong comes first, and the remedy last.
        half = _LONGEST_LINE // 2
        line = f"{line[:half]} … {line[-half:]}"
    print(f"error: {line}", file=sys.stderr, flush=True)
    sys.exit(status)


def print_next(*commands):
    """Prints commands that go on from here.

    Where `make` runs this one (it sets MAKELEVEL), nothing is printed: the
    makefile knows what comes next.

    Args:
      *commands: str.
    """
    if "MAKELEVEL" not in os.environ:
        print("\n  ".join(("Next:", *commands)))


def leave(status=0):
    """Ends this process at once, with everything in it.

    Python's way out takes seconds once TensorFlow is loaded. In these, a
    machine may be switched off, or TensorFlow writes that other workers,
    which are done as well, are gone.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    # What lies in the temporary directory, which only Python's way out would
    # remove: TensorFlow's own files, and archives that were unpacked.
    for name, module in list(sys.modules.items()):
        if name.startswith("__autograph_generated_file"):
            with contextlib.suppress(OSError):
                os.remove(module.__file__)
    archives.remove_folders()
    os._exit(status)


def load_tensorflow():
    """Imports TensorFlow and finds the devices, without their noise.

    Lines that are not known to be noise are passed on. A process of its own
    does so, because it goes on when TensorFlow ends this one, as it does on
    a processor that it was not built for.
    """
    if "tensorflow" in sys.modules:
        return
    # What its C++ says later, unless it is an error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    noise = [_START_NOISE]
    if any(map(os.path.exists, _GPU_DEVICES)):
        # XLA reads it once, at its first use. What the user says goes.
        given = os.environ.get("XLA_FLAGS", "")
        if _TRITON not in given:
            os.environ["XLA_FLAGS"] = f"{given} {_TRITON}=false".strip()
    else:
        noise.append(_NO_GPU_NOISE)
    with (
        subprocess.Popen(
            ["grep", "-vE", f"^({'|'.join(noise)})"],
            stdin=subprocess.PIPE,
            # Where TensorFlow writes, whatever sys.stderr is by now.
            stdout=2,
        ) as grep,
        _hidden(_UNUSED_OF_KERAS),
    ):
        standard_error = os.dup(2)
        os.dup2(grep.stdin.fileno(), 2)
        try:
            import tensorflow as tf

            tf.config.list_physical_devices()
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


@contextlib.contextmanager
def _hidden(packages):
    """Makes imports of packages fail, as if they were not installed."""
    hidden = [name for name in packages if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


class _LineHandler(logging.StreamHandler):
    """Handler that keeps a terminal's progress bar below the log lines."""

    def filter(self, record):
        # TensorFlow counts traces by a function's name: several models in
        # one process, each traced once, look to it like one that is traced
        # again and again.
        if "triggered tf.function retracing" in str(record.msg):
            return False
        return super().filter(record)

    def emit(self, record):
        with tqdm.tqdm.external_write_mode(file=self.stream):
            super().emit(record)

    def format(self, record):
        line = archives.name_archives(super().format(record))
        if record.levelno < logging.WARNING:
            return line
        return f"{record.levelname.lower()}: {line}"


def _check_encoding(arguments):
    """Refuses arguments that are not UTF-8, which the system passes on."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UserError(
                f"argument {argument!a} is not UTF-8: give a text in UTF-8; "
                "a file of such a name must be renamed"
            ) from None


def _positional(arguments, names):
    arguments = _split_positional(arguments, names)
    return [
        argument if name.startswith("TEXT") else _read_paths(name, argument)
        for name, argument in zip(names, arguments, strict=True)
    ]


def _read_paths(name, argument):
    if isinstance(argument, list):
        return [_read_paths(name, each) for each in argument]
    try:
        if name in _MODELS:
            return hubs.find(model_names.read_model(argument))
        return read_path(argument)
    except ValueError as error:
        name = name.removesuffix("...")
        raise UserError(f"{name} {argument}: {error}") from None


def _fetch_models(fv, names):
    """Puts the directory of a model where a flag has its name on a hub.

    So every command has a path, and what it writes down names the revision.
    """
    for name in names:
        flag = fv[name]
        if isinstance(flag.parser, flag_parsers.ModelParser) and flag.value:
            flag.value = hubs.find(flag.value)


def _split_positional(arguments, names):
    rest = bool(names) and names[-1].endswith("...")
    fixed = len(names) - rest
    if len(arguments) < fixed:
        raise UserError(f"{names[len(arguments)]} is missing; see --help")
    if rest:
        return [*arguments[:fixed], arguments[fixed:]]
    if len(arguments) > fixed:
        raise UserError(flag_spelling.explain_unexpected(arguments[fixed]))
    return arguments


def _help(main, fv, names, positional, program):
    lines = [
        (main.__globals__["__doc__"] or "").strip(),
        "",
        f"Usage: {program or _program()} {' '.join(positional)}".rstrip()
        + (" [--flag=value ...]" if names else ""),
    ]
    defined = [fv[name] for name in names]
    aliases = {
        flag.name: flag_spelling.ALIAS.fullmatch(flag.help) for flag in defined
    }
    spellings = {flag.name: [_spelling(flag)] for flag in defined}
    for flag in defined:
        if aliases[flag.name]:
            spellings[aliases[flag.name][1]].append(_spelling(flag))
    for heading, group in fv.flags_by_module_dict().items():
        shown = [flag for flag in group if aliases.get(flag.name, True) is None]
        if shown:
            lines += ["", f"{heading}:"]
        for flag in shown:
            lines.append(f"  {', '.join(spellings[flag.name])}{_default(flag)}")
            lines += _wrapped(flag)
    return "\n".join(lines)


def _spelling(flag):
    return f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"


def _default(flag):
    if flag.default is None:
        return ""
    return f" (default: {flag.default_as_str.strip(chr(39)) or 'nothing'})"


def _wrapped(flag):
    """Returns a flag's help in lines that never break inside a value."""
    text = flag.help
    if isinstance(flag, flags.EnumFlag):
        text = text.partition(">: ")[2]
        values = filter(None, flag.parser.enum_values)
        text = f"One of {', '.join(values)}. {text}"
    return textwrap.wrap(
        text,
        76,
        initial_indent="      ",
        subsequent_indent="      ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _program():
    """Returns how Python was started, for the line of usage."""
    specification = sys.modules["__main__"].__spec__
    if specification is None:
        return f"python {sys.argv[0]}"
    return f"python -m {specification.name.removesuffix('.__main__')}"
