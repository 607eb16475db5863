# SPDX-License-Identifier: Apache-2.0
"""Defines the model that answers texts in Python.

What answers is what the commands use: ``prediction``, ``embedding``,
``fill_mask`` and ``score``.
"""

import contextlib
import functools
from collections.abc import Sequence

import keras
import numpy as np

from albert import fill_mask
from albert.answering.arguments import NoBadTexts
from albert.answering.arguments import as_list
from albert.answering.arguments import as_texts
from albert.answering.arguments import check_number
from albert.answering.arguments import list_items
from albert.answering.methods import check_method
from albert.answering.methods import methods_of
from albert.embedding.embedder import Embedder
from albert.errors import UserError
from albert.fill_mask import Filling
from albert.heads import HEADS
from albert.prediction.answers import Answer
from albert.prediction.answers import Choice
from albert.prediction.answers import Classification
from albert.prediction.answers import MultiLabelClassification
from albert.prediction.answers import Regression
from albert.prediction.answers import TaggedSentence
from albert.prediction.row_kinds import ROW_KINDS
from albert.prediction.row_kinds import Columns
from albert.prediction.row_kinds import read_windows
from albert.prediction.row_predictions import Counts
from albert.prediction.row_predictions import make_predictor
from albert.progress import show_progress
from albert.score.pseudo_likelihood import Score
from albert.score.pseudo_likelihood import Scorer
from albert.tasks.json_items import Item
from albert.tasks.table import reads_pairs
from albert.tasks.word_splitting import split_words
from albert.training.inference_loop import InferenceLoop

# Texts that are answered together, and from which on progress is shown.
_TOGETHER = 2048


