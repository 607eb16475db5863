// SPDX-License-Identifier: Apache-2.0
// How the answer of each kind of model is shown. Texts only ever become text
// nodes, never markup.

const SPACE_MARK = "\u2581";
const MASK = "[MASK]";
// Texts that a message names.
const MOST_NAMED = 10;

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

export function capitalized(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function percent(probability) {
  return `${(100 * probability).toFixed(1)}%`;
}

// Rows of {name, probability}, the likeliest one first.
function bars(rows) {
  const sorted = [...rows].sort((a, b) => b.probability - a.probability);
  return element(
    "ul",
    { className: "bars", role: "list" },
    ...sorted.map(({ name, probability }, index) => {
      const bar = element("div", { className: "bar" });
      bar.style.width = percent(probability);
      return element(
        "li",
        {},
        element(
          "span",
          { className: index ? "name" : "name best" },
          name,
        ),
        element("div", { className: "track" }, bar),
        element("span", { className: "share" }, percent(probability)),
      );
    }),
  );
}

// The server counts characters, JavaScript's strings UTF-16 units.
function cut(text, start, end) {
  return Array.from(text).slice(start, end).join("");
}

function shownPiece(piece) {
  if (piece === SPACE_MARK) {
    return "(space)";
  }
  if (piece.startsWith(SPACE_MARK)) {
    return piece.slice(1);
  }
  // It goes on with the word before it.
  return /^\p{L}/u.test(piece) ? `…${piece}` : piece;
}

function filledMasks(answer, fields, description) {
  const parts = fields.text.split(MASK);
  const filled = answer.pieces.filter((row) => row[0] !== "");
  const text = element("p", { className: "text" }, parts[0]);
  parts.slice(1).forEach((part, index) => {
    if (index < filled.length) {
      const [best] = filled[index];
      // The space before a word is often in the text already.
      const before = parts[index];
      const begins =
        best.startsWith(SPACE_MARK) && before && !/\s$/u.test(before);
      text.append(
        begins ? " " : "",
        element("mark", {}, best.replaceAll(SPACE_MARK, "") || "\u00a0"),
      );
    } else {
      text.append(MASK);
    }
    text.append(part);
  });
  const shown = [text];
  filled.forEach((row, index) => {
    shown.push(
      element(
        "h3",
        {},
        filled.length > 1 ? `Mask ${index + 1} of ${filled.length}` : "Mask",
      ),
      bars(
        row.map((piece, rank) => ({
          name: shownPiece(piece),
          probability: answer.probabilities[index][rank],
        })),
      ),
    );
  });
  if (filled.length < parts.length - 1) {
    shown.push(
      element(
        "p",
        { className: "error" },
        `The model reads ${description.max_seq_length} pieces: ` +
          `${parts.length - 1 - filled.length} mask(s) lie behind them.`,
      ),
    );
  }
  return shown;
}

function chosenLabel(answer) {
  return [
    element("p", { className: "big" }, answer.label),
    bars(
      answer.labels.map((name, index) => ({
        name,
        probability: answer.probabilities[index],
      })),
    ),
  ];
}

function chosenLabels(answer) {
  const given = answer.labels.filter((_, index) => answer.predicted[index]);
  return [
    element("p", { className: "big" }, given.join(", ") || "No label"),
    bars(
      answer.labels.map((name, index) => ({
        name: `${name} (from ${percent(answer.thresholds[index])} on)`,
        probability: answer.probabilities[index],
      })),
    ),
  ];
}

function chosenOption(answer, fields) {
  // A question may have fewer options than the model takes.
  const given = [...answer.labels.keys()].filter(
    (index) => fields.options[index] !== "",
  );
  const name = (index) => `${answer.labels[index]}: ${fields.options[index]}`;
  return chosenLabel({
    label: name(answer.labels.indexOf(answer.label)),
    labels: given.map(name),
    probabilities: given.map((index) => answer.probabilities[index]),
  });
}

function number(answer) {
  return [element("p", { className: "big" }, answer.value.toFixed(3))];
}

// Words that follow each other in one entity: {type, start, end}.
function entities(answer) {
  const found = [];
  answer.words.forEach((word, index) => {
    const [position, type] = [
      answer.tags[index].slice(0, 2),
      answer.tags[index].slice(2),
    ];
    if (word === "" || !type) {
      return;
    }
    const last = found.at(-1);
    if (position === "I-" && last?.word === index - 1 && last.type === type) {
      last.word = index;
      last.end = answer.ends[index];
    } else {
      found.push({
        type,
        word: index,
        start: answer.starts[index],
        end: answer.ends[index],
      });
    }
  });
  return found;
}

function taggedWords(answer, fields, description) {
  const types = [
    ...new Set((description.labels ?? []).map((label) => label.slice(2))),
  ].filter(Boolean);
  const text = element("p", { className: "text" });
  const found = entities(answer);
  let end = 0;
  for (const entity of found) {
    text.append(
      cut(fields.text, end, entity.start),
      element(
        "mark",
        { className: `type${types.indexOf(entity.type) % 4}` },
        cut(fields.text, entity.start, entity.end),
        element("span", { className: "tag" }, entity.type),
      ),
    );
    end = entity.end;
  }
  text.append(cut(fields.text, end));
  return [
    text,
    element(
      "p",
      { className: "fine" },
      found.length ? `${found.length} found.` : "Nothing was tagged.",
    ),
  ];
}

function answerSpan(answer, fields) {
  const shown = [];
  const box = element("div", { className: "text long", tabIndex: 0 });
  if (answer.end > answer.start) {
    shown.push(element("p", { className: "big" }, answer.answer));
    box.append(
      cut(fields.context, 0, answer.start),
      element("mark", {}, cut(fields.context, answer.start, answer.end)),
      cut(fields.context, answer.end),
    );
  } else {
    shown.push(element("p", { className: "big" }, "No answer in this text"));
    box.append(fields.context);
  }
  const facts = [
    `probability ${percent(answer.probability)} among the best spans`,
    `score ${answer.score.toFixed(2)}`,
  ];
  if (answer.null_score !== undefined) {
    facts.push(`score of no answer ${answer.null_score.toFixed(2)}`);
    if (answer.answer === "" && answer.best_answer !== "") {
      facts.push(`best span “${answer.best_answer}”`);
    }
  }
  shown.push(element("p", { className: "fine" }, facts.join(" · ")), box);
  return shown;
}

function writtenTexts(answer) {
  const row = (text, score) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, text),
      element("td", {}, score.toFixed(3)),
    );
  return [
    element("p", { className: "big" }, answer.target),
    element(
      "div",
      { className: "scroll", tabIndex: 0 },
      element(
        "table",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col" }, "Text"),
          element("th", { scope: "col" }, "Score"),
        ),
        ...answer.targets.map((text, rank) => row(text, answer.scores[rank])),
      ),
    ),
  ];
}

