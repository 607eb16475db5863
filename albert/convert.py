# SPDX-License-Identifier: Apache-2.0
"""Converts the files of a model from one format to another.

    albert convert SOURCE DESTINATION --to=huggingface

SOURCE is a model directory, Google's release (an archive, its directory or a
checkpoint prefix), a TF-Hub v1 module directory, a directory of transformers
or a preset directory of KerasHub. DESTINATION is a directory that does not
exist or is empty. Weights that the other format has no place for are named.
--to=bert writes a BERT, for code that knows no ALBERT. With --push=owner/name
what --to=huggingface wrote goes to the Hugging Face Hub, with a model card.
"""

import dataclasses
import math
import os

from albert import command_line
from albert import outputs
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.flags import require
from albert.heads import HEADS
from albert.heads import HEADS_OF_WEIGHTS
from albert.heads import find
from albert.interchange import hub_upload
from albert.training import converted_card
from albert.training import model_card
from albert.vocabulary_flags import define_normalization_flags

POSITIONAL = ("SOURCE", "DESTINATION")
# What is said of the size of a model.
_SIZES = (
    *("num_hidden_layers", "hidden_size", "embedding_size"),
    *("num_attention_heads", "intermediate_size"),
    *("max_position_embeddings", "vocab_size"),
)
FORMATS = ("bert", "google", "huggingface", "kerashub", "model_dir")


@dataclasses.dataclass(frozen=True)
class ConversionReport:
    """Report of what ``convert`` did.

    Attributes:
      source: str, what was read.
      head: str, one of ``HEADS_OF_WEIGHTS``.
      written: int, weights that the destination has of the source.
      sizes: dict of int, the sizes of the model and its parameters.
      left: list of str, weights of the source that it has not.
      tokenizer: bool, whether a tokenizer was written.
      comparison: ``tokenizer_comparison.Comparison`` of the tokenizer as it
        was written with this package's; None where it was written as it is,
        or not at all.
    """

    source: str
    head: str
    written: int
    sizes: dict
    left: list
    tokenizer: bool
    comparison: object = None

    def lines(self, destination):
        """Returns what is printed about it: list of str.

        Args:
          destination: str, where it was written.
        """
        lines = [
            f"Source: {self.source}",
            f"Written: {destination}, {self.written} weights ({self.head})",
        ]
        if not self.tokenizer:
            lines.append(
                "No tokenizer was written: the source has none, or "
                "--notokenizer"
            )
        elif self.comparison:
            lines.append(str(self.comparison))
        if self.left:
            lines.append(
                f"Left behind ({len(self.left)}): {', '.join(self.left)}"
            )
        return lines


def convert(
    source,
    destination,
    to,
    head=None,
    tokenizer=True,
    lower_case=None,
    strip_accents=None,
    new_directory=outputs.new_directory,
    needs_pooler=True,
):
    """Reads a model in one format and writes it in another.

    Args:
      source: path, as of ``albert.load_weights``, or ``StartingPoint``.
      destination: path of a directory that does not exist or is empty.
      to: one of ``FORMATS``.
      head: one of ``HEADS_OF_WEIGHTS``; None: what the source says. Google's
        root-level weights are taken for a classifier of texts. "none" writes
        the encoder alone.
      tokenizer: bool, whether the tokenizer goes along, if there is one.
      lower_case: bool, whether the tokenizer lower-cases; None: what the
        source says, and yes where it does not, as for Google's release.
      strip_accents: bool, whether it takes the marks off letters; None: the
        same.
      new_directory: function of ``destination``, a context manager that gives
        the directory to write to.
      needs_pooler: bool, whether weights without the pooler are refused for
        a head that reads it.

    Returns:
      ``ConversionReport``.

    Raises:
      UserError: not readable, not ALBERT, not complete, or not expressible
        in the format; nothing is then written.
    """
    with new_directory(destination) as directory:
        return _convert(
            source,
            directory,
            to,
            head,
            tokenizer,
            {"lower_case": lower_case, "strip_accents": strip_accents},
            needs_pooler,
        )


