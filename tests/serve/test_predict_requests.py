# SPDX-License-Identifier: Apache-2.0
"""Requests as TensorFlow Serving has them; hostile ones are refused."""

import base64
import json

import numpy as np
import pytest

from albert.serve import predict_requests
from albert.serve.predict_requests import RequestError
from albert.serve.predict_requests import Signature

LIMITS = predict_requests.Limits(body_bytes=10_000, texts=5, characters=11)
SIGNATURES = {
    "text": Signature({"text": (None,)}, ("value",)),
    "pair": Signature({"text": (None,), "text_b": (None,)}, ("label",)),
    "question": Signature(
        {"question": (None,), "options": (None, 3)}, ("label",)
    ),
    "words": Signature({"words": (None, None)}, ("tags",)),
    "metadata": Signature({}, ("metadata",)),
}


def parse(request):
    body = request if isinstance(request, bytes) else json.dumps(request)
    return predict_requests.parse_request(
        body if isinstance(body, bytes) else body.encode(),
        SIGNATURES,
        "text",
        LIMITS,
    )


def refuse(request):
    with pytest.raises(RequestError) as caught:
        parse(request)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 200
    return caught.value.status, message


@pytest.mark.parametrize(
    "request_, name, inputs, in_rows",
    [
        ({"instances": ["ä", ""]}, "text", {"text": ["ä", ""]}, True),
        ({"instances": [{"text": "a"}]}, "text", {"text": ["a"]}, True),
        ({"inputs": ["a", "b"]}, "text", {"text": ["a", "b"]}, False),
        ({"inputs": {"text": ["a"]}}, "text", {"text": ["a"]}, False),
        ({"inputs": []}, "text", {"text": []}, False),
        (
            {
                "signature_name": "pair",
                "instances": [
                    {"text": "a", "text_b": "b"},
                    {"text_b": "d", "text": "c"},
                ],
            },
            "pair",
            {"text": ["a", "c"], "text_b": ["b", "d"]},
            True,
        ),
        (
            {
                "signature_name": "question",
                "instances": [{"question": "q", "options": ["1", "2", "3"]}],
            },
            "question",
            {"question": ["q"], "options": [["1", "2", "3"]]},
            True,
        ),
        (
            {"signature_name": "words", "inputs": [["a", "b"], ["c", ""]]},
            "words",
            {"words": [["a", "b"], ["c", ""]]},
            False,
        ),
        (
            {"signature_name": "metadata", "inputs": {}},
            "metadata",
            {},
            False,
        ),
    ],
)
def test_both_layouts_are_read(request_, name, inputs, in_rows):
    request = parse(request_)
    assert request.signature_name == name
    assert request.in_rows is in_rows
    assert set(request.inputs) == set(inputs)
    for key, values in inputs.items():
        found = request.inputs[key]
        assert found.dtype == object
        assert found.shape == np.array(values, object).shape
        assert np.vectorize(bytes.decode, otypes=[object])(found).tolist() == (
            values
        )


def test_texts_may_come_in_base64():
    text = "\udcff".encode("utf-8", "surrogateescape") + "é".encode()
    value = {"b64": base64.b64encode(text).decode()}
    for request in (
        {"instances": [value]},
        {"instances": [{"text": value}]},
        {"inputs": [value]},
    ):
        assert parse(request).inputs["text"].tolist() == [text]


def test_the_shape_of_an_empty_batch_is_kept():
    for value, shape in (([], (0, 0)), ([[], []], (2, 0))):
        request = parse({"signature_name": "words", "inputs": value})
        assert request.inputs["words"].shape == shape
    request = parse(
        {
            "signature_name": "question",
            "inputs": {"question": [], "options": []},
        }
    )
    assert request.inputs["options"].shape == (0, 3)