// Cosines between the mean-pooled vectors of the texts.
function similarities(answers, fields) {
  const vectors = answers.map((answer) => {
    const vector = answer.mean_pooled_output;
    const length = Math.hypot(...vector) || 1;
    return vector.map((value) => value / length);
  });
  const heading = (index) =>
    element("th", { scope: "col" }, String(index + 1));
  return [
    element(
      "p",
      { className: "fine" },
      `Cosine of the mean-pooled vectors of ${vectors[0].length} numbers.`,
    ),
    element(
      "div",
      { className: "scroll", tabIndex: 0 },
      element(
        "table",
        {},
        element("tr", {}, element("td"), ...vectors.map((_, i) => heading(i))),
        ...vectors.map((row, i) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, `${i + 1} ${fields.text[i]}`),
            ...vectors.map((column) =>
              element(
                "td",
                {},
                row
                  .reduce((sum, value, k) => sum + value * column[k], 0)
                  .toFixed(3),
              ),
            ),
          ),
        ),
      ),
    ),
  ];
}

// By kind of model: what of the fields is too long, and what becomes of it.
const TRUNCATED = {
  masked_lm: () => "The text is too long, and its end",
  classification: ({ text_b: second }) =>
    second
      ? "The two texts together are too long, and a part of them"
      : "The text is too long, and its end",
  multiple_choice: () =>
    "Article, question and options together are too long, and a part of them",
  tagging: () => "A word is too long, and its end",
  text_to_text: () => "The text is too long, and its end",
  span_v1: () => "The question is too long, and its end",
};
TRUNCATED.multi_label = TRUNCATED.classification;
TRUNCATED.regression = TRUNCATED.classification;
TRUNCATED.span_v2 = TRUNCATED.span_v1;

// Tells of texts whose ends were not read: a list of elements.
export function truncatedTexts(names, length) {
  if (!names.length) {
    return [];
  }
  const more = names.length - MOST_NAMED;
  const listed = names.slice(0, MOST_NAMED).join(", ");
  return [
    element(
      "p",
      { className: "error" },
      `${capitalized(listed)}${more > 0 ? ` and ${more} more` : ""} ` +
        `${names.length > 1 ? "are" : "is"} too long, and the end was not ` +
        `read. The model reads ${length} pieces at a time.`,
    ),
  ];
}

// Tells that the answer is not about all of the text: a list of elements.
export function truncation(answer, fields, { kind, max_seq_length: length }) {
  if (kind === "encoder") {
    const lines = answer.flatMap((row, index) =>
      row.truncated ? [`line ${index + 1}`] : [],
    );
    return truncatedTexts(lines, length);
  }
  const what = answer.truncated && TRUNCATED[kind](fields);
  const room = kind.startsWith("span")
    ? ""
    : ` The model reads ${length} pieces at a time.`;
  return what
    ? [element("p", { className: "error" }, `${what} was not read.${room}`)]
    : [];
}

// By kind of model: (answer, fields, description) → list of elements.
export const RESULTS = {
  masked_lm: filledMasks,
  classification: chosenLabel,
  multi_label: chosenLabels,
  regression: number,
  multiple_choice: chosenOption,
  tagging: taggedWords,
  span_v1: answerSpan,
  span_v2: answerSpan,
  text_to_text: writtenTexts,
  encoder: similarities,
};
