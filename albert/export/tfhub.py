# SPDX-License-Identifier: Apache-2.0
"""Exports a pretrained model as TF Hub's encoder and preprocessor.

DESTINATION/encoder/            the reusable encoder, a SavedModel
DESTINATION/preprocessor/       the SavedModel that makes its inputs of text
DESTINATION/encoder.tar.gz      the same as archives, as TF Hub serves them
DESTINATION/preprocessor.tar.gz
DESTINATION/encoder.md          their pages, filled from the model
DESTINATION/preprocessor.md
DESTINATION/albert_export.json  the list of these files
"""

import dataclasses
import os
import re

from albert import outputs
from albert.errors import UserError
from albert.export import publishing
from albert.export.exported_files import check_destination
from albert.export.exported_files import new_export
from albert.heads import HEADS

ENCODER = "encoder"
PREPROCESSOR = "preprocessor"
# Largest difference of an exported encoder to the model, float32.
TOLERANCE = 1e-4
_SERVICES = ("kaggle",)


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """The files that ``export`` wrote, and what it checked and sent.

    Attributes:
      source: str, the weights that were read.
      destination: str.
      difference: float, the largest one between the model and the encoder
        that was written, loaded again.
      uploads: list of ``publishing.Upload``.
      sent: bool, whether they were sent.
    """

    source: str
    destination: str
    difference: float
    uploads: list
    sent: bool

    def lines(self):
        """Returns the lines to print: list of str."""
        lines = [f"Source: {self.source}"]
        for name in (ENCODER, PREPROCESSOR):
            path = os.path.join(self.destination, name)
            archive = f"{path}.tar.gz"
            lines.append(
                f"Written: {path}, {archive} "
                f"({os.path.getsize(archive):,} bytes), {path}.md"
            )
        lines.append(
            "Loaded again, the encoder's outputs differ from the model's by "
            f"{self.difference:.1e} at most"
        )
        if self.uploads:
            lines.append(
                "Sent to Kaggle:"
                if self.sent
                else "Would be sent to Kaggle (--dry_run, nothing was sent):"
            )
            for upload in self.uploads:
                lines += upload.lines()
            lines.append(
                f"The pages ({ENCODER}.md, {PREPROCESSOR}.md) are for the "
                "descriptions at Kaggle, which are edited there"
            )
        return lines


def export(
    source,
    destination,
    version=1,
    licence=None,
    handle=None,
    language=None,
    seq_length=None,
    notes="",
    publish=None,
    dry_run=False,
    overwrite=False,
):
    """Writes the two SavedModels, their archives and their pages.

    Args:
      source: str, a model directory of pretraining, or other weights that
        ``albert.load_weights`` takes, with a tokenizer.
      destination: str, a directory that does not exist or is empty.
      version: int from 1, of the model at the publisher's; for the pages.
      licence: str, a key of ``publishing.LICENCES``, or None.
      handle: str, OWNER/MODEL/tensorFlow2/VARIATION at Kaggle, or None. The
        preprocessor's is the same with "-preprocess" behind it.
      language: str, ISO 639-1 code of the training text, or None.
      seq_length: int, that of the preprocessor; None: 128, or the model's
        positions where they are fewer.
      notes: str, for the version at Kaggle.
      publish: "kaggle", or None.
      dry_run: bool, whether to tell what would be sent and not to send it.
      overwrite: bool, whether an older export at the destination is replaced.

    Returns:
      ``ExportReport``.

    Raises:
      UserError: not a pretrained encoder, no tokenizer, something is at the
        destination, an option that cannot be, or Kaggle did not take it;
        nothing is written then.
    """
    licence = publishing.licence_of(licence)
    handle = publishing.Handle.parse(handle) if handle else None
    _check_options(version, language, handle, licence, publish, dry_run)

    import tensorflow as tf

    from albert.export import preprocessor
    from albert.export import publishing_facts
    from albert.export import publishing_page
    from albert.export import tfhub_encoder
    from albert.interchange.starting_point import open_starting_point

    check_destination(source, destination, overwrite)
    start = open_starting_point(source)
    config, tokenizer = _check_source(start)
    seq_length = _checked_seq_length(
        seq_length, config, preprocessor.DEFAULT_SEQ_LENGTH
    )
    encoder, heads, weights = _load(start, config)
    facts = publishing_facts.read(source, encoder, heads, tokenizer, weights)
    publication = publishing_page.Publication(
        version=version,
        handle=handle,
        licence=licence,
        language=language,
        encoder=ENCODER,
        preprocessor=PREPROCESSOR,
        seq_length=seq_length,
        tensorflow=tf.__version__,
    )

    uploads = {}
    if publish:
        uploads = {
            name: publishing.Upload(
                each, os.path.join(destination, name), licence, notes
            )
            for name, each in (
                (ENCODER, handle),
                (PREPROCESSOR, handle.preprocessor),
            )
        }

    with new_export(source, destination, overwrite) as directory:
        path = os.path.join(directory, ENCODER)
        tfhub_encoder.save(path, encoder, tokenizer, **heads)
        difference = tfhub_encoder.difference(path, encoder)
        if not difference <= TOLERANCE:
            raise UserError(
                f"{source}: the exported encoder differs by {difference} from "
                "the model, so that nothing is written: see whether the model "
                "has weights that are no numbers"
            )
        preprocessor.save(
            os.path.join(directory, PREPROCESSOR),
            tokenizer,
            encoder.config.longest_sequence,
            seq_length,
        )
        for name, page in (
            (ENCODER, publishing_page.encoder_page),
            (PREPROCESSOR, publishing_page.preprocessor_page),
        ):
            path = os.path.join(directory, name)
            publishing.make_repeatable(path)
            publishing.write_archive(path, f"{path}.tar.gz")
            outputs.write_file(f"{path}.md", page(facts, publication).encode())
        if not dry_run:
            _send(uploads, directory, version)
    return ExportReport(
        source=weights,
        destination=destination,
        difference=difference,
        uploads=list(uploads.values()),
        sent=bool(uploads) and not dry_run,
    )


