// SPDX-License-Identifier: Apache-2.0
// The form for the model's kind, the question, and the answer.
import { call, grouped, post } from "/requests.js";
import { element, RESULTS, truncation } from "/results.js";
import { startSearch } from "/search.js";

const MASK = "[MASK]";
// A question may have fewer options than the model takes.
const REQUIRED_OPTIONS = 2;
const CONTEXT =
  "Jane Austen was born in the village of Steventon in Hampshire on 16 " +
  "December 1775. Her first novel to be printed, Sense and Sensibility, " +
  "appeared in 1811.";

// Fields by kind; one without rows is a line. `value` is there to be tried at
// once. A `pair` is shown at once where examples are pairs.
const FIELDS = {
  masked_lm: [
    {
      name: "text",
      label: `Text with ${MASK} for a word`,
      rows: 3,
      value: `The ${MASK} of the house was open.`,
    },
  ],
  classification: [
    { name: "text", label: "Text", rows: 4 },
    { name: "text_b", label: "Second text", rows: 3, pair: true },
  ],
  multi_label: [
    { name: "text", label: "Text", rows: 4 },
    { name: "text_b", label: "Second text", rows: 3, pair: true },
  ],
  regression: [
    { name: "text", label: "Text", rows: 3 },
    { name: "text_b", label: "Second text", rows: 3, pair: true },
  ],
  multiple_choice: [
    { name: "article", label: "Article", rows: 6 },
    { name: "question", label: "Question" },
  ],
  tagging: [
    {
      name: "text",
      label: "Text",
      rows: 4,
      value: "Jane Austen was born in Steventon, a village in England.",
    },
  ],
  text_to_text: [{ name: "text", label: "Text", rows: 4 }],
  span_v1: [
    { name: "question", label: "Question", value: "Where was she born?" },
    { name: "context", label: "Context", rows: 8, value: CONTEXT },
  ],
  encoder: [
    {
      name: "text",
      label: "Texts, one on each line",
      rows: 5,
      value: "A dog ran over the field.\nThe horse galloped away.\n" +
        "She paid the bill in silver.",
      lines: true,
    },
  ],
};
FIELDS.span_v2 = FIELDS.span_v1;

const form = document.getElementById("form");
const ask = document.getElementById("ask");
const answer = document.getElementById("answer");
let busy = false;

function makeField(field) {
  const input = element(field.rows ? "textarea" : "input", {
    id: `field-${field.id ?? field.name}`,
    value: field.value ?? "",
  });
  if (field.rows) {
    input.rows = field.rows;
  }
  const made = element(
    "div",
    { className: "field" },
    element("label", { htmlFor: input.id }, field.label),
    input,
  );
  if (field.value?.includes(MASK)) {
    const button = element(
      "button",
      { type: "button", className: "second" },
      `Insert ${MASK}`,
    );
    button.addEventListener("click", () => {
      const end = input.selectionStart + MASK.length;
      input.setRangeText(MASK, input.selectionStart, input.selectionEnd);
      input.setSelectionRange(end, end);
      input.focus();
    });
    made.append(button);
  }
  return { made, input };
}

// A second text need not be there: a button shows its field.
function hideField(made, input, label) {
  const button = element(
    "button",
    { type: "button", className: "second" },
    `Add a ${label.toLowerCase()}`,
  );
  made.hidden = true;
  button.addEventListener("click", () => {
    made.hidden = false;
    button.remove();
    input.focus();
  });
  return button;
}

// Returns a function that reads the form.
function makeForm(description) {
  const inputs = {};
  const place = document.getElementById("fields");
  for (const field of FIELDS[description.kind]) {
    const { made, input } = makeField(field);
    inputs[field.name] = () =>
      field.lines
        ? input.value.split("\n").filter((line) => line.trim())
        : input.value;
    place.append(made);
    if (field.pair && description.default === "text") {
      place.append(hideField(made, input, field.label));
    }
  }
  if (description.kind === "multiple_choice") {
    const options = description.labels.map((label, index) => {
      const { made, input } = makeField({
        name: "options",
        id: `option-${label}`,
        label: `Option ${label}${index < REQUIRED_OPTIONS ? "" : ", if any"}`,
      });
      place.append(made);
      return input;
    });
    inputs.options = () =>
      options.map(({ value }) => (value.trim() ? value : ""));
  }
  return () =>
    Object.fromEntries(
      Object.entries(inputs).map(([name, read]) => [name, read()]),
    );
}

// What the page calls a text: `index` among those of one field.
function nameText(name, index, { kind, labels }) {
  if (name === "options") {
    return `Option ${labels[index]}`;
  }
  const field = FIELDS[kind].find((each) => each.name === name);
  return field.lines ? `Line ${index + 1}` : field.label;
}

