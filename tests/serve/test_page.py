# SPDX-License-Identifier: Apache-2.0
"""The page: nothing from elsewhere, nothing that could run a text."""

import dataclasses
import html.parser
import importlib.resources
import re

from albert.serve import application
from albert.serve import predict_requests

FILES = {
    file.name: file.read_text("utf-8")
    for file in importlib.resources.files("albert.serve")
    .joinpath("page")
    .iterdir()
}
SCRIPTS = {name: text for name, text in FILES.items() if name.endswith(".js")}


class Tags(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))


def test_every_file_is_served():
    assert set(FILES) == {name for name, _ in application._PAGE.values()}


def test_nothing_comes_from_another_server():
    for name, text in FILES.items():
        text = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?:|//\w+\.|@import|url\(", text), name


def test_the_html_has_no_code_and_no_style_in_it():
    tags = Tags(FILES["index.html"]).tags
    assert len(tags) > 20
    for tag, attributes in tags:
        assert not any(name.startswith("on") for name in attributes)
        assert "style" not in attributes and tag != "style"
        assert tag != "script" or attributes["src"].startswith("/")
    names = [tag for tag, _ in tags]
    assert names.count("script") == 1
    viewport = [a for t, a in tags if t == "meta" and "name" in a]
    assert viewport[0]["content"].startswith("width=device-width")


def test_the_scripts_never_make_markup_of_text():
    assert len(SCRIPTS) == 4
    for name, text in SCRIPTS.items():
        for way in (
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "createContextualFragment",
            "DOMParser",
            "document.write",
            "eval(",
            "Function(",
            "setTimeout(",
            "javascript:",
            'setAttribute("on',
        ):
            assert way not in text, (name, way)


KINDS = {
    "classification",
    "multi_label",
    "regression",
    "multiple_choice",
    "tagging",
    "span_v1",
    "span_v2",
    "text_to_text",
    "masked_lm",
    "encoder",
}


def test_each_kind_of_model_tells_what_was_cut_off():
    told = FILES["results.js"].partition("TRUNCATED = {")[2]
    for kind in KINDS:
        assert re.search(
            rf"^  {kind}: \(|TRUNCATED\.{kind} =|kind === \"{kind}\"",
            told,
            re.M,
        ), kind
    assert "...truncation(found, fields, description)" in FILES["page.js"]


def test_a_question_needs_two_options_alone():
    script = FILES["page.js"]
    assert "REQUIRED_OPTIONS = 2;" in script
    assert re.search(
        r'name === "options" \? value\.slice\(0, REQUIRED_OPTIONS\)', script
    )
    # What is left empty is none, as the answer shows it.
    assert '(value.trim() ? value : "")' in script
    assert 'fields.options[index] !== ""' in FILES["results.js"]


def test_the_page_knows_the_limits_of_the_server():
    names = {
        field.name for field in dataclasses.fields(predict_requests.Limits)
    }
    used = re.findall(r"limits\.(\w+)", FILES["page.js"])
    (taken,) = re.findall(
        r"{ ([\w, ]+) } = description\.limits", FILES["page.js"]
    )
    assert {*used, *taken.split(", ")} == names


def test_scripts_ask_for_what_is_served_and_for_what_the_others_have():
    for name, text in SCRIPTS.items():
        for names, other in re.findall(
            r'import \{([^}]+)\} from "/([\w.]+)"', text
        ):
            for each in re.findall(r"\w+", names):
                assert re.search(
                    rf"^export (async )?(function|const) {each}\b",
                    SCRIPTS[other],
                    re.M,
                ), (name, other, each)
        assert text.count("import ") == text.count(' from "/'), name


def test_the_search_asks_the_signature_of_vectors_within_the_limits():
    """The names are those of the export, the limits those of the server."""
    search = SCRIPTS["search.js"]
    (signature,) = re.findall(r'SIGNATURE = "(\w+)"', search)
    assert f'signatures.includes("{signature}")' in SCRIPTS["page.js"]
    exported = (
        importlib.resources.files("albert.export")
        .joinpath("serving_pretraining.py")
        .read_text("utf-8")
    )
    assert f'signatures = {{"{signature}": ' in exported
    read = {"mean_pooled_output", "truncated"}
    for name in read:
        assert f'"{name}": ' in exported and re.search(rf"\b{name}\b", search)
    names = {
        field.name for field in dataclasses.fields(predict_requests.Limits)
    }
    assert set(re.findall(r"limits\.(\w+)", search)) == names


def test_the_search_finds_its_form():
    ids = {
        attributes["id"]: tag
        for tag, attributes in Tags(FILES["index.html"]).tags
        if "id" in attributes
    }
    for name in ("page.js", "search.js"):
        asked = re.findall(r'getElementById\("([\w-]+)"\)', SCRIPTS[name])
        assert asked and set(asked) <= set(ids), name
    assert ids["search-lines"] == "textarea"
    section = [a for t, a in Tags(FILES["index.html"]).tags if t == "section"]
    (search,) = [each for each in section if each.get("id") == "search"]
    assert "hidden" in search


def test_each_kind_of_model_has_a_form_and_a_result():
    results = FILES["results.js"].partition("RESULTS = {")[2]
    form = FILES["page.js"].partition("FIELDS = {")[2]
    for kind in KINDS:
        assert re.search(rf"^\s*{kind}: \w+,$", results, re.M), kind
        assert re.search(rf"{kind}: \[|FIELDS\.{kind} =", form), kind
