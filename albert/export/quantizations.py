# SPDX-License-Identifier: Apache-2.0
"""Names the quantisations of exported files, and refuses those that lose much.

A file is judged by the numbers that it gives, and by the answers (labels,
tags, starts and ends, pieces) that these numbers mean.
"""

import math

from absl import logging

from albert.errors import UserError

QUANTIZATIONS = ("float32", "float16", "int8")

# The largest difference from the Keras model that is let pass, as a part of
# the largest output (of 1 where that is smaller). float32 differs in the order
# of its sums. float16 rounds weights by up to 2^-11 of themselves, bfloat16
# weights and vectors by up to 2^-9. int8 rounds a matrix and the vector it is
# multiplied with by up to 1/254 of the largest number of each, and that in
# every layer. These are some ten times what sound models show (2e-6, 0.005,
# 0.01, 0.03, up to 12 layers); what is broken differs by the whole output, or
# is no number.
LIMITS = {"float32": 1e-4, "float16": 0.05, "bfloat16": 0.1, "int8": 0.3}

# Of the answers, those that must be equal, where no flag says another share.
MIN_AGREEMENT = 0.9
# Below it, a warning.
GOOD_AGREEMENT = 0.99

_IN_FLOAT32 = "let clients compute in float32, as docs/engines.md shows"


def check_names(names):
    """Returns the quantisations that were asked for, each once.

    Raises:
      UserError: there are none, or one is not of ``QUANTIZATIONS``.
    """
    for name in names:
        if name not in QUANTIZATIONS:
            raise UserError(
                f"--quantization {name}: it must be of "
                f"{', '.join(QUANTIZATIONS)}"
            )
    if not names:
        raise UserError(
            f"--quantization is empty: give some of {', '.join(QUANTIZATIONS)}"
        )
    return list(dict.fromkeys(names))


def check_comparison(
    source,
    name,
    comparison,
    min_agreement=MIN_AGREEMENT,
    possible=QUANTIZATIONS,
):
    """Refuses a file that differs too much from its model, or warns of it.

    What a float32 file gives in bfloat16 is warned of, too: whether an engine
    computes so is a setting of its clients.

    Args:
      source: str, the model.
      name: str, a key of ``LIMITS``.
      comparison: ``verification.Comparison``.
      min_agreement: float, share of the answers that must be equal.
      possible: names of ``QUANTIZATIONS``, those that the format can have.

    Raises:
      UserError: its outputs are no numbers, or differ too much, or too many
        answers do.
    """
    others = ",".join(each for each in possible if each != name)
    remedy = f"leave it out, with --quantization={others}"
    # Where that is wrong, all are.
    if name in ("float32", "bfloat16"):
        remedy = "use another format"
    if math.isnan(comparison.relative):
        raise UserError(
            f"{source} as {name}: the converted model gives NaN or infinite "
            f"numbers (weights beyond the range of {name}?): {remedy}"
        )
    if comparison.relative > LIMITS[name]:
        told = (
            f"{source} as {name}: outputs of the converted model differ by "
            f"{comparison.difference:.2g}, which is {comparison.relative:.2g} "
            f"of the largest one and more than {LIMITS[name]:g}"
        )
        if name == "bfloat16":
            logging.warning("%s: %s", told, _IN_FLOAT32)
            return
        raise UserError(f"{told}: {remedy}")
    if not comparison.answers:
        return
    agreement = comparison.agreeing / comparison.answers
    told = (
        f"{source} as {name}: {comparison.agreeing} of {comparison.answers} "
        "answers are those of the model"
    )
    if name == "bfloat16" and agreement < GOOD_AGREEMENT:
        logging.warning("%s: %s", told, _IN_FLOAT32)
    elif agreement < min_agreement:
        raise UserError(
            f"{told}, a share of {agreement:.3f} and less than "
            f"--min_agreement={min_agreement:g}: {remedy}, or check it on "
            "more texts of its kind, with --text_file"
        )
    elif agreement < GOOD_AGREEMENT:
        logging.warning("%s, a share of %.3f only", told, agreement)
