# SPDX-License-Identifier: Apache-2.0
"""Reads requests and writes answers in TensorFlow Serving's REST layout.

That layout: https://www.tensorflow.org/tfx/serving/api_rest, "Predict API".
Requests are not trusted. This module needs no TensorFlow.
"""

import base64
import binascii
import dataclasses
import json

import numpy as np

from albert import json_files
from albert.text import normalization

_ROWS = "instances"
_COLUMNS = "inputs"
_BASE64 = "b64"
# A text may become so many times as long when it is normalised. Korean does
# three times, whose syllables are taken apart; U+FDFA alone becomes 18
# characters.
_GROWTH = 4
# What the options of a question are put in place of.
_BLANK = "_"


class RequestError(Exception):
    """Error in a request, which is the answer to it.

    Attributes:
      status: int, the HTTP status.
    """

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


@dataclasses.dataclass(frozen=True)
class Limits:
    """Limits of what one request may ask for.

    Attributes:
      body_bytes: int.
      texts: int, rows of the batch.
      characters: int, of each text.
    """

    body_bytes: int
    texts: int
    characters: int


@dataclasses.dataclass(frozen=True)
class Signature:
    """Signature of a SavedModel, whose inputs are all strings.

    Attributes:
      inputs: dict of name to shape, a tuple of ints and None.
      outputs: tuple of names.
    """

    inputs: dict
    outputs: tuple


@dataclasses.dataclass(frozen=True)
class PredictRequest:
    """Request that fits its signature and the limits.

    Attributes:
      signature_name: str.
      inputs: dict of name to array of bytes, dtype object.
      in_rows: bool, whether the answer is wanted row by row.
    """

    signature_name: str
    inputs: dict
    in_rows: bool

    def split(self):
        """Returns the inputs of each row of the batch: list of dicts.

        One dict for all where there are no inputs or no rows.
        """
        sizes = {len(array) for array in self.inputs.values()}
        return [
            {name: array[row : row + 1] for name, array in self.inputs.items()}
            for row in range(max(sizes, default=0))
        ] or [self.inputs]


def join_outputs(parts):
    """Joins the outputs of rows to those of the batch.

    Args:
      parts: list of dicts of name to array; strings as bytes, dtype object.

    Returns:
      dict of name to array. Rows are filled up to the longest with "" and 0,
      as the signatures do it.
    """
    return {name: _join([part[name] for part in parts]) for name in parts[0]}


def _join(arrays):
    shape = np.max([array.shape[1:] for array in arrays], axis=0)
    fill = b"" if arrays[0].dtype == object else 0
    return np.concatenate(
        [
            np.pad(
                array,
                [(0, 0), *((0, n) for n in shape - array.shape[1:])],
                constant_values=fill,
            )
            for array in arrays
        ]
    )


def parse_request(body, signatures, default, limits):
    """Reads the body of a predict request.

    Args:
      body: bytes.
      signatures: dict of name to ``Signature``.
      default: str, the signature of a request that names none.
      limits: ``Limits``.

    Returns:
      ``PredictRequest``.

    Raises:
      RequestError: it is not a valid request, or above the limits.
    """
    request = _parse_json(body)
    name = request.get("signature_name", default)
    if not isinstance(name, str) or name not in signatures:
        raise RequestError(
            400,
            f"signature_name {_shown(name)}: is not in this model, which has "
            f"{', '.join(sorted(signatures))}",
        )
    signature = signatures[name]
    in_rows = _ROWS in request
    if in_rows == (_COLUMNS in request):
        raise RequestError(
            400, f'give either "{_ROWS}" or "{_COLUMNS}", and not both'
        )
    if in_rows:
        columns = _columns_of_rows(request[_ROWS], signature, limits)
    else:
        columns = _columns(request[_COLUMNS], signature)
    sizes = {}
    for input_name, column in columns.items():
        if not isinstance(column, list):
            raise RequestError(400, f'"{input_name}": give a list, the batch')
        sizes[input_name] = len(column)
        _check_num_rows(len(column), limits)
    if len(set(sizes.values())) > 1:
        raise RequestError(
            400,
            "inputs of different lengths: "
            + ", ".join(f'"{name}" {size}' for name, size in sizes.items()),
        )
    inputs = {
        input_name: _make_array(
            column, signature.inputs[input_name], input_name, limits
        )
        for input_name, column in columns.items()
    }
    if {"question", "options"} <= inputs.keys():
        _check_options(inputs["options"])
        _check_blanks(inputs["question"], inputs["options"], limits)
    return PredictRequest(name, inputs, in_rows)


def make_answer(request, outputs):
    """Lays out the answer to a request.

    Args:
      request: ``PredictRequest``.
      outputs: dict of name to array; strings as bytes, dtype object.

    Returns:
      str, JSON.

    Raises:
      RequestError: a number is not finite, or the outputs have no rows.
    """
    values = {name: _plain(array) for name, array in outputs.items()}
    if request.in_rows:
        num_rows = len(next(iter(request.inputs.values())))
        for name, array in outputs.items():
            if array.shape[:1] != (num_rows,):
                raise RequestError(
                    400,
                    f'"{name}" of the answer has no row for each of the '
                    f'"{_ROWS}": ask with "{_COLUMNS}"',
                )
        rows = [
            {name: value[row] for name, value in values.items()}
            for row in range(num_rows)
        ]
        answer = {"predictions": [_without_name(row) for row in rows]}
    else:
        answer = {"outputs": _without_name(values)}
    try:
        return json.dumps(answer, ensure_ascii=False, allow_nan=False)
    except ValueError as error:
        raise RequestError(
            500, "the model's answer has numbers that are not finite"
        ) from error