@pytest.mark.parametrize(
    "request_, told",
    [
        (b"\xff\xfe", "not JSON in UTF-8"),
        (b"{", "not JSON"),
        (b"[" * 9_000, "not JSON"),
        (b'{"instances": [' + b"1" * 5_000 + b"]}", "not JSON"),
        (b'{"inputs": ["a"], "inputs": ["b"]}', '"inputs" is there twice'),
        (b"[]", "not a JSON object"),
        ({}, "either"),
        ({"instances": ["a"], "inputs": ["a"]}, "either"),
        ({"signature_name": "no", "inputs": []}, '"no": is not in this model'),
        ({"signature_name": ["text"], "inputs": []}, "is not in this model"),
        ({"instances": []}, "not empty"),
        ({"instances": "a"}, "give a list"),
        ({"inputs": "a"}, "give a list, the batch"),
        ({"instances": [7]}, '"text[0]": 7 is not a text'),
        ({"instances": ["a", None]}, '"text[1]": null is not a text'),
        ({"instances": [["a"]]}, "is not a text"),
        ({"instances": [{"text": "a", "more": "b"}]}, '"more" is not an input'),
        ({"instances": [{"more": "b"}]}, '"text" is missing'),
        ({"instances": [{"b64": "a"}]}, "is not a text"),
        ({"instances": [{"b64": 3}]}, "is not a text"),
        (b'{"instances": ["\\ud83d"]}', "surrogate"),
        ({"signature_name": "pair", "instances": ["a"]}, '"text", "text_b"'),
        (
            {"signature_name": "pair", "inputs": {"text": ["a"], "text_b": []}},
            '"text" 1, "text_b" 0',
        ),
        (
            {
                "signature_name": "question",
                "instances": [{"question": "q", "options": ["1", "2"]}],
            },
            "2 values, but this model takes 3",
        ),
        (
            {
                "signature_name": "question",
                "instances": [{"question": "q", "options": "123"}],
            },
            "is not a list",
        ),
        (
            {
                "signature_name": "question",
                "inputs": {
                    "question": ["q", "r"],
                    "options": [["1", "", ""], ["", " ", ""]],
                },
            },
            '"options[1]": all of them are empty',
        ),
        (
            {"signature_name": "words", "inputs": [["a"], ["b", "c"]]},
            "different lengths",
        ),
        ({"signature_name": "metadata", "instances": [{}]}, "has no inputs"),
        ({"instances": [{"x" * 5_000: 1}]}, "is missing"),
        ({"signature_name": "y" * 5_000, "inputs": []}, "is not in this model"),
    ],
)
def test_what_does_not_fit_is_refused(request_, told):
    status, message = refuse(request_)
    assert status == 400
    assert told in message


def test_what_is_too_much_is_refused():
    assert parse({"instances": ["é" * 11] * 5}).inputs["text"].shape == (5,)
    for request in ({"instances": ["a"] * 6}, {"inputs": ["a"] * 6}):
        status, message = refuse(request)
        assert status == 413 and "6 rows" in message and "5" in message
    encoded = base64.b64encode(("é" * 12).encode()).decode()
    for text in ("é" * 12, {"b64": encoded}):
        status, message = refuse({"instances": ["a", text]})
        assert status == 413
        assert message.startswith('"text[1]": 12 characters')


def test_what_grows_too_much_is_refused():
    # 76 KB of U+FDFA kept everyone waiting for three minutes.
    text = "\ufdfa" * 3
    encoded = {"b64": base64.b64encode(text.encode()).decode()}
    for value in (text, encoded):
        status, message = refuse({"instances": ["a", value]})
        assert status == 413
        assert message.startswith('"text[1]": becomes 54 characters')
        assert "at most 44" in message


def test_scripts_that_are_taken_apart_are_not_refused():
    parse({"instances": ["각" * 11, "½" * 11, "é" * 11]})