def _convert(source, directory, to, head, tokenizer, settings, needs_pooler):
    from albert.interchange import names
    from albert.interchange import weight_fit
    from albert.interchange.source import Tensors
    from albert.interchange.starting_point import open_starting_point
    from albert.interchange.tokenizer_comparison import compare
    from albert.interchange.writers import WRITERS

    start = open_starting_point(source)
    opened = start.source
    config = start.find_config()
    head = head or start.head
    shapes = names.expected_shapes(
        config, head, start.num_labels or 1, start.num_decoder_blocks
    )
    if not (needs_pooler and HEADS[head].uses_pooler):
        shapes = {
            name: shape
            for name, shape in shapes.items()
            if name in opened.tensors or not name.startswith("encoder/pooler/")
        }
    unused = weight_fit.check_fit(
        shapes,
        opened,
        f"its configuration with the head {head!r}",
        or_else="or another --head",
    )
    _check_labels(start, head)
    entries = weight_fit.finite_tensors(opened).entries()
    vocabulary = _load_tokenizer(start, config, settings) if tokenizer else None
    homeless = WRITERS[to](
        directory,
        config,
        Tensors({name: entries[name] for name in shapes}),
        vocabulary,
        head,
        start.classifier_dropout,
        start.task if _is_of_task(head, start.task) else {},
    )
    comparison = vocabulary and compare(directory, to, vocabulary)
    return ConversionReport(
        source=opened.path,
        head=head,
        written=len(shapes) - len(homeless),
        sizes={
            **{name: getattr(config, name) for name in _SIZES},
            "parameters": sum(
                math.prod(shape)
                for name, shape in shapes.items()
                if name not in homeless
            ),
        },
        left=unused + homeless,
        tokenizer=vocabulary is not None,
        comparison=comparison,
    )


def _is_of_task(head, task):
    """Whether weights with a head are what a task's description is about."""
    return any(
        HEADS[name].components == HEADS[head].components
        for name in find(task_kind=task.get("kind") or "")
    )


def _check_labels(start, head):
    """Refuses a description with other labels than the weights' outputs."""
    labels = start.task.get("labels")
    if (
        labels
        and HEADS[head].takes_num_labels
        and len(labels) != start.num_labels
    ):
        raise UserError(
            f"{start.path}: its weights have {start.num_labels} outputs, but "
            f"what says its task names {len(labels)}: {', '.join(labels)}: "
            "restore task.json, or id2label in config.json"
        )


def _load_tokenizer(start, config, settings):
    file = start.source.tokenizer
    if file is None:
        return None
    given = {
        name: value for name, value in settings.items() if value is not None
    }
    file = dataclasses.replace(file, **given)
    tokenizer = file.load()
    start.check_pieces(
        config,
        tokenizer,
        remedy=", or leave the tokenizer out with --notokenizer",
    )
    return tokenizer


def define_flags(fv):
    """Defines the command's flags."""
    model = FlagGroup(fv, "Model")
    model.choice("to", None, list(FORMATS), "What to write. Required.")
    model.choice(
        "head",
        None,
        list(HEADS_OF_WEIGHTS),
        "What the weights besides the encoder are. Default: what the source "
        "says; for a checkpoint with output_weights, classification. none "
        "writes the encoder alone.",
    )
    model.boolean("tokenizer", True, "Take the tokenizer along.")
    define_normalization_flags(fv, "Model", None)
    hub = FlagGroup(fv, "Hugging Face Hub")
    hub.string(
        "push",
        None,
        "Send what --to=huggingface wrote there, as owner/name, with a model "
        "card.",
    )
    hub.boolean("private", False, "Make a private repository.")
    hub.boolean(
        "overwrite",
        False,
        "Send it to a repository that holds a model already: a commit takes "
        "the place of its files.",
    )
    hub.boolean(
        "dry_run", False, "Write what --push would send, and show it alone."
    )
    model_card.define_licence_flag(fv)


def main(fv, source, destination):
    """Converts a model, and prints what was written and what was not."""
    check_flags(fv)
    upload, card_there = None, None
    if fv.push:
        upload = hub_upload.HubUpload(fv.push, fv.private, fv.overwrite)
        converted_card.check(source)
        if not fv.dry_run:
            card_there = upload.check()
    command_line.load_tensorflow()
    report = convert(
        source,
        destination,
        fv.to,
        head=fv.head,
        tokenizer=fv.tokenizer,
        lower_case=fv.do_lower_case,
        strip_accents=fv.strip_accents,
    )
    print("\n".join(report.lines(destination)))
    if upload is None:
        return
    if fv.overwrite or card_there is None or model_card.is_unedited(card_there):
        card = converted_card.make_card(
            report.source, fv.push, report.head, report.sizes, fv.licence
        )
        outputs.write_file(
            os.path.join(destination, model_card.CARD_FILE),
            card.encode(),
            "DESTINATION",
        )
    else:
        print(
            f"{fv.push} has a model card that this package has not written: it "
            "stays; --overwrite replaces it"
        )
    print("\n".join(upload.lines(destination)))
    if fv.dry_run:
        print("Nothing was sent (--dry_run).")
    else:
        print(f"Sent: {upload.send(destination)}")


def check_flags(fv):
    """Refuses flags that do not work together."""
    require(fv, "to")
    model_card.check_licence(fv.licence)
    if fv.push:
        hub_upload.check_repository(fv.push)
        if fv.to != "huggingface":
            raise UserError("--push sends what --to=huggingface writes")
        return
    for name in ("private", "overwrite", "dry_run", "licence"):
        if fv[name].value:
            raise UserError(f"--{name} is of --push=owner/name alone")


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
