# SPDX-License-Identifier: Apache-2.0
"""Writes directories that sentence-transformers opens.

The encoder as a directory of transformers, and beside it what the library
reads: modules.json, the steps from a text to its vector; the settings of each,
1_Pooling/ and 2_Normalize/; sentence_bert_config.json, where texts are cut.

Source: SentenceTransformer, Transformer and Pooling of sentence-transformers
6.2. Names are those of version 2.2, which all versions since then read; newer
ones write others.
"""

import contextlib
import dataclasses
import os

from albert import outputs
from albert.convert import ConversionReport
from albert.convert import convert
from albert.errors import UserError
from albert.export import source_models
from albert.export.exported_files import check_destination
from albert.export.exported_files import new_export
from albert.interchange import weight_fit
from albert.interchange.starting_point import open_starting_point

_MODULES_FILE = "modules.json"
_MODEL_FILE = "config_sentence_transformers.json"
_LENGTH_FILE = "sentence_bert_config.json"
_MODULE_CONFIG = "config.json"
# The directories of the steps, by the library's classes.
_PLACES = {
    "Transformer": "",
    "Pooling": "1_Pooling",
    "Normalize": "2_Normalize",
}
# What of its settings is true, by our names of poolings.
_MODES = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
}


@dataclasses.dataclass(frozen=True)
class ExportReport:
    """What ``export`` wrote.

    Attributes:
      destination: str.
      conversion: ``ConversionReport`` of the encoder.
      vectors: str, what the vectors are.
      has_pooler: bool, whether the weights have the encoder's pooler, on which
        no vector depends.
    """

    destination: str
    conversion: ConversionReport
    vectors: str
    has_pooler: bool

    def lines(self):
        """Returns the lines to print: list of str."""
        lines = [*self.conversion.lines(self.destination), self.vectors]
        if not self.has_pooler:
            lines.append(
                "No pooler is in these weights: transformers makes a random "
                "one, and says so; no vector depends on it"
            )
        lines.append(
            "Nothing in this package trains vectors for likeness: measure "
            "them with `albert embed --sts_file`, or train them with "
            "sentence-transformers"
        )
        return lines


def export(
    source,
    destination,
    max_seq_length=None,
    pooling="mean",
    normalize=False,
    overwrite=False,
):
    """Writes the encoder of a model for sentence-transformers.

    Args:
      source: str, a model directory, or whatever else has configuration,
        weights and tokenizer.
      destination: str, a directory that does not exist or is empty.
      max_seq_length: int, pieces that texts are cut at; None: the task's,
        else 128.
      pooling: str of ``modeling.pooling.POOLINGS``.
      normalize: bool, whether vectors have the length 1.
      overwrite: bool, whether an older export at the destination is replaced.

    Returns:
      ``ExportReport``.

    Raises:
      UserError: no such model or length, or transformers cannot express it;
        nothing is written then.
    """
    check_destination(source, destination, overwrite)
    start = open_starting_point(source)
    _check_source(start.source.path)
    config, _ = start.find_config_and_tokenizer()
    length = source_models.find_length(
        start.path, config, start.task, max_seq_length
    )

    @contextlib.contextmanager
    def new_directory(path):
        with new_export(source, path, overwrite) as directory:
            yield directory
            _write_modules(
                directory, config.hidden_size, length, pooling, normalize
            )

    conversion = convert(
        start,
        destination,
        "huggingface",
        head="none",
        new_directory=new_directory,
        needs_pooler=False,
    )
    return ExportReport(
        destination,
        conversion,
        f"Vectors: {config.hidden_size} numbers, pooling {pooling}"
        f"{', of length 1' if normalize else ''}; texts are cut at {length} "
        "pieces",
        any(map(weight_fit.is_pooler, start.source.tensors)),
    )


def _check_source(path):
    """Refuses a directory of the library, whose steps are not read here."""
    file = os.path.join(path, _MODULES_FILE)
    if os.path.exists(file):
        raise UserError(
            f"{file}: tells that this is a directory of sentence-transformers "
            "already, whose pooling and further steps this package does not "
            "read: use it as it is, or take its encoder with `albert convert`"
        )


def _write_modules(directory, width, length, pooling, normalize):
    """Writes the files that a directory of transformers lacks.

    Args:
      directory: str, where transformers' files are.
      width: int, numbers of a vector.
      length, pooling, normalize: see ``export``.
    """
    settings = {
        "Transformer": {},
        "Pooling": {
            "word_embedding_dimension": width,
            **{key: name == pooling for name, key in _MODES.items()},
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
    }
    if normalize:
        settings["Normalize"] = {}
    outputs.write_json(
        os.path.join(directory, _MODULES_FILE),
        [
            {
                "idx": index,
                "name": str(index),
                "path": _PLACES[name],
                "type": f"sentence_transformers.models.{name}",
            }
            for index, name in enumerate(settings)
        ],
    )
    for name, values in settings.items():
        if _PLACES[name]:
            place = os.path.join(directory, _PLACES[name])
            outputs.make_directory(place)
            outputs.write_json(os.path.join(place, _MODULE_CONFIG), values)
    # The case is the tokenizer's business.
    outputs.write_json(
        os.path.join(directory, _LENGTH_FILE),
        {"max_seq_length": length, "do_lower_case": False},
    )
    outputs.write_json(
        os.path.join(directory, _MODEL_FILE),
        {
            "model_type": "SentenceTransformer",
            "prompts": {},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    )