def _parse_json(body):
    try:
        request = json_files.parse(body)
    except ValueError as error:
        raise RequestError(
            400, f"the body is not JSON in UTF-8: {_first_line(error)}"
        ) from error
    if not isinstance(request, dict):
        raise RequestError(400, "the body is not a JSON object")
    return request


def _columns_of_rows(rows, signature, limits):
    """Returns a dict of input name to list of values, one for each row."""
    if not isinstance(rows, list) or not rows:
        raise RequestError(400, f'"{_ROWS}": give a list that is not empty')
    _check_num_rows(len(rows), limits)
    if not signature.inputs:
        raise RequestError(
            400, f'this signature has no inputs: ask with "{_COLUMNS}": {{}}'
        )
    named = [
        _named(row, signature, f"{_ROWS}[{index}]")
        for index, row in enumerate(rows)
    ]
    return {name: [row[name] for row in named] for name in signature.inputs}


def _columns(columns, signature):
    return _named(columns, signature, _COLUMNS)


def _named(value, signature, place):
    """Returns the inputs by name; a single one may come without its name."""
    names = list(signature.inputs)
    if not isinstance(value, dict) or set(value) == {_BASE64}:
        if len(names) != 1:
            wanted = ", ".join(f'"{name}"' for name in names) or "nothing"
            raise RequestError(
                400, f'"{place}": give an object with {wanted} in it'
            )
        return {names[0]: value}
    for name in names:
        if name not in value:
            raise RequestError(400, f'"{place}": "{name}" is missing')
    for name in value:
        if name not in signature.inputs:
            raise RequestError(
                400,
                f'"{place}": {_shown(name)} is not an input of this signature',
            )
    return value


def _check_num_rows(num_rows, limits):
    if num_rows > limits.texts:
        raise RequestError(
            413,
            f"{num_rows:,} rows in one request: this server takes at most "
            f"{limits.texts:,}",
        )


def _make_array(column, shape, name, limits):
    values = _nested(column, shape, name, limits)
    array = np.empty(_shape_of(values, shape, name), object)
    for index in np.ndindex(array.shape):
        value = values
        for i in index:
            value = value[i]
        array[index] = value
    return array


def _nested(value, shape, place, limits):
    """Returns lists as deep as the shape, of bytes."""
    if not shape:
        return _encode_text(value, place, limits)
    if not isinstance(value, list):
        raise RequestError(
            400, f'"{place}": {_shown(value)} is not a list: give one'
        )
    if shape[0] is not None and len(value) != shape[0]:
        raise RequestError(
            400,
            f'"{place}": {len(value)} values, but this model takes {shape[0]}',
        )
    return [
        _nested(each, shape[1:], f"{place}[{index}]", limits)
        for index, each in enumerate(value)
    ]


def _shape_of(values, shape, name):
    if len(shape) == 1:
        return (len(values),)
    # A model of questions knows how many options there are without any.
    lengths = {len(value) for value in values} or {shape[1] or 0}
    if len(lengths) > 1:
        raise RequestError(
            400, f'"{name}": lists of different lengths: fill them up with ""'
        )
    return (len(values), *lengths)


def _encode_text(value, place, limits):
    try:
        if isinstance(value, dict) and set(value) == {_BASE64}:
            text = base64.b64decode(value[_BASE64], validate=True)
            length = len(text.decode("utf-8", "replace"))
        else:
            text, length = value.encode("utf-8"), len(value)
    except UnicodeEncodeError as error:
        raise RequestError(
            400, f'"{place}": half of a surrogate pair is not a character'
        ) from error
    except (AttributeError, TypeError, ValueError, binascii.Error) as error:
        raise RequestError(
            400, f'"{place}": {_shown(value)} is not a text: give one'
        ) from error
    if length > limits.characters:
        raise RequestError(
            413,
            f'"{place}": {length:,} characters: this server takes at most '
            f"{limits.characters:,} in one text",
        )
    length = len(_normalize(text))
    if length > _GROWTH * limits.characters:
        raise RequestError(
            413,
            f'"{place}": becomes {length:,} characters when it is normalised: '
            f"this server takes at most {_GROWTH * limits.characters:,}",
        )
    return text


def _check_options(options):
    """Refuses questions without any option."""
    for row, endings in enumerate(options):
        if not any(each.strip() for each in endings):
            raise RequestError(
                400,
                f'"options[{row}]": all of them are empty: give the options '
                "that the question has",
            )


def _check_blanks(questions, options, limits):
    """Refuses questions that are too long with options in their blanks."""
    for row, (question, endings) in enumerate(
        zip(questions, options, strict=True)
    ):
        blanks = _normalize(question).count(_BLANK)
        longest = max((len(_normalize(each)) for each in endings), default=0)
        if blanks * longest > _GROWTH * limits.characters:
            raise RequestError(
                413,
                f'"question[{row}]": its {blanks:,} blanks become '
                f"{blanks * longest:,} characters with an option in each: this "
                f"server takes at most {_GROWTH * limits.characters:,}",
            )


def _normalize(text):
    return normalization.normalize(text.decode("utf-8", "replace"))


def _plain(array):
    """Returns an array as nested lists of values that JSON has."""
    if array.dtype == object:
        texts = [value.decode("utf-8", "replace") for value in array.flat]
        return np.array(texts, object).reshape(array.shape).tolist()
    if array.dtype == np.float32:
        # The shortest digits that are this float32, not those of a float64.
        return array.astype(str).astype(np.float64).tolist()
    return array.tolist()


def _without_name(values):
    if len(values) == 1:
        return next(iter(values.values()))
    return values


def _shown(value):
    """Returns the start of a value of the request, for a message."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."


def _first_line(error):
    return str(error).partition("\n")[0][:100]