def test_blanks_that_grow_too_much_are_refused():
    def question(text, *options):
        return {
            "signature_name": "question",
            "instances": [{"question": text, "options": options}],
        }

    parse(question("_ or _", "a" * 11, "b", ""))
    for blank in "_\uff3f":
        status, message = refuse(question(blank * 5, "b", "", "a" * 11))
        assert status == 413
        assert message.startswith('"question[0]": its 5 blanks become 55')


@pytest.mark.parametrize(
    "request_, lengths",
    [
        ({"inputs": {}, "signature_name": "metadata"}, []),
        ({"inputs": []}, [0]),
        ({"instances": ["a", "b", "c"]}, [1, 1, 1]),
    ],
)
def test_the_rows_of_a_request(request_, lengths):
    request = parse(request_)
    rows = request.split()
    assert [len(v) for row in rows for v in row.values()] == lengths
    assert len(rows) == (len(lengths) or 1)
    for name, array in request.inputs.items():
        joined = np.concatenate([row[name] for row in rows])
        assert joined.tolist() == array.tolist()


def test_the_outputs_of_rows_are_joined():
    parts = [
        {
            "words": np.array([[b"a"]], object),
            "ends": np.array([[1]], np.int32),
            "truncated": np.array([True]),
            "vector": np.ones((1, 3), np.float32),
        },
        {
            "words": np.array([[b"b", b"c"]], object),
            "ends": np.array([[1, 3]], np.int32),
            "truncated": np.array([False]),
            "vector": np.zeros((1, 3), np.float32),
        },
    ]
    joined = predict_requests.join_outputs(parts)
    assert joined["words"].tolist() == [[b"a", b""], [b"b", b"c"]]
    assert joined["ends"].tolist() == [[1, 0], [1, 3]]
    assert joined["truncated"].tolist() == [True, False]
    assert joined["vector"].tolist() == [[1, 1, 1], [0, 0, 0]]
    for name, array in joined.items():
        assert array.dtype == parts[0][name].dtype
        text, _ = answer(False, {name: array})
        assert text["outputs"] == _plain(array)
    nothing = predict_requests.join_outputs([{"value": np.zeros(0)}])
    assert nothing["value"].shape == (0,)


def _plain(array):
    return np.vectorize(
        lambda value: value.decode() if isinstance(value, bytes) else value,
        otypes=[object],
    )(array).tolist()


def answer(in_rows, outputs, inputs=("a", "b")):
    text = predict_requests.make_answer(
        predict_requests.PredictRequest(
            "text", {"text": np.array(inputs, object)}, in_rows
        ),
        outputs,
    )
    return json.loads(text), text


def test_answers_are_laid_out_as_they_were_asked_for():
    outputs = {
        "label": np.array(["ja", "né".encode()], object),
        "probabilities": np.array([[0.1, 0.9], [1, 0]], np.float32),
        "start": np.array([3, 5], np.int32),
    }
    outputs["label"][0] = b"ja"
    rows, text = answer(True, outputs)
    assert rows == {
        "predictions": [
            {"label": "ja", "probabilities": [0.1, 0.9], "start": 3},
            {"label": "né", "probabilities": [1.0, 0.0], "start": 5},
        ]
    }
    # The shortest decimals that are the same float32.
    assert "0.1," in text and "né" in text
    columns, _ = answer(False, outputs)
    assert columns["outputs"]["label"] == ["ja", "né"]
    assert columns["outputs"]["start"] == [3, 5]


def test_a_single_output_has_no_name():
    value = {"value": np.array([0.5, 2.25], np.float32)}
    assert answer(True, value)[0] == {"predictions": [0.5, 2.25]}
    assert answer(False, value)[0] == {"outputs": [0.5, 2.25]}


def test_an_answer_that_rows_or_json_cannot_tell_is_an_error():
    with pytest.raises(RequestError, match="no row for each") as caught:
        answer(True, {"metadata": np.array([b"x"], object)})
    assert caught.value.status == 400
    with pytest.raises(RequestError, match="not finite") as caught:
        answer(True, {"value": np.array([1, np.nan], np.float32)})
    assert caught.value.status == 500
