# SPDX-License-Identifier: Apache-2.0
"""Opens the weights that a model starts from, of any format or random."""

import dataclasses
import functools
import os

import numpy as np

from albert import heads
from albert import model_directory
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.file_fingerprints import fingerprint_weights
from albert.heads import HEADS
from albert.interchange import bert_names
from albert.interchange import google
from albert.interchange import huggingface
from albert.interchange import kerashub
from albert.interchange import task_description
from albert.interchange.source import Source
from albert.interchange.source import Tensors
from albert.interchange.variable_table import BERT_FORMATS
from albert.interchange.weight_paths import find_weights
from albert.tasks.label_types import find_order
from albert.text.tokenizers import load_tokenizer

# The last one also explains what is wrong with a path that none matches.
_FORMATS = (huggingface, kerashub, google)


def open_starting_point(path=None):
    """Opens the weights that a model starts from.

    Args:
      path: a model directory or training checkpoint of this project;
        Google's release as an archive, its unpacked directory or a checkpoint
        prefix; a TF-Hub v1 module directory; a directory of transformers; a
        preset directory of KerasHub; or a file of one of these, see
        ``weight_paths.find_weights``. None where weights are random. A
        ``StartingPoint`` is returned as it is.

    Returns:
      ``StartingPoint``.

    Raises:
      UserError: none of these, damaged, or no ALBERT.
    """
    if isinstance(path, StartingPoint):
        return path
    if not path:
        return StartingPoint()
    path = os.fspath(path)
    source_path = find_weights(path)
    chosen = _find_format(source_path) or google
    return StartingPoint(path, chosen.open_source(source_path))


def holds_foreign_weights(directory):
    """Tells whether transformers' or KerasHub's weights lie in a directory."""
    return os.path.isdir(directory) and _find_format(directory) in (
        huggingface,
        kerashub,
    )


def _find_format(path):
    """Returns the module that reads what lies at a path, or None."""
    # What was trained there counts, whatever else lies beside it.
    if model_directory.is_of_run(path):
        return google
    return next((each for each in _FORMATS if each.matches(path)), None)


