"""Every line that is logged on behalf of a request has its id, from whichever thread."""

import asyncio
import json
import logging
import threading
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async

from accounts import mail, origin
from gateway.logs import JsonFormatter, request_id
from inference.engine import Engine
from prompts import writer
from prompts.errors import JournalUnavailable
from prompts.ids import uuid7
from prompts.journal import Entry
from prompts.leases import Lease
from prompts.writer import DatabaseJournal
from sanitization.chain import EMPTY
from tests.fakes import ScriptedRunner
from tests.gateway.test_engine import HI, TOKEN, Line, parrot  # noqa: F401
from tests.inference.test_engine import Heard, generation, until

OURS = "0198f0d0-0000-7000-8000-00000000000a"


@pytest.fixture
def lines():
    """What is logged from now on, as it is written."""
    found = []

    class Keeping(logging.Handler):
        def emit(self, record):
            found.append(json.loads(JsonFormatter().format(record)))

    handler = Keeping()
    logging.getLogger().addHandler(handler)
    yield found
    logging.getLogger().removeHandler(handler)


@pytest.fixture(autouse=True)
def in_a_request():
    token = request_id.set(OURS)
    origin.arrive(address="", device="", request_id=OURS)
    yield
    request_id.reset(token)
    origin.leave()


def ids(lines, event):
    return {line.get("request_id") for line in lines if line["event"] == event}


async def test_threads_of_a_request_log_its_id(lines):
    def log():
        logging.getLogger("prompts").warning("from %s", threading.current_thread().name != "MainThread")

    await asyncio.to_thread(log)
    await sync_to_async(log, thread_sensitive=False)()
    assert ids(lines, "from True") == {OURS}


def test_the_engines_thread_logs_the_id_of_whose_answer_failed(lines):
    def fail(runner):
        if runner.steps:
            raise ZeroDivisionError

    runner = ScriptedRunner(before_step=fail)
    engine = Engine(lambda: runner)
    engine.start()
    try:
        until(lambda: engine.status().state == "ready")
        asked, heard = generation(), Heard()
        engine.submit(asked, engine.prepare(asked), heard)
        heard.wait()
    finally:
        engine.close(drain_seconds=0)
    assert ids(lines, "step failed") == {OURS}


@pytest.mark.django_db(transaction=True)
async def test_the_books_thread_logs_the_id_of_whose_row_was_refused(lines, tmp_path, monkeypatch):
    def refuse(*anything, **more):
        raise ValueError

    monkeypatch.setattr(writer.finals, "write", refuse)
    journal = DatabaseJournal(Lease(tmp_path / "instances"), spool=tmp_path / "spool")
    journal.open()
    entry = Entry(uuid7(), datetime.now(UTC), uuid4(), OURS, "parrot", "default@1", EMPTY, EMPTY, ())
    try:
        with pytest.raises(JournalUnavailable):
            await journal.accept(entry)
    finally:
        await asyncio.to_thread(journal.close)
    assert ids(lines, "row not written") == {OURS}


def test_the_mails_thread_logs_the_id_of_who_asked_for_it(lines, settings):
    settings.EMAIL_BACKEND = "nowhere.to.be.Found"
    mail.send(to="ann@corp.com", subject="x", text="y")
    mail.wait()
    assert ids(lines, "mail not sent") == {OURS}


@pytest.mark.parametrize("given", ["a b", "x" * 65, "é", "", "-", "m4rk3d\tword", "AKIA/OSFODNN7"])
async def test_an_engine_takes_no_id_that_is_no_id(parrot, given):  # noqa: F811
    line = await Line("POST", "/v1/chat/completions", HI, token=TOKEN, x_request_id=given).run()
    assert len(line.headers["x-request-id"]) == 36


async def test_an_engine_takes_an_id_from_whoever_has_its_token_alone(parrot):  # noqa: F811
    known = await Line("POST", "/v1/chat/completions", HI, token=TOKEN, x_request_id="r-9").run()
    stranger = await Line("POST", "/v1/chat/completions", HI, token="x" * 40, x_request_id="r-9").run()
    assert known.headers["x-request-id"] == "r-9"
    assert stranger.headers["x-request-id"] != "r-9"
