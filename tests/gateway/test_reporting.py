"""Reports of errors say what broke and where, and no word of anybody."""

import json
import logging
import sys

import pytest
from django.test import AsyncClient
from sentry_sdk.transport import Transport

from gateway import checks, reporting
from gateway.logs import request_id
from prompts import composition
from tests.fakes import Notebook, Parrot, house_of
from tests.prompts.v1.conftest import OpenAICaller

MARK = "m4rk3d"
DSN = f"https://{'a' * 32}@sentry.example.org/1"


class Keeping(Transport):
    """What would be sent."""

    kept: list[bytes] = []

    def capture_envelope(self, envelope):
        self.kept.append(envelope.serialize())


@pytest.fixture
def sent(settings):
    """The reports so far, as they would leave."""
    settings.SENTRY_DSN = DSN
    Keeping.kept = []
    reporting.open_reports(transport=Keeping)
    yield lambda: [json.loads(one.split(b"\n")[2]) for one in Keeping.kept]
    reporting.close_reports()


def broken(mark):
    """Fails in its caller's words, twice, with a note, a value of each frame and the text as its code."""
    secret = f"value {mark}"
    try:
        mark.encode("ascii").decode("utf-16-be")
        exec(compile(f"# {mark}\nraise ValueError({secret!r})", f"{mark}.py", "exec"))
    except ValueError as error:
        failure = RuntimeError(f"{mark} {secret}")
        failure.add_note(mark)
        raise failure from error


def test_a_report_has_classes_places_and_ids_and_no_word(sent):
    token = request_id.set("0198f0d0-0000-7000-8000-00000000000a")
    log = logging.getLogger("prompts.pipeline")
    try:
        broken(MARK)
    except RuntimeError:
        log.exception("broke with %s", MARK, extra={"prompt": MARK, "request": MARK})
        logging.getLogger("somebodys.library").exception(f"{MARK} %s", MARK)
    finally:
        request_id.reset(token)
    log.error("model down: %s", MARK)
    ours, theirs, plain = sent()
    (cause, failure) = ours["exception"]["values"]
    assert (failure["type"], cause["type"]) == ("RuntimeError", "ValueError")
    assert failure["stacktrace"]["frames"][-1]["function"] == "broken"
    assert failure["stacktrace"]["frames"][-1]["filename"] == "tests/gateway/test_reporting.py"
    assert ours["logentry"]["message"] == "broke with %s"
    assert ours["tags"] == {"request_id": "0198f0d0-0000-7000-8000-00000000000a"}
    assert "logentry" not in theirs
    assert plain["logentry"]["message"] == "model down: %s"
    assert MARK not in json.dumps([ours, theirs, plain])
    for report in (ours, theirs):
        assert not {"request", "breadcrumbs", "extra", "user", "modules", "threads"} & {*report}
        assert "vars" not in json.dumps(report)


@pytest.mark.django_db(transaction=True)
async def test_a_request_that_breaks_is_reported_without_the_request(sent, alice, token_of):
    class Hoarse(Parrot):
        async def answer(self, generation):
            raise KeyError(f"{MARK} {generation.messages[-1].content}")
            yield

    composition.install(house_of(Hoarse(), journal=Notebook()))
    try:
        client = OpenAICaller(token_of(alice))
        client.client = AsyncClient(raise_request_exception=False)
        answered = await client.post(
            f"chat/completions?q={MARK}",
            {"messages": [{"role": "user", "content": f"{MARK}@corp.com {MARK}"}]},
            **{"User-Agent": MARK, "Cookie": f"x={MARK}"},
        )
    finally:
        composition.install(None)
    assert answered.status_code == 500
    reports = sent()
    assert [report["exception"]["values"][-1]["type"] for report in reports] == ["KeyError"]
    assert reports[0]["tags"]["request_id"]
    text = json.dumps(reports)
    assert MARK not in text
    assert "Bearer" not in text


def test_warnings_are_not_reported_and_a_storm_is_bounded(sent):
    log = logging.getLogger("prompts.writer")
    log.warning("database away")
    assert sent() == []
    for _ in range(500):
        log.error("database away")
    assert len(sent()) == reporting.A_MINUTE


def test_a_client_that_fails_breaks_no_line(sent, monkeypatch, capsys):
    monkeypatch.setattr(reporting._handler.client, "capture_event", lambda report: 1 / 0)
    logging.getLogger("prompts").error("something")
    assert "something" in capsys.readouterr().err or sent() == []


def test_sentry_hooks_into_nothing(sent):
    import sentry_sdk

    assert not sentry_sdk.get_client().is_active()
    assert sys.excepthook is sys.__excepthook__


def test_without_a_dsn_nothing_is_reported(settings):
    settings.SENTRY_DSN = ""
    reporting.open_reports()
    assert reporting._handler is None
    reporting.close_reports()


def test_reports_that_cannot_be_made_are_told_before_the_start(settings, monkeypatch):
    assert checks.reports_that_can_be_made() == []
    settings.SENTRY_DSN = DSN
    assert checks.reports_that_can_be_made() == []
    monkeypatch.setattr(reporting, "is_installed", lambda: False)
    assert [found.id for found in checks.reports_that_can_be_made()] == ["gateway.E005"]


def test_a_dsn_that_is_none_stops_the_start(settings):
    settings.SENTRY_DSN = "nonsense"
    with pytest.raises(ValueError, match="scheme"):
        reporting.open_reports()
