# SPDX-License-Identifier: Apache-2.0
"""Summaries of times that were measured in turn, and their table."""

import os
import statistics

_HEADER = (
    "work",
    "program",
    "seconds: median (least to most)",
    "times as long as this project: median of pairs (least to most)",
    "share of the limit of matrix products",
    "peak memory, GB",
    "first run after the start, s",
)
# Of /proc/cpuinfo: what decides how fast bfloat16 is.
_FEATURES = ("amx_bf16", "avx512_bf16")


def ratios(own, others):
    """Returns (median, least, most) of the quotients of pairs.

    Args:
      own, others: lists of seconds; the same place is one pair, measured one
        right after the other.
    """
    quotients = [other / mine for mine, other in zip(own, others, strict=True)]
    return statistics.median(quotients), min(quotients), max(quotients)


def share_of_limit(seconds, flops, limit_seconds, limit_flops):
    """Returns which part of the limit a work reaches: median of pairs.

    Args:
      seconds: list of float, times of the work.
      flops: int, of the work's matrix products.
      limit_seconds: list of float, times of products alone, pair by pair.
      limit_flops: int, of those products.
    """
    return statistics.median(
        flops / mine / (limit_flops / limit)
        for mine, limit in zip(seconds, limit_seconds, strict=True)
    )


def table(results):
    """Returns the lines of a Markdown table.

    Args:
      results: list of dict: "work", str; "programs", list of dict with
        "name", "seconds" (list), "peak_memory_bytes", "first_seconds"; and
        optionally "share_of_limit", or "tflops_per_second" (list) of the
        limit itself. The first program is this project.
    """
    rows = [_HEADER, ["---"] * len(_HEADER)]
    for result in results:
        own = result["programs"][0]
        for program in result["programs"]:
            ratio = ""
            if program is not own and "tflops_per_second" not in program:
                pairs = ratios(own["seconds"], program["seconds"])
                ratio = "{:.2f} ({:.2f} to {:.2f})".format(*pairs)
            share = program.get("share_of_limit")
            rows.append(
                [
                    result["work"],
                    program["name"],
                    _seconds(program["seconds"]),
                    ratio,
                    "" if share is None else f"{share:.0%}",
                    f"{program['peak_memory_bytes'] / 1e9:.2f}",
                    f"{program['first_seconds']:.1f}",
                ]
            )
    return [f"| {' | '.join(row)} |" for row in rows]


def limits_and_versions(results):
    """Returns lines of what the limits were, and of the versions."""
    lines, versions = [], {}
    for result in results:
        for program in result["programs"]:
            versions |= program["versions"]
            rates = program.get("tflops_per_second")
            if rates:
                middle = statistics.median(rates)
                lines.append(
                    f"limit of {result['work']}: {middle:.3g} TFLOP/s "
                    f"({min(rates):.3g} to {max(rates):.3g})"
                )
    packages = sorted(versions.items())
    lines.append(", ".join(f"{name} {version}" for name, version in packages))
    return lines


def machine(path="/proc/cpuinfo"):
    """Returns what the processor is: dict.

    Args:
      path: the file in which Linux describes it.
    """
    with open(path, encoding="utf-8") as file:
        cpuinfo = file.read()
    values = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        values.setdefault(name.strip(), value.strip())
    features = values.get("flags", "").split()
    return {
        "processor": values["model name"],
        "cores": len(os.sched_getaffinity(0)),
        **{name: name in features for name in _FEATURES},
    }


def describe_machine(values):
    """Returns a line of what ``machine`` found."""
    features = ", ".join(
        f"{'with' if values[name] else 'without'} {name}" for name in _FEATURES
    )
    cores = f"{values['cores']} core" + ("s" if values["cores"] > 1 else "")
    return f"{values['processor']}, {cores}, {features}"


def _seconds(values):
    middle, least, most = statistics.median(values), min(values), max(values)
    return f"{middle:.3g} ({least:.3g} to {most:.3g})"
