"""Log lines hold no text."""

import json
import logging
import sys

from gateway.logs import JsonFormatter, describe, request_id


def line(message="event", *args, name="prompts", exc_info=None, **extra):
    record = logging.LogRecord(name, logging.INFO, "f.py", 1, message, args, exc_info)
    record.__dict__.update(extra)
    return json.loads(JsonFormatter().format(record))


def test_a_line_is_json_with_time_level_event_and_fields():
    request_id.set(None)
    written = line("prompt", outcome="answered", total_ms=3.5)
    assert written["event"] == "prompt"
    assert written["outcome"] == "answered"
    assert written["total_ms"] == 3.5
    assert written["time"].endswith("+00:00")
    assert "request_id" not in written


def test_a_line_carries_the_requests_id():
    token = request_id.set("abc")
    try:
        assert line()["request_id"] == "abc"
    finally:
        request_id.reset(token)


def test_an_exception_is_logged_by_type_and_place_and_never_by_message():
    try:
        try:
            "ann@corp.com".encode("ascii").decode("utf-16-be")
            raise ValueError("secret of ann@corp.com")
        except ValueError as error:
            raise RuntimeError("card 4111 1111 1111 1111") from error
    except RuntimeError:
        written = json.dumps(line("broke", exc_info=sys.exc_info()))
    assert "RuntimeError" in written
    assert "ValueError" in written
    assert "test_logs.py" in written
    assert "ann@" not in written
    assert "4111 1111" not in written


def test_djangos_request_log_leaves_out_the_path():
    assert "ann@" not in json.dumps(line("%s: %s", "Not Found", "/ann@corp.com", name="django.request"))


def test_a_long_chain_of_causes_is_cut():
    error = None
    for _ in range(200):
        following = RuntimeError()
        following.__cause__ = error
        error = following
    assert len(describe(error)) < 80


def test_what_json_cannot_hold_is_named_by_type():
    assert line(thing=object())["thing"] == "object"


def test_a_task_that_failed_unseen_is_logged_without_its_message():
    said = "Task exception was never retrieved\nfuture: <Task exception=ValueError('4111 1111 1111 1111')>"
    assert line(said, name="asyncio")["event"] == "Task exception was never retrieved"


def test_an_exception_among_the_arguments_is_not_quoted():
    try:
        raise ValueError("4111 1111 1111 1111")
    except ValueError as error:
        written = line("Error handling connection: %s", error, name="gunicorn.error", exc_info=sys.exc_info())
    assert written["event"] == "Error handling connection: %s"
    assert "4111 1111" not in json.dumps(written)
