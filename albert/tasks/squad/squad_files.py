# SPDX-License-Identifier: Apache-2.0
"""Reads questions with their answers from files like SQuAD 1.1 and 2.0.

{"version": "v2.0", "data": [
  {"title": "…", "paragraphs": [
    {"context": "…", "qas": [
      {"id": "…", "question": "…", "is_impossible": false,
       "answers": [{"text": "…", "answer_start": 17}]}]}]}]}

The other layouts that are read are those of ``layouts``.
"""

import dataclasses

from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.file_fingerprints import list_files
from albert.tasks.squad import answer_positions
from albert.tasks.squad.answer_positions import How
from albert.tasks.squad.fields import Fields
from albert.tasks.squad.layouts import read_layout
from albert.tasks.squad.questions import Answer
from albert.tasks.squad.questions import Question
from albert.tasks.squad.questions import SquadData
from albert.tasks.squad.raw_questions import QuestionReader

MOVED = "answers not at answer_start, moved to where they stand"
NOT_FOUND = "answers not found in their context"
OTHER_UNICODE = "answers composed or decomposed unlike their context"
UNPLACED = "answers without answer_start, looked for"
AMBIGUOUS = "answers without answer_start that stand several times"

_EXCERPT = 60  # Characters of an answer in a message.


def read_squad(
    file, has_impossible=None, stop_at_mismatch=False, is_training=False
):
    """Reads a file of version 1.1 or 2.0, labelled or not.

    Args:
      file: path.
      has_impossible: bool, the version: 2.0 if true. None finds it from the
        file: 2.0 if its "version" says so or any question says whether it is
        impossible.
      stop_at_mismatch: refuse a file in which an answer is not at its
        answer_start. Otherwise it is moved to where it stands.
      is_training: refuse a file in which most answers are not there.

    Raises:
      UserError: the file cannot be read, is not in this format, or
        contradicts itself; article and question are named.
    """
    fields = Fields(str(file))
    layout = read_layout(file, fields)
    reader = QuestionReader(fields)
    reader.read(layout)
    says_version_2, reason = reader.find_version(layout.version)
    if has_impossible is None:
        has_impossible = says_version_2
    else:
        reason = "as --version_2_with_negative says"
    reader.check_answers(has_impossible)
    questions = _place_answers(reader, stop_at_mismatch, is_training)
    return SquadData(
        file=str(file),
        has_impossible=has_impossible,
        labelled=reader.labelled,
        contexts=reader.contexts,
        titles=reader.titles,
        questions=questions,
        findings=reader.findings,
        version_reason=reason,
        reading=reader.reading,
        files=tuple(describe_files([file])),
    )


def read_files(
    files, has_impossible=None, stop_at_mismatch=False, is_training=False
):
    """Reads several files as if they were one.

    Args:
      files: list of paths, at least one.
      has_impossible, stop_at_mismatch, is_training: as in ``read_squad``.
        With None, the rules of version 2.0 hold if they do in one of the
        files.

    Returns:
      ``SquadData``, labelled if all files are.

    Raises:
      UserError: as ``read_squad``; or a question id is in two files.
    """
    parts = [
        read_squad(file, has_impossible, stop_at_mismatch, is_training)
        for file in files
    ]
    if len(parts) == 1:
        return parts[0]
    file_of_id = {}
    questions, first_context = [], 0
    findings, reading = {}, []
    for part in parts:
        for question in part.questions:
            other = file_of_id.setdefault(question.id, part.file)
            if other != part.file:
                raise UserError(
                    f"{part.file}: question id {question.id} is in {other} "
                    "too: ids must be unique; questions without any are named "
                    "after their file, which another name then tells apart"
                )
            index = first_context + question.context_index
            questions.append(dataclasses.replace(question, context_index=index))
        first_context += len(part.contexts)
        for name, found in part.findings.items():
            findings.setdefault(name, []).extend(found)
        reading += [f"{part.file}: {line}" for line in part.reading]
    with_impossible = [part for part in parts if part.has_impossible]
    first = (with_impossible or parts)[0]
    return SquadData(
        file=", ".join(part.file for part in parts),
        has_impossible=bool(with_impossible),
        labelled=all(part.labelled for part in parts),
        contexts=[context for part in parts for context in part.contexts],
        titles=[title for part in parts for title in part.titles],
        questions=questions,
        findings=findings,
        version_reason=f"{first.file}: {first.version_reason}",
        reading=reading,
        files=tuple(
            list_files([each for part in parts for each in part.files])
        ),
    )


def _place_answers(reader, stop_at_mismatch, is_training):
    """Finds all answers in their contexts: list of ``Question``."""
    given = [
        (reader.contexts[raw.context_index], text, start)
        for raw in reader.questions.values()
        for text, start in raw.answers
        if start is not None
    ]
    unit = answer_positions.find_unit(given)
    if unit != answer_positions.CHARACTERS:
        reader.reading.append(
            f"answer_start is counted in {unit}: all answers are where it "
            "says then, and not all when it counts characters"
        )
    questions, mismatches, num_far, num_answers = [], [], 0, 0
    for raw in reader.questions.values():
        context = reader.contexts[raw.context_index]
        answers = []
        for text, start in raw.answers:
            if start is not None:
                start = answer_positions.to_characters(context, start, unit)
            place = answer_positions.find_place(context, text, start)
            answers.append(Answer(place.text, place.start))
            num_answers += 1
            line = _note_place(reader, raw.id, context, text, start, place)
            if line:
                mismatches.append(line)
                num_far += place.how is not How.BLANKS
        questions.append(
            Question(raw.id, raw.text, raw.context_index, tuple(answers))
        )
    refuse = reader.fields.refuse
    if stop_at_mismatch and mismatches:
        refuse(
            f"{len(mismatches)} answers are not where the file says; the "
            f"first: {mismatches[0]}",
            "mend the file, or allow mismatches",
        )
    lost = reader.findings.get(NOT_FOUND, [])
    if 2 * len(lost) > num_answers:
        refuse(
            f"{len(lost)} of {num_answers} answers are not in their contexts; "
            f"the first: {lost[0]}",
            "check that contexts and answers belong together",
        )
    if is_training and 2 * num_far > len(given):
        refuse(
            f"{num_far} of {len(given)} answers are not where the file says; "
            f"the first: {mismatches[0]}",
            "mend the file, or leave answer_start out to have all answers "
            "looked for",
        )
    return questions


def _note_place(reader, id_, context, text, start, place):
    """Counts an answer that is not as the file says.

    Returns:
      str about an answer that is not at its answer_start; "" otherwise.
    """
    shown = f"question {id_}: {_cut(text)!r}"
    if start is None:
        reader.note(UNPLACED, id_)
        if place.several:
            reader.note(AMBIGUOUS, f"{shown} taken at {place.start}")
        elif place.how is How.NOWHERE:
            reader.note(NOT_FOUND, f"{shown} is nowhere in its context")
        return ""
    if place.how is How.THERE:
        return ""
    if place.how is How.UNICODE:
        reader.note(OTHER_UNICODE, id_)
        return ""
    found = context[max(start, 0) : max(start + len(text), 0)]
    line = (
        f"{shown} is not at answer_start {_cut(str(start))}, there is "
        f"{_cut(found)!r}"
    )
    if place.how is How.NOWHERE:
        line += "; it is nowhere in the context"
        reader.note(NOT_FOUND, line)
    else:
        line += f"; moved to {place.start}"
        reader.note(MOVED, line)
    return line


def _cut(text):
    return text if len(text) <= _EXCERPT else text[: _EXCERPT - 1] + "…"
