# SPDX-License-Identifier: Apache-2.0
"""Computes BLEU, chrF and ROUGE of texts that a model wrote.

BLEU and chrF are those of sacrebleu (Post 2018), whose signature says how they
were computed; ROUGE is that of rouge-score. Both packages are the extra
"translate".
"""

import importlib
import importlib.metadata
import re
import unicodedata

from albert.errors import UserError

METRICS = ("bleu", "chrf", "rouge")
BLEU_TOKENIZERS = ("13a", "intl", "zh", "char", "none")

_PACKAGES = {
    "bleu": "sacrebleu",
    "chrf": "sacrebleu",
    "rouge": "rouge_score",
}
_ROUGE_TYPES = {"rouge1": "rouge_1", "rouge2": "rouge_2", "rougeL": "rouge_l"}
# Letters of scripts that put no spaces between words: Thai, Lao, Burmese, Tai
# scripts, Khmer, Japanese, Chinese.
SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"
    "\u3005-\u3007\u3040-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua9e0-\ua9ff\uaa60-\uaadf\uf900-\ufaff\uff66-\uff9f"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)


def check_installed(metrics):
    """Refuses metrics whose package is not installed.

    Args:
      metrics: names of ``METRICS``.

    Raises:
      UserError: naming the package.
    """
    for metric in metrics:
        _import(_PACKAGES[metric], metric)


def compute(metrics, written, references, lower_case, bleu_tokenizer="13a"):
    """Computes metrics of the texts of a split.

    Args:
      metrics: names of ``METRICS``.
      written: list of N str, what a model wrote.
      references: list of N str, what a person wrote.
      lower_case: bool, compare without regard to case; ROUGE always does.
      bleu_tokenizer: str of ``BLEU_TOKENIZERS``.

    Returns:
      (values, signatures): dict of float, all from 0 to 100: bleu, chrf,
      rouge_1, rouge_2, rouge_l; and dict of str, how each metric was computed.

    Raises:
      UserError: a package is not installed.
    """
    values, signatures = {}, {}
    for metric in metrics:
        if metric == "rouge":
            found, signatures[metric] = _compute_rouge(written, references)
            values |= found
            continue
        sacrebleu = _import("sacrebleu.metrics", metric)
        if metric == "bleu":
            scorer = sacrebleu.BLEU(
                lowercase=lower_case, tokenize=bleu_tokenizer
            )
        else:
            scorer = sacrebleu.CHRF(lowercase=lower_case)
        values[metric] = scorer.corpus_score(written, [references]).score
        signatures[metric] = str(scorer.get_signature())
    return values, signatures


def _compute_rouge(written, references):
    """Returns (dict of float, str): mean F-measures, and their signature."""
    rouge_scorer = _import("rouge_score.rouge_scorer", "rouge")
    scorer = rouge_scorer.RougeScorer(
        list(_ROUGE_TYPES), use_stemmer=False, tokenizer=_Words()
    )
    sums = dict.fromkeys(_ROUGE_TYPES, 0.0)
    for text, reference in zip(written, references, strict=True):
        scores = scorer.score(reference, text)
        for name in sums:
            sums[name] += scores[name].fmeasure
    count = max(1, len(written))
    values = {_ROUGE_TYPES[name]: 100 * sums[name] / count for name in sums}
    version = importlib.metadata.version("rouge-score")
    return values, f"f:mean|stem:no|words:unicode|version:{version}"


class _Words:
    """Tokenizer of words of any script.

    That of rouge-score itself knows the letters a to z alone; on texts of
    these both are the same.
    """

    def tokenize(self, text):
        """Returns the words of a text, in lower case and NFC: list of str.

        They are runs of letters, marks and digits. Of scripts without spaces,
        each letter is one, with its marks.
        """
        words, goes_on, takes_marks = [], False, False
        for character in unicodedata.normalize("NFC", text.lower()):
            kind = unicodedata.category(character)[0]
            is_alone = kind == "L" and bool(SPACELESS.match(character))
            if (
                kind == "M"
                and takes_marks
                or (kind in "LMN" and goes_on and not is_alone)
            ):
                words[-1] += character
            elif kind in "LMN":
                words.append(character)
                goes_on = not is_alone
            else:
                goes_on = False
            takes_marks = kind in "LMN"
        return words


def _import(module, metric):
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0].replace("_", "-")
        raise UserError(
            f"--metrics={metric} needs the package {package}, which is not "
            "installed: pip install 'albert-keras[translate]', or give "
            "--metrics=none"
        ) from None