@dataclasses.dataclass(frozen=True, eq=False)
class StartingPoint:
    """Weights that a model starts from, with their configuration and tokenizer.

    Made by ``open_starting_point``. What may be missing or unusable is looked
    at when it is asked for: weights can be loaded without their tokenizer.

    Attributes:
      path: str, what the user gave, or None where weights are random.
      source: ``Source``, which reads each of the weights when it is asked
        for, or None where they are random.
      config, classifier_dropout: as of ``Source``; None where weights are
        random.
    """

    path: str | None = None
    source: Source | None = None

    @property
    def config(self):
        return self.source and self.source.config

    @property
    def classifier_dropout(self):
        return self.source and self.source.classifier_dropout

    @property
    def parts_bert_lacks(self):
        """Parts of a pretraining model that start anew where this is a BERT."""
        if self.source is None or self.source.format not in BERT_FORMATS:
            return ()
        return bert_names.find_lacking_parts(self.source.tensors)

    @functools.cached_property
    def tokenizer(self):
        """The ``Tokenizer`` beside the weights, or None where there is none.

        Raises:
          UserError: it cannot be read or expressed.
        """
        file = self.source and self.source.tokenizer
        return file and file.load()

    @functools.cached_property
    def sha256(self):
        """str, of the files of the weights; None where they are random."""
        if self.source is None:
            return None
        # A path into an archive is none of a file.
        return fingerprint_weights(self.source.path) or fingerprint_weights(
            find_weights(self.path)
        )

    @functools.cached_property
    def task(self):
        """What the model was fine-tuned for: ``task_description.read``."""
        return task_description.read(self.path)

    @functools.cached_property
    def head(self):
        """The head, a key of ``HEADS``; "none" of random weights.

        Where the format does not say it, the weights do. Google's root-level
        weights are the same for a classifier of texts, of tokens and of
        choices: the task says which one it is, and without a task it is a
        classifier of texts, which is what Google released.

        Raises:
          UserError: weights of several heads, or of one that some program of
            its own computes with.
        """
        if self.source is None:
            return "none"
        refusal = self.source.head_refusal
        if self.source.head is not None and not refusal:
            return self.source.head
        found = heads.find_in_components(
            {name.split("/")[0] for name in self.source.tensors}
        )
        if found and refusal:
            raise UserError(refusal)
        if len(found) > 1:
            raise UserError(
                f"{self.source.path} holds several heads ({', '.join(found)}): "
                "say which one is meant with --head"
            )
        if not found:
            return "none"
        of_task = [
            HEADS[name].weights_of or name
            for name in heads.find(
                task_kind=self.task.get("kind") or "",
                components=HEADS[found[0]].components,
            )
        ]
        return (of_task or found)[0]

    def has_head(self, head):
        """Tells whether weights have a head that can be trained on.

        Args:
          head: a key of ``HEADS``.
        """
        if self.source and self.source.head_refusal:
            return False
        return self.head == head

    @property
    def num_labels(self):
        """The number of outputs of a "classifier", or None."""
        name = "classifier/output_bias"
        if self.source is None or name not in self.source.tensors:
            return None
        shape = self.source.tensors.shape(name)
        return shape[0] if shape else None

    @property
    def num_decoder_blocks(self):
        """The number of layers of a "decoder" with weights of their own."""
        tensors = self.source.tensors if self.source else ()
        parts = {tuple(name.split("/")[:2]) for name in tensors}
        return sum(
            component == "decoder" and layer.startswith("layer_")
            for component, layer in parts
        )

    def in_order_of(self, labels):
        """Returns the ``Source`` with its classes in another order.

        Args:
          labels: sequence of str, the classes in the order that is wanted.
            Weights that do not name theirs have that order already.

        Raises:
          UserError: the weights have other classes.
        """
        theirs = self.task.get("labels")
        if not theirs or self.num_labels != len(theirs):
            return self.source
        order = find_order(theirs, labels)
        if order is None:
            raise UserError(
                f"{self.path} has the classes {', '.join(theirs)}, not "
                f"{', '.join(labels)}: use a model of these classes, or write "
                "the names that are meant into its config.json (id2label) or "
                "task.json (labels)"
            )
        tensors = self.source.tensors
        entries = tensors.entries() | {
            name: tensors.map(
                name, tensors.shape(name), lambda rows: np.asarray(rows)[order]
            )
            for name in tensors
            if name.startswith("classifier/")
        }
        return dataclasses.replace(self.source, tensors=Tensors(entries))

    # ---------------------------------------------- combined with the flags

    def find_config_and_tokenizer(
        self,
        albert_config_file=None,
        model_size=None,
        vocabulary_file=None,
        do_lower_case=None,
        strip_accents=None,
        dropout=None,
    ):
        """Returns the configuration and the tokenizer of a model.

        Each argument is the value of a flag, of its name where no other is
        given, or None for what came with the weights.

        Args:
          albert_config_file: str, path of a configuration.
          model_size: str, a key of ``NAMED_SIZES``; it takes the vocabulary
            size of the tokenizer.
          vocabulary_file: str, path of a SentencePiece model
            (--spm_model_file) or a WordPiece vocabulary (--vocab_file); its
            other settings are those that came with the weights.
          do_lower_case, strip_accents: bool.
          dropout: float, dropout inside the encoder.

        Returns:
          (``AlbertConfig``, ``Tokenizer``).

        Raises:
          UserError: one of them cannot be found, or they do not fit together.
        """
        tokenizer = self.find_tokenizer(
            vocabulary_file, do_lower_case, strip_accents
        )
        config = self.find_config(albert_config_file, model_size, tokenizer)
        if dropout is not None:
            config = dataclasses.replace(
                config,
                hidden_dropout_prob=dropout,
                attention_probs_dropout_prob=dropout,
            )
        return config, tokenizer

    def find_config(
        self, albert_config_file=None, model_size=None, tokenizer=None
    ):
        """Returns the ``AlbertConfig`` of a model.

        Args:
          albert_config_file, model_size: as of ``find_config_and_tokenizer``.
          tokenizer: ``Tokenizer`` that it must fit, or None.

        Raises:
          UserError: there is none, or it has another vocabulary size.
        """
        config = self.config
        if albert_config_file:
            config = AlbertConfig.from_json(albert_config_file)
        elif model_size:
            vocabulary = (
                {"vocab_size": tokenizer.vocabulary_size} if tokenizer else {}
            )
            config = AlbertConfig.named(model_size, **vocabulary)
        if config is None:
            raise self._missing(
                "configuration",
                model_directory.CONFIG_FILE,
                "--albert_config_file",
            )
        if tokenizer and tokenizer.vocabulary_size != config.vocab_size:
            raise self._size_mismatch(config, tokenizer)
        return config

    def find_tokenizer(
        self, vocabulary_file=None, do_lower_case=None, strip_accents=None
    ):
        """Returns the ``Tokenizer`` of a model.

        Args:
          vocabulary_file, do_lower_case, strip_accents: as of
            ``find_config_and_tokenizer``.

        Raises:
          UserError: there is none, it cannot be used, or it is not that of
            the weights.
        """
        if not vocabulary_file:
            if self.tokenizer is None:
                raise self._missing(
                    "tokenizer",
                    f"{model_directory.TOKENIZER_FILE} or "
                    f"{model_directory.WORDPIECE_FILE}",
                    "--spm_model_file or --vocab_file",
                )
            for flag, value, own in (
                ("do_lower_case", do_lower_case, self.tokenizer.lower_case),
                ("strip_accents", strip_accents, self.tokenizer.strip_accents),
            ):
                if value not in (None, own):
                    raise UserError(
                        f"--{flag} is {value}, but that of {self.path} is "
                        f"{own}: leave the flag out"
                    )
            return self.tokenizer
        own = self.usable_tokenizer()
        settings = dict(own.settings) if own else {}
        if do_lower_case is not None:
            settings["lower_case"] = do_lower_case
        if strip_accents is not None:
            settings["strip_accents"] = strip_accents
        tokenizer = load_tokenizer(vocabulary_file, **settings)
        if own and own.pieces != tokenizer.pieces:
            raise UserError(
                f"{vocabulary_file} has other pieces than the tokenizer of "
                f"{self.path}: leave the flag out"
            )
        return tokenizer

    def check_pieces(self, config, tokenizer, remedy=""):
        """Refuses a tokenizer with more pieces than the model has.

        A conversion takes a tokenizer with fewer: some models have more
        embeddings than pieces, for the sake of a device.

        Args:
          config: ``AlbertConfig``.
          tokenizer: ``Tokenizer``.
          remedy: str, what else the command's user can do, for the message.

        Raises:
          UserError: there are more.
        """
        if tokenizer.vocabulary_size > config.vocab_size:
            raise self._size_mismatch(config, tokenizer, remedy)

    def usable_tokenizer(self):
        """Returns the tokenizer beside the weights, where another is given.

        One that cannot be used does not matter then.
        """
        file = self.source and self.source.tokenizer
        return self.tokenizer if file and not file.refusal else None

    def _missing(self, part, file, flag):
        return UserError(
            f"{self.path or 'a new model'} comes without a {part}: give it "
            f"with {flag}, or, to a command without that flag, beside the "
            f"weights as {file}"
        )

    def _size_mismatch(self, config, tokenizer, remedy=""):
        return UserError(
            f"{self.path or 'a new model'}: vocab_size is "
            f"{config.vocab_size}, but {tokenizer.model_file} has "
            f"{tokenizer.vocabulary_size} pieces: give the configuration and "
            f"the vocabulary of one model{remedy}"
        )