// Throws what is to be told to the user where a text is too long for the
// server, which counts characters and not UTF-16 units.
function checkLengths(description, fields) {
  const { characters, texts } = description.limits;
  for (const [name, value] of Object.entries(fields)) {
    [value].flat().forEach((text, index) => {
      const length = Array.from(text).length;
      if (length > characters) {
        throw new Error(
          `${nameText(name, index, description)} is too long: ` +
            `${grouped(length)} characters, ${grouped(characters)} are allowed.`,
        );
      }
    });
  }
  if (description.kind === "encoder" && fields.text.length > texts) {
    throw new Error(
      `There are ${grouped(fields.text.length)} lines: ` +
        `${grouped(texts)} are allowed.`,
    );
  }
}

function checkSize(body, { limits }) {
  const length = new TextEncoder().encode(body).length;
  if (length > limits.body_bytes) {
    throw new Error(
      `The request is too long: ${grouped(length)} bytes, ` +
        `${grouped(limits.body_bytes)} are allowed.`,
    );
  }
}

// The server's message, with the page's name of the text that it is about.
function inWordsOfPage(message, description) {
  return message.replace(
    /^"(\w+)\[(\d+)\](?:\[(\d+)\])?"(?=: )/,
    (_, name, row, column) => nameText(name, Number(column ?? row), description),
  );
}

// The body of the request; throws what is to be told to the user.
function makeRequest(description, fields) {
  const kind = description.kind;
  if (kind === "masked_lm" && !fields.text.includes(MASK)) {
    throw new Error(`Write ${MASK} for at least one word.`);
  }
  const required = Object.entries(fields)
    .filter(([name]) => name !== "text_b" || description.default !== "text")
    .map(([name, value]) =>
      name === "options" ? value.slice(0, REQUIRED_OPTIONS) : value,
    )
    .flatMap((value) => (value.length ? value : [""]));
  if (required.some((value) => !value.trim())) {
    throw new Error("Fill in the fields first.");
  }
  checkLengths(description, fields);
  if (kind === "encoder") {
    return { signature_name: "embeddings", instances: fields.text };
  }
  if (fields.text_b === "") {
    return { signature_name: "text", instances: [{ text: fields.text }] };
  }
  const signature = fields.text_b ? "text_pair" : description.default;
  return { signature_name: signature, instances: [fields] };
}

function makeCommand(url, body) {
  const quoted = body.replaceAll("'", "'\\''");
  return `curl ${location.origin}${url} -d '${quoted}'`;
}

function show(...elements) {
  answer.replaceChildren(...elements);
}

// A button that is disabled would lose the keyboard's focus.
function setBusy(value) {
  busy = value;
  ask.setAttribute("aria-disabled", String(value));
  answer.setAttribute("aria-busy", String(value));
}

function showError(error) {
  show(element("p", { className: "error" }, error.message));
}

async function submit(description, readForm) {
  const fields = readForm();
  setBusy(true);
  try {
    const request = makeRequest(description, fields);
    const body = JSON.stringify(request);
    checkSize(body, description);
    const url = `/v1/models/${description.name}:predict`;
    document.getElementById("command").textContent = makeCommand(url, body);
    show(element("p", { className: "fine" }, "The model is working …"));
    const begin = performance.now();
    const { predictions } = await post(url, body);
    const milliseconds = Math.round(performance.now() - begin);
    const found = description.kind === "encoder" ? predictions : predictions[0];
    show(
      ...truncation(found, fields, description),
      ...RESULTS[description.kind](found, fields, description),
      element("p", { className: "fine" }, `${milliseconds} ms`),
    );
    answer.querySelector(".long mark")?.scrollIntoView({ block: "nearest" });
  } catch (error) {
    showError(new Error(inWordsOfPage(error.message, description)));
  } finally {
    setBusy(false);
  }
}

function describe({ kind, task, labels, max_seq_length: length, version }) {
  const facts = [kind.replaceAll("_", " ").replace(/ v\d$/, " answering")];
  if (task) {
    facts.push(`task ${task}`);
  }
  if (labels?.length && kind !== "tagging") {
    facts.push(`labels ${labels.join(", ")}`);
  }
  facts.push(`reads ${length} pieces at a time`, `albert-keras ${version}`);
  return facts.join(" · ");
}

async function start() {
  const description = await call("/description.json");
  document.title = `${description.source}: try the model`;
  document.querySelector("h1").textContent =
    `Try the model “${description.source}”`;
  document.getElementById("about").textContent = describe(description);
  if (!(description.kind in FIELDS)) {
    throw new Error(`This page has no form for ${description.kind}.`);
  }
  const readForm = makeForm(description);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!busy) {
      submit(description, readForm);
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  if (description.signatures.includes("embeddings")) {
    startSearch(description);
  }
  ask.disabled = false;
  form.querySelector("textarea, input")?.focus();
}

start().catch(showError);
