# SPDX-License-Identifier: Apache-2.0
"""Tells which examples have the same text.

Texts that differ in white space or capitals are the same. Questions have the
text of their article.
"""


def of_examples(examples):
    """Yields the text of each example, as something that can be hashed.

    Args:
      examples: of ``interface.load``.
    """
    if hasattr(examples, "articles"):
        articles = list(map(_normalize, examples.articles))
        # An article may be missing, as "", where questions stand alone.
        for number, question in zip(
            examples.article_numbers, examples.questions, strict=True
        ):
            yield articles[number] or (_normalize(question),)
    elif hasattr(examples, "sentences"):
        for sentence in examples.sentences:
            yield tuple(map(_normalize, sentence))
    elif examples.texts_b is None:
        yield from map(_normalize, examples.texts)
    else:
        for pair in zip(examples.texts, examples.texts_b, strict=True):
            yield tuple(map(_normalize, pair))


def count_shared(examples, others):
    """Counts the examples whose text others have, too: int.

    Args:
      examples, others: of ``interface.load``.
    """
    # Hashes, as the texts of others may be many.
    known = set(map(hash, of_examples(others)))
    return sum(hash(each) in known for each in of_examples(examples))


def _normalize(text):
    return " ".join(text.split()).casefold()
