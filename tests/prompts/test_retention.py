"""How long the book keeps prompts and their texts; and a book without texts."""

from datetime import timedelta
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts import retention as purging
from gateway.casts import days_by_name
from gateway.checks import outcomes_that_exist
from prompts import composition
from prompts.ids import floor
from prompts.leases import Lease
from prompts.models import HourlyTally, Prompt
from prompts.statistics.tallies import count
from prompts.writer import DatabaseJournal
from tests.fakes import house_of

pytestmark = pytest.mark.django_db(transaction=True)
FINDING = {"rule": "email", "part": "/prompt", "start": 0, "end": 3, "action": "mask", "direction": "prompt"}


def row(days, outcome="answered", **more):
    at = timezone.now() - timedelta(days=days)
    # As ids are made: of that millisecond.
    id = type(floor(at))(int=floor(at).int | (uuid4().int & ((1 << 60) - 1)))
    fields = {"model": "parrot", "request_id": "r", "policy": "default@1", "instance_id": uuid4()}
    texts = {"prompt": "[EMAIL_1]?", "system": "s", "response": "yes", "parts": [{"text": "t"}]}
    return Prompt.objects.create(
        id=id, created_at=at, outcome=outcome, findings=[FINDING], rules=["email"], **fields, **texts, **more
    )


def purge(*arguments):
    out = StringIO()
    call_command("purge", *arguments, stdout=out)
    lines = (line.split(": ") for line in out.getvalue().splitlines())
    said = {name: int(counted.split()[0]) for name, counted in lines}
    return said["prompts"], said["texts of prompts"]


def test_nothing_goes_unless_a_setting_says_so():
    row(5000)
    assert purge() == (0, 0)


def test_rows_go_by_age_and_by_how_they_ended(settings):
    settings.RETAIN_PROMPTS_DAYS = 30
    settings.RETAIN_OUTCOMES_DAYS = {"blocked": 365, "refused": 7, "failed": 0}
    kept = [row(29), row(364, "blocked"), row(6, "refused"), row(400, "failed"), row(400, "accepted")]
    for days, outcome in ((31, "answered"), (366, "blocked"), (8, "refused"), (31, "interrupted")):
        row(days, outcome)
    assert purge("--dry-run") == (4, 0)
    assert purge() == (4, 0)
    assert set(Prompt.objects.values_list("id", flat=True)) == {one.id for one in kept}
    assert purge() == (0, 0)


@pytest.mark.postgres
def test_what_nobody_has_counted_yet_is_counted_before_it_goes(settings):
    settings.RETAIN_PROMPTS_DAYS = 30
    row(31, prompt_tokens=3)
    assert purge("--dry-run") == (1, 0)
    assert not HourlyTally.objects.exists()
    assert purge() == (1, 0)
    assert HourlyTally.objects.get().prompt_tokens == 3


def test_texts_go_first_and_leave_numbers_findings_and_statistics(settings, monkeypatch):
    monkeypatch.setattr(purging, "BATCH", 2)
    settings.RETAIN_TEXTS_DAYS = 30
    old = [row(31, prompt_tokens=3, is_tallied=True) for _ in range(5)]
    young, running = row(29, is_tallied=True), row(31, "accepted")
    count(old)
    counted = list(HourlyTally.objects.values())
    assert purge("--dry-run") == (0, 5)
    assert purge() == (0, 5)
    for one in old:
        one.refresh_from_db()
        assert (one.prompt, one.system, one.parts, one.response, one.choices) == ("", "", [], "", [])
        assert one.erased_at is not None
        assert (one.findings, one.rules, one.prompt_tokens) == ([FINDING], ["email"], 3)
    for one in (young, running):
        one.refresh_from_db()
        assert one.prompt == "[EMAIL_1]?"
    assert list(HourlyTally.objects.values()) == counted
    assert purge() == (0, 0)


def test_outcomes_that_do_not_exist_are_told_before_the_start(settings):
    assert days_by_name(" blocked=30, refused = 7,") == (("blocked", 30), ("refused", 7))
    for wrong in ("blocked", "blocked=-1", "blocked=x"):
        with pytest.raises(ValueError, match=r"write|int\(\)"):
            days_by_name(wrong)
    settings.RETAIN_OUTCOMES_DAYS = {"blocked": 1, "accepted": 1, "gone": 1}
    (problem,) = outcomes_that_exist()
    assert "accepted, gone." in problem.msg
    settings.RETAIN_OUTCOMES_DAYS = {"blocked": 1}
    assert outcomes_that_exist() == []


async def test_a_book_without_texts_has_numbers_and_findings(parrot, tmp_path, as_alice):
    journal = DatabaseJournal(Lease(tmp_path / "others"), spool=tmp_path / "spool", keeps_text=False)
    journal.open()
    composition.install(house_of(parrot, journal=journal))
    answer = await as_alice.ask("write to ann@corp.com", system="Be brief.")
    assert answer.json()["response"] == "write to ann@corp.com"
    journal.close()
    one = await Prompt.objects.aget()
    assert (one.prompt, one.system, one.parts, one.response, one.choices) == ("", "", [], "", [])
    assert (one.outcome, one.completion_tokens, one.rules) == ("answered", 6, ["email"])
    assert len(one.findings) == 1


def test_maintenance_on_sqlite_is_retention(settings):
    settings.RETAIN_PROMPTS_DAYS = 10
    row(11), row(9)
    out = StringIO()
    call_command("journal_maintenance", "--dry-run", stdout=out)
    assert "prompts: 1 would go" in out.getvalue()
    call_command("journal_maintenance", stdout=out)
    assert "prompts: 1 gone" in out.getvalue()
    assert Prompt.objects.count() == 1
