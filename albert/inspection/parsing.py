# SPDX-License-Identifier: Apache-2.0
"""Parses serialised records, and finds those that are not as they should be."""

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

_LISTS = {
    tf.int64: "int64_list",
    tf.float32: "float_list",
    tf.string: "bytes_list",
}


def parse(kind, payloads):
    """Parses serialised records.

    Args:
      kind: as ``opening.open_kind`` returns it.
      payloads: list of R bytes.

    Returns:
      (dict of the arrays [R', length] of the R' records that are right, bool
      [R] which they are, function of an index to what is wrong with one of
      the others).
    """
    formats = kind.formats()
    right = np.ones(len(payloads), bool)
    try:
        parsed = tf.io.parse_example(payloads, formats)
    except tf.errors.InvalidArgumentError:
        right = np.array(
            [_fault(payload, formats) is None for payload in payloads]
        )
        if right.all():
            raise
        if not right.any():
            return {}, right, lambda i: _fault(payloads[i], formats)
        parsed = tf.io.parse_example(
            [
                p
                for p, is_right in zip(payloads, right, strict=True)
                if is_right
            ],
            formats,
        )
    columns = {name: values.numpy() for name, values in parsed.items()}
    return columns, right, lambda i: _fault(payloads[i], formats)


def _fault(payload, formats):
    """Returns what is wrong with the fields of a record, or None."""
    try:
        features = tf.train.Example.FromString(payload).features.feature
    except DecodeError:
        return "is no tf.train.Example"
    for name, wanted in formats.items():
        kind = features[name].WhichOneof("kind") if name in features else None
        if kind is None:
            if wanted.default_value is None:
                return f"the feature {name!r} is absent"
            continue
        right = _LISTS[tf.as_dtype(wanted.dtype)]
        if kind != right:
            return f"{name!r} is of the type {kind}, not {right}"
        found = len(getattr(features[name], kind).value)
        if found != wanted.shape[0]:
            return f"{name!r} has {found} values, not {wanted.shape[0]}"
    return None