class LoadedModel:
    """Model that answers texts. Made by ``load``.

    Each method takes one text and returns one answer, or takes a list and
    returns a list in the same order. Texts of like length are computed
    together, whatever their order. Texts that are cut, or have nothing that
    the model knows, are counted in a warning.

    Attributes:
      path: str, what was loaded.
      network: the Keras model, see ``albert.AlbertEncoder`` and the classes
        of the heads; its encoder is ``network.encoder``, but of an encoder
        alone.
      tokenizer: ``Tokenizer``.
      head: str, a key of ``albert.heads.HEADS``.
      labels: list of str, or None where there are none.
      max_seq_length: int, pieces that texts are cut at.
    """

    def __init__(self, path, source, strategy, batch_size):
        self.path: str = path
        self.network: keras.Model = source.model
        self.tokenizer = source.tokenizer
        self.head: str = source.head
        self.labels: list[str] | None = source.labels
        self.max_seq_length: int = source.max_seq_length
        self._source = source
        self._strategy = strategy
        self._batch_size = batch_size
        self._scorers = {}
        self._embedders = {}

    def __repr__(self):
        return (
            f"<{type(self).__name__} {self.path!r}, {self.head}: "
            f"{', '.join(self.methods)}>"
        )

    @property
    def methods(self) -> list[str]:
        """The names of the methods that this model has a head for."""
        return methods_of(self.head)

    # ------------------------------------------------ heads that are trained

    def predict(
        self,
        texts: str | Sequence[str],
        texts_b: str | Sequence[str] | None = None,
    ) -> (
        Classification
        | MultiLabelClassification
        | Regression
        | list[Classification | MultiLabelClassification | Regression]
    ):
        """Classifies texts, or scores them: by what the head is.

        Args:
          texts: a text, or a list of them.
          texts_b: the second text of each pair, for models of pairs.

        Returns:
          ``Classification``, ``MultiLabelClassification`` or ``Regression``;
          a list of them for a list.

        Raises:
          UserError: no such head, something that is no text, or one text
            where the model was trained on pairs.
        """
        check_method(self.path, self.head, "predict")
        pairs = reads_pairs(self._source.task)
        if pairs and texts_b is None:
            raise UserError(
                f"{self.path} was trained on pairs of texts: give the second "
                "ones too, .predict(texts, texts_b)"
            )
        if pairs is False and texts_b is not None:
            raise UserError(
                f"{self.path} was trained on single texts: leave out texts_b"
            )
        if texts_b is None:
            return self._answer(["text"], [texts])
        return self._answer(["text", "text_b"], [texts, texts_b])

    def tag(
        self, texts: str | Sequence[str | Sequence[str]]
    ) -> TaggedSentence | list[TaggedSentence]:
        """Tags the words of sentences.

        Args:
          texts: a sentence, or a list of sentences. Each is a text, which is
            split at white space and punctuation, or a list of words.

        Returns:
          ``TaggedSentence``, or a list of them.

        Raises:
          UserError: no such head, or a sentence without words.
        """
        check_method(self.path, self.head, "tag")
        is_one, sentences = as_list("sentence", texts)
        tagged = self._answer(
            ["words"],
            [
                [
                    split_words(each)
                    if isinstance(each, str)
                    else list_items(each)
                    for each in sentences
                ]
            ],
        )
        return tagged[0] if is_one else tagged

    def choose(
        self,
        question: str | Sequence[str],
        options: Sequence[str] | Sequence[Sequence[str]],
        context: str | Sequence[str] | None = None,
    ) -> Choice | list[Choice]:
        """Chooses one of the options of each question.

        Args:
          question: a question, or a list of N.
          options: a list of str; of N questions, N lists.
          context: the text that the question is about, or N of them.

        Returns:
          ``Choice``, or a list of N.

        Raises:
          UserError: no such head, fewer than two options, or more than the
            model was trained on.
        """
        check_method(self.path, self.head, "choose")
        is_one, questions = as_list("question", question)
        if is_one:
            options, context = [options], [context]
        elif context is None:
            context = [None] * len(questions)
        options = list(map(list_items, as_list("options", options)[1]))
        chosen = self._answer(
            ["question", "options", "context"], [questions, options, context]
        )
        return chosen[0] if is_one else chosen

    def answer(
        self,
        question: str | Sequence[str],
        context: str | Sequence[str],
        *,
        null_score_diff_threshold: float | None = None,
    ) -> Answer | list[Answer]:
        """Finds the answers to questions in texts.

        Args:
          question: a question, or a list of N.
          context: the text that may hold the answer, or N of them.
          null_score_diff_threshold: the null score above which there is no
            answer, of models that know of such questions; None: 0.

        Returns:
          ``Answer``, or a list of N.

        Raises:
          UserError: no such head, an empty context, or a threshold of a model
            that answers every question.
        """
        check_method(self.path, self.head, "answer")
        return self._answer(
            ["question", "context"],
            [question, context],
            threshold=null_score_diff_threshold,
        )

    # ------------------------------------------------------ the masked LM

    def fill_mask(
        self, texts: str | Sequence[str], top_k: int = 5
    ) -> list[Filling] | list[list[Filling]]:
        """Fills the places of "[MASK]" in texts.

        Args:
          texts: a text with "[MASK]" in it, or a list of them.
          top_k: pieces for each mask.

        Returns:
          list of a ``Filling`` for each mask of the text; a list of such
          lists for a list.

        Raises:
          UserError: no such head, a text without a mask, or one with more
            pieces than the model reads.
        """
        check_method(self.path, self.head, "fill_mask")
        check_number("top_k", top_k)
        is_one, texts = as_texts(texts)
        fill_mask.check_masks(texts)
        rows = [fill_mask.encode_masked(self.tokenizer, text) for text in texts]
        found = self._by_blocks(
            rows,
            "filling",
            lambda block: fill_mask.fill_masks(
                self.network, self.tokenizer, block, top_k
            ),
        )
        return found[0] if is_one else found

    def score(
        self,
        texts: str | Sequence[str],
        *,
        method: str = "word_l2r",
        long_texts: str = "refuse",
    ) -> Score | list[Score]:
        """Scores texts by how likely they are to the model.

        Args:
          texts: a text, or a list of them.
          method, long_texts: as of `albert score`.

        Returns:
          ``Score``, with ``log_likelihood``, or a list of them.

        Raises:
          UserError: no such head, a text without a piece, or one with more
            pieces than the model reads.
        """
        check_method(self.path, self.head, "score")
        is_one, texts = as_texts(texts)
        key = method, long_texts
        if key not in self._scorers:
            self._scorers[key] = Scorer(self.network, self.tokenizer, *key)
        scorer = self._scorers[key]
        names = iter(range(1, len(texts) + 1))
        found = self._by_blocks(
            texts,
            "scoring",
            lambda block: scorer.score(
                block, [f"text {next(names)}" for _ in block]
            ),
        )
        return found[0] if is_one else found

    # ----------------------------------------------------------- any encoder

    def embed(
        self,
        texts: str | Sequence[str],
        *,
        pooling: str = "mean",
        normalize: bool = False,
    ) -> np.ndarray:
        """Turns texts into vectors.

        Args:
          texts: a text, or a list of N.
          pooling: "mean" of all pieces, with [CLS] and [SEP]; the vector of
            [CLS], "cls"; or the largest values, "max".
          normalize: whether vectors have the length 1.

        Returns:
          float32 [hidden_size], or [N, hidden_size] for a list.

        Raises:
          UserError: something that is no text.
          ValueError: no such pooling.
        """
        is_one, texts = as_texts(texts)
        key = pooling, bool(normalize)
        if key not in self._embedders:
            self._embedders[key] = Embedder(
                self.network,
                self.tokenizer,
                self._strategy,
                self.max_seq_length,
                self._batch_size,
                pooling=pooling,
                normalize=normalize,
            )
        embedder = self._embedders[key]
        embedder.counts = Counts()
        vectors = self._by_blocks(texts, "embedding", embedder.embed)
        embedder.counts.warn("the texts", self.max_seq_length)
        if is_one:
            return vectors[0]
        return np.stack(vectors) if vectors else embedder.embed([])

    # ------------------------------------------------------------------------

    @functools.cached_property
    def _loop(self):
        return InferenceLoop(self.network, None, self._strategy)

    def _answer(self, names, columns, **settings):
        """Answers rows, given as columns, or one row of texts."""
        given = dict(zip(names, map(as_list, names, columns), strict=True))
        is_one, *others = (alone for alone, _ in given.values())
        columns = [column for _, column in given.values()]
        if any(is_one != other for other in others) or any(
            len(column) != len(columns[0]) for column in columns
        ):
            counts = [
                f"{'one' if alone else len(column)} of {name}"
                for name, (alone, column) in given.items()
            ]
            raise UserError(
                f"{', '.join(counts)}: give one of each, or lists of as many"
            )
        kind = ROW_KINDS[HEADS[self.head].label_type](
            Columns(text_b="text_b" if "text_b" in names else None),
            self._source.task,
        )
        kind.most_rows = _TOGETHER
        predictor = make_predictor(
            self._loop, self._source, kind, self._batch_size, **settings
        )
        items = (
            Item(number + 1, number, dict(zip(names, row, strict=True)))
            for number, row in enumerate(zip(*columns, strict=True))
        )
        answers = []
        with _progress("predicting", len(columns[0])) as advance:
            for ids, examples in read_windows(items, kind, NoBadTexts()):
                answers += predictor.answer(ids, examples)
                advance(len(ids))
        predictor.counts.warn("the texts", self.max_seq_length)
        return answers[0] if is_one else answers

    def _by_blocks(self, values, description, function):
        """Returns what a function of lists gives for values: one list."""
        found = []
        with _progress(description, len(values)) as advance:
            for start in range(0, len(values), _TOGETHER):
                block = values[start : start + _TOGETHER]
                found += list(function(block))
                advance(len(block))
        return found


def _progress(description, count):
    """Shows the progress of many texts; of few there is nothing to see."""
    if count > _TOGETHER:
        return show_progress(description, count, "texts", with_rate=True)
    return contextlib.nullcontext(lambda amount: None)
