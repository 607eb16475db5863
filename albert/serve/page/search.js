// SPDX-License-Identifier: Apache-2.0
// Search: lines in the order of the cosines of their vectors with a question's.
import { grouped, post } from "/requests.js";
import { capitalized, element, truncatedTexts } from "/results.js";

const SIGNATURE = "embeddings";
// More lines are the business of `albert embed`.
const MOST_LINES = 1000;
// Texts of a request: few, so that it is answered in time.
const MOST_TEXTS = 16;
const MOST_SHOWN = 50;
const MOST_CHARACTERS = 300;

const form = document.getElementById("search-form");
const ask = document.getElementById("search-ask");
const answer = document.getElementById("search-answer");
// By text, {vector, truncated}: a further question needs one vector alone.
const known = new Map();
let busy = false;

function bytes(text) {
  return new TextEncoder().encode(text).length;
}

function makeBody(texts) {
  return JSON.stringify({ signature_name: SIGNATURE, instances: texts });
}

// Lines that are not empty: a list of {number, text}.
function readLines() {
  return document
    .getElementById("search-lines")
    .value.split("\n")
    .map((text, index) => ({ number: index + 1, text }))
    .filter(({ text }) => text.trim());
}

// What the page calls each text, which may stand in several lines.
function nameTexts(lines, question) {
  const names = new Map([[question, "the question"]]);
  for (const { number, text } of lines) {
    if (!names.has(text)) {
      names.set(text, `line ${number}`);
    }
  }
  return names;
}

// Throws what is to be told to the user before anything is asked.
function check(lines, question, names, { limits }) {
  if (!lines.length || !question.trim()) {
    throw new Error("Give lines to search in, and a question.");
  }
  if (lines.length > MOST_LINES) {
    throw new Error(
      `There are ${grouped(lines.length)} lines: this page searches ` +
        `${grouped(MOST_LINES)}; albert embed makes vectors of any number.`,
    );
  }
  for (const [text, name] of names) {
    const length = Array.from(text).length;
    if (length > limits.characters) {
      throw new Error(
        `${capitalized(name)} is too long: ${grouped(length)} characters, ` +
          `${grouped(limits.characters)} are allowed.`,
      );
    }
    const size = bytes(makeBody([text]));
    if (size > limits.body_bytes) {
      throw new Error(
        `${capitalized(name)} is too long: its request has ` +
          `${grouped(size)} bytes, ${grouped(limits.body_bytes)} are allowed.`,
      );
    }
  }
}

// Texts in parts, each of which is one request.
function cutParts(texts, { limits }) {
  const most = Math.min(MOST_TEXTS, limits.texts);
  const parts = [];
  let size = Infinity;
  for (const text of texts) {
    const added = bytes(JSON.stringify(text)) + 1;
    if (parts.at(-1)?.length === most || size + added > limits.body_bytes) {
      parts.push([]);
      size = bytes(makeBody([]));
    }
    parts.at(-1).push(text);
    size += added;
  }
  return parts;
}

// Fills `known` with what it lacks, and empties it of the rest.
async function readVectors(names, description) {
  for (const text of known.keys()) {
    if (!names.has(text)) {
      known.delete(text);
    }
  }
  const unknown = [...names.keys()].filter((text) => !known.has(text));
  const url = `/v1/models/${description.name}:predict`;
  for (const part of cutParts(unknown, description)) {
    show(
      element(
        "p",
        { className: "fine" },
        `The model has read ${grouped(known.size)} of ` +
          `${grouped(names.size)} texts …`,
      ),
    );
    let predictions;
    try {
      ({ predictions } = await post(url, makeBody(part)));
    } catch (error) {
      throw new Error(
        error.message.replace(/^"text\[(\d+)\]"(?=: )/, (_, index) =>
          capitalized(names.get(part[index])),
        ),
      );
    }
    predictions.forEach(({ mean_pooled_output: vector, truncated }, index) => {
      const length = Math.hypot(...vector) || 1;
      known.set(part[index], {
        vector: Float32Array.from(vector, (value) => value / length),
        truncated,
      });
    });
  }
}

function cosine(text, other) {
  const { vector } = known.get(other);
  return known
    .get(text)
    .vector.reduce((sum, value, index) => sum + value * vector[index], 0);
}

function shortened(text) {
  const characters = Array.from(text);
  return characters.length > MOST_CHARACTERS
    ? `${characters.slice(0, MOST_CHARACTERS).join("")} …`
    : text;
}

function ranking(rows) {
  const heading = (text) => element("th", { scope: "col" }, text);
  return element(
    "div",
    { className: "scroll", tabIndex: 0 },
    element(
      "table",
      {},
      element("tr", {}, heading("Cosine"), heading("Line"), heading("Text")),
      ...rows.map((row) =>
        element(
          "tr",
          {},
          element("td", {}, row.cosine.toFixed(3)),
          element("td", {}, String(row.number)),
          element("th", { scope: "row" }, shortened(row.text)),
        ),
      ),
    ),
  );
}

function show(...elements) {
  answer.replaceChildren(...elements);
}

function setBusy(value) {
  busy = value;
  ask.setAttribute("aria-disabled", String(value));
  answer.setAttribute("aria-busy", String(value));
}

async function search(description) {
  setBusy(true);
  try {
    const lines = readLines();
    const question = document.getElementById("search-question").value;
    const names = nameTexts(lines, question);
    check(lines, question, names, description);
    const begin = performance.now();
    await readVectors(names, description);
    const milliseconds = Math.round(performance.now() - begin);
    const rows = lines
      .map((line) => ({ ...line, cosine: cosine(line.text, question) }))
      .sort((a, b) => b.cosine - a.cosine)
      .slice(0, MOST_SHOWN);
    const truncated = [...names]
      .filter(([text]) => known.get(text).truncated)
      .map(([, name]) => name);
    show(
      ...truncatedTexts(truncated, description.max_seq_length),
      ranking(rows),
      element(
        "p",
        { className: "fine" },
        `The nearest ${grouped(rows.length)} of ${grouped(lines.length)} ` +
          "lines, by the cosine of mean-pooled vectors. Unless the model was " +
          "trained for likeness, these tell little more than shared words. " +
          `${grouped(milliseconds)} ms`,
      ),
    );
  } catch (error) {
    show(element("p", { className: "error" }, error.message));
  } finally {
    setBusy(false);
  }
}

// Shows the form for a model with vectors.
export function startSearch(description) {
  document.getElementById("search").hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy) {
      search(description);
    }
  });
}
