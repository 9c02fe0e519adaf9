"""The auditor is not to be satisfied with books that are wrong."""

from dataclasses import replace

import pytest

from tests.faults.audit import Row, audit
from tests.faults.load import Record
from tests.faults.marks import marked, said_by_model

ONE, OTHER = marked(), marked()


def record(one=ONE, **fields):
    return Record(one, "chat", "echo", f"request-{one.mark}", 0.0, **{"outcome": "answered", **fields})


def row(one=ONE, **fields):
    prompt = f"Please remember {one.mark}: mail [EMAIL_1]"
    said = f"Heard {one.mark} and {prompt} Now write to [EMAIL_2] or not. "
    return Row(
        **{
            "id": "1",
            "request_id": f"request-{one.mark}",
            "outcome": "answered",
            "prompt": prompt,
            "response": said,
        }
        | fields
    )


def test_right_books_are_right():
    written = {"log": b"a line about nobody", "dump": row().response.encode()}
    assert (
        audit(
            [record(), record(OTHER, outcome="refused", code="journal-unavailable")],
            [row()],
            tallied={"answered": 1},
            places=written,
        )
        == []
    )


@pytest.mark.parametrize(
    ("records", "rows", "problem"),
    [
        ([record()], [], "has no row"),
        ([record()], [row(), row(id="2")], "has 2 rows"),
        ([record()], [row(outcome="accepted")], "still accepted"),
        ([record()], [row(outcome="interrupted")], "is interrupted in the book"),
        ([record()], [row(response="")], "another answer"),
        ([record()], [row(response=row(OTHER).response)], "another answer"),
        ([record()], [replace(row(OTHER), request_id=row().request_id)], "has a row about"),
        ([record(outcome="error", code="model-unavailable")], [row()], "is answered in the book"),
        ([record(outcome="refused", code="model-unavailable")], [row()], "is answered in the book"),
        ([record()], [row(), row(OTHER)], "is of no request"),
    ],
)
def test_wrong_books_are_not(records, rows, problem):
    problems = audit(records, rows)
    assert any(problem in found for found in problems), problems


def test_statistics_that_count_otherwise_are_wrong():
    assert audit([record()], [row()], tallied={"answered": 2}) == ["1 rows are answered, 2 by the statistics"]
    assert audit([record()], [row()], tallied={}) != []


@pytest.mark.parametrize("value", [*ONE.values, said_by_model(ONE.mark)])
def test_a_raw_value_in_a_line_of_the_log_is_found(value):
    assert audit([record()], [row()], places={"log": f'{{"event": "oh, {value}"}}'.encode()})


def test_a_caller_whose_connection_broke_may_have_been_answered():
    assert audit([record(outcome="cut")], [row()]) == []
    assert audit([record(outcome="unreached")], []) == []
