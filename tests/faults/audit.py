"""
The auditor: what the callers know against what the book says, and whether anything was written that must not
be. Every fault is judged by the same one.
"""

import re
from collections import Counter
from dataclasses import dataclass

from tests.faults.marks import said_by_model
from tests.searching import found

MARK = re.compile(r"mark[b-df-hj-np-t]{8}")
WELL = ("answered", "truncated")
# How an answer may have ended that the caller did not hear to its end: he cannot know.
UNSURE = ("cut", "unreached")
# These callers were told that the row could not be written; it is, later.
WRITTEN_LATER = ("journal-unavailable", "journal_unavailable")


@dataclass(frozen=True)
class Row:
    """Of the book."""

    id: str
    request_id: str
    outcome: str
    prompt: str
    response: str

    @property
    def marks(self):
        return set(MARK.findall(self.prompt))


def audit(records, rows, *, tallied=None, places=None, values=()):
    """Sentences about everything that is wrong; none where the books are right. `rows` are those of these
    records, `tallied` are outcomes by count as the statistics have them, `places` what was written, by name;
    `values` more that must not be there."""
    return [
        *_rows_of(records, rows),
        *_rows_without_request(records, rows),
        *(f"row {row.id} is still accepted" for row in rows if row.outcome == "accepted"),
        *_tallies(rows, tallied),
        *_raw(records, places or {}, values),
    ]


def _rows_of(records, rows):
    by_request = {}
    for row in rows:
        by_request.setdefault(row.request_id, []).append(row)
    for record in records:
        own = by_request.get(record.request_id, [])
        if len(own) > 1:
            yield f"{record.marked.mark} ({record.kind}) has {len(own)} rows"
        if record.is_answered and not own:
            yield f"{record.marked.mark} ({record.kind}) was answered and has no row"
        for row in own:
            yield from _one(record, row)


def _one(record, row):
    name = f"{record.marked.mark} ({record.kind}, {record.outcome} {record.code})"
    if row.marks != {record.marked.mark}:
        yield f"{name} has a row about {row.marks or 'nothing'}"
    if record.is_answered:
        if row.outcome not in WELL:
            yield f"{name} is {row.outcome} in the book"
        elif record.kind != "embedding" and not _is_right(record, row):
            yield f"{name} has another answer in the book than its own: {row.response[:80]!r}"
    elif row.outcome in WELL and record.outcome not in UNSURE and record.code not in WRITTEN_LATER:
        yield f"{name} is {row.outcome} in the book"


def _is_right(record, row):
    """What the stand-in says to the sanitized prompt, sanitized."""
    if record.model not in ("echo", "slow"):
        return True
    return row.response.startswith(f"Heard {record.marked.mark} and {row.prompt} Now write to [")


def _rows_without_request(records, rows):
    asked = {record.request_id for record in records}
    yield from (f"row {row.id} is of no request" for row in rows if row.request_id not in asked)


def _tallies(rows, tallied):
    if tallied is not None:
        counted = Counter(row.outcome for row in rows)
        for outcome in sorted(set(counted) | set(tallied)):
            if counted[outcome] != tallied.get(outcome, 0):
                yield f"{counted[outcome]} rows are {outcome}, {tallied.get(outcome, 0)} by the statistics"


def _raw(records, places, values):
    marks = [record.marked for record in records]
    raw = [value for one in marks for value in one.values]
    raw += [said_by_model(one.mark) for one in marks]
    for place, value in found([*raw, *values], places):
        yield f"the raw value {value} is in {place}"