def _send(uploads, directory, version):
    """Sends what was exported; says what stays there if a later one fails."""
    sent = []
    for name, upload in uploads.items():
        try:
            upload.send(os.path.join(directory, name))
        except UserError as error:
            if not sent:
                raise
            raise UserError(
                f"{error}. {', '.join(sent)} was sent before and stays there "
                f"as version {version}: the next try makes another version of "
                f"it, so give --version={version + 1}"
            ) from error
        sent.append(str(upload.handle))


def _check_options(version, language, handle, licence, publish, dry_run):
    if version < 1:
        raise UserError(f"--version={version}: must be 1 or more")
    if language is not None and not re.fullmatch("[a-z]{2}", language):
        raise UserError(
            f"--language={language}: must be a code of ISO 639-1, such as en"
        )
    if dry_run and not publish:
        raise UserError("--dry_run is for --publish=kaggle: give both")
    if publish is None:
        return
    if publish not in _SERVICES:
        raise UserError(
            f"--publish={publish}: must be one of {', '.join(_SERVICES)}"
        )
    for flag, value in (("--handle", handle), ("--licence", licence)):
        if value is None:
            raise UserError(f"--publish={publish} needs {flag}")
    if not dry_run:
        publishing.check_kaggle()


def _check_source(start):
    """Refuses all but a pretrained encoder; returns (config, tokenizer)."""
    if HEADS[start.head].label_type is not None:
        raise UserError(
            f"{start.path} is a model of a task ({start.head}): TF Hub's "
            "encoders are pretrained models: give the directory that it was "
            "fine-tuned from, or use --format=serving"
        )
    config, tokenizer = start.find_config(), start.find_tokenizer()
    start.check_pieces(config, tokenizer)
    return config, tokenizer


def _checked_seq_length(seq_length, config, default):
    from albert.tasks.truncation import MIN_SEQUENCE_LENGTH

    limit = config.longest_sequence
    if seq_length is None:
        return min(default, limit)
    if not MIN_SEQUENCE_LENGTH <= seq_length <= limit:
        raise UserError(
            f"--seq_length={seq_length}: must be {MIN_SEQUENCE_LENGTH} to "
            f"{limit}, the positions of the model"
        )
    return seq_length


def _load(start, config):
    """Returns (encoder, dict of its heads by name, path of the weights)."""
    from albert.interchange.weights import load_weights
    from albert.modeling.encoder import AlbertEncoder
    from albert.modeling.models import AlbertPretrainer

    # Variables in the SavedModel have the names that the models give them.
    if start.head == "none":
        encoder = AlbertEncoder(config, name="encoder")
        return encoder, {}, load_weights(encoder, start).source
    model = AlbertPretrainer(config, name="pretrainer")
    heads = {
        "masked_lm": model.masked_lm,
        "sentence_order": model.sentence_order,
    }
    fresh = ()
    if start.head == "masked_lm":
        fresh = ("sentence_order",)
        del heads["sentence_order"]
    weights = load_weights(model, start, fresh=fresh).source
    return model.encoder, heads, weights
