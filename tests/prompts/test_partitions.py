"""The book's months on PostgreSQL: made ahead, dropped whole, and each row found in its own."""

import importlib
import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from uuid import UUID, uuid4

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from accounts.models import AuditEvent
from prompts import maintenance, partitions
from prompts.finals import settle
from prompts.ids import floor, uuid7
from prompts.journal import Outcome, Result
from prompts.models import Prompt
from prompts.partitions import DEFAULT, TABLE, Month
from prompts.statements import together

pytestmark = [pytest.mark.postgres, pytest.mark.django_db]
LAST_YEAR = datetime(2025, 6, 15, tzinfo=UTC)


def row(at=None, outcome="answered", **more):
    id = uuid7() if at is None else UUID(int=floor(at).int | (uuid4().int & ((1 << 60) - 1)))
    fields = {"model": "parrot", "request_id": "r", "policy": "default@1", "instance_id": uuid4()}
    return Prompt.objects.create(
        id=id, created_at=at or timezone.now(), outcome=outcome, **fields, **{"prompt": "hello"} | more
    )


def maintain(*arguments):
    out = StringIO()
    call_command("journal_maintenance", *arguments, stdout=out)
    return out.getvalue()


def names():
    return [one.table for one in partitions.partitions()]


def where(row):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT tableoid::regclass::text FROM {TABLE} WHERE id = %s", [row.id])
        return cursor.fetchone()[0]


@pytest.fixture
def last_year():
    """A partition of last year, cut off from what the migration made."""
    (first, *_) = partitions.partitions()
    partitions.drop(first, record=lambda rows: None)
    month = Month.of(LAST_YEAR)
    partitions.make(month)
    partitions.make(Month.of(timezone.now()))
    return f"{TABLE}_{month}"


def test_months_of_utc_follow_each_other_over_the_year():
    month = Month.of(datetime(2026, 12, 31, 23, 30, tzinfo=UTC))
    assert str(month) == "2026_12"
    assert str(month.after()) == "2027_01"
    assert str(month.after(-12)) == "2025_12"
    assert month.since == floor(datetime(2026, 12, 1, tzinfo=UTC))


def test_after_migrate_this_month_and_the_coming_ones_are_there():
    assert partitions.missing(timezone.now(), ahead=maintenance.MONTHS_AHEAD) == []
    assert where(row()) == names()[0]
    assert maintain() == "prompts: 0 gone\ntexts of prompts: 0 gone\n"


def test_months_are_made_ahead_and_only_once(monkeypatch):
    ahead = maintenance.MONTHS_AHEAD + 2
    monkeypatch.setattr(maintenance, "MONTHS_AHEAD", ahead)
    month = Month.of(timezone.now()).after(ahead)
    assert f"month {month}: would be made" in maintain("--dry-run")
    assert f"{TABLE}_{month}" not in names()
    assert f"month {month}: made\n" in maintain()
    assert f"{TABLE}_{month}" in names()
    assert "made" not in maintain()


def test_a_row_that_nobody_foresaw_is_kept_and_moves_into_its_month_later():
    far = timezone.now() + timedelta(days=300)
    kept, odd = row(far), row(timezone.now() + timedelta(days=3000))
    assert (where(kept), where(odd)) == (DEFAULT, DEFAULT)
    assert "there are rows for it" in maintain("--dry-run")
    said = maintain()
    assert f"month {Month.of(far)}: made, 1 rows moved into it" in said
    assert "1 rows stay" in said
    assert (where(kept), where(odd)) == (f"{TABLE}_{Month.of(far)}", DEFAULT)
    assert Prompt.objects.get(id=kept.id).prompt == "hello"


def test_a_month_is_dropped_when_no_outcome_of_it_is_kept_and_the_audit_trail_says_so(last_year, settings):
    old, new = row(LAST_YEAR), row()
    settings.RETAIN_PROMPTS_DAYS, settings.RETAIN_OUTCOMES_DAYS = 30, {"blocked": 0}
    assert f"{last_year}: dropped" not in maintain()  # blocked ones are kept for ever
    settings.RETAIN_OUTCOMES_DAYS = {"blocked": 10_000}
    maintain()
    assert last_year in names()
    row(LAST_YEAR)
    settings.RETAIN_OUTCOMES_DAYS = {"blocked": 60}
    assert "would be dropped" in maintain("--dry-run")
    assert last_year in names()
    assert f"{last_year}: dropped" in maintain()
    assert last_year not in names()
    assert not Prompt.objects.filter(id=old.id).exists()
    assert Prompt.objects.filter(id=new.id).exists()
    event = AuditEvent.objects.latest("number")
    assert (event.action, event.details["table"]) == ("journal.month_dropped", last_year)
    assert event.details["retain_outcomes_days"] == {"blocked": 60}


def test_a_month_with_a_prompt_in_progress_stays(last_year, settings):
    settings.RETAIN_PROMPTS_DAYS = 30
    running = row(LAST_YEAR, outcome="accepted")
    assert f"{last_year}: stays" in maintain()
    assert Prompt.objects.filter(id=running.id).exists()


def test_nothing_is_dropped_without_a_setting(last_year):
    row(LAST_YEAR)
    assert "drop" not in maintain()
    assert last_year in names()


def test_two_at_once_are_one(settings):
    base = settings.DATABASES["default"]
    with psycopg.connect(
        host=base["HOST"], port=base["PORT"], user=base["USER"], dbname=connection.settings_dict["NAME"]
    ) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [maintenance.LOCK])
        assert "Another journal_maintenance" in maintain()
        other.execute(
            "SELECT pg_advisory_unlock(%s)", [maintenance.LOCK]
        )  # the end of a connection takes a while
    assert "Another" not in maintain()


# -- each row in its own partition --


def partitions_of(sql, parameters):
    """Those that a statement would touch."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}", parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    return set(re.findall(rf"\b{TABLE}_\w*?(?:\d{{4}}_\d{{2}}|default)\b", plan))


class Recording:
    """A cursor that remembers what it was asked for of the book."""

    def __init__(self, cursor):
        self.cursor, self.seen = cursor, []

    def execute(self, statement, values=()):
        if TABLE in statement:
            self.seen.append((statement, values))
        return self.cursor.execute(statement, values)

    def fetchall(self):
        return self.cursor.fetchall()


def test_the_writer_and_who_looks_for_one_row_touch_one_partition():
    made = row(outcome="accepted")
    with together() as cursor:
        settle(recording := Recording(cursor), {made.id: Result(Outcome.ANSWERED, response="fine")})
    one = Prompt.objects.filter(id=made.id)
    assert one.get().response == "fine"
    seen = [*recording.seen, one.query.sql_with_params()]
    assert [sql.split()[0] for sql, _ in seen] == ["SELECT", "UPDATE", "SELECT"]
    for sql, values in seen:
        assert partitions_of(sql, values) == {where(made)}, sql


def test_a_span_of_time_touches_its_months():
    rows = Prompt.objects.filter(id__gte=Month(2027, 1).since, id__lt=Month(2027, 2).since)
    assert partitions_of(*rows.query.sql_with_params()) <= {f"{TABLE}_2027_01", names()[0]}
    assert len(partitions_of(*rows.query.sql_with_params())) == 1


# -- the migration --


@pytest.mark.django_db(transaction=True)
def test_the_migration_keeps_every_row_both_ways_and_leaves_big_indexes_to_maintenance(monkeypatch):
    future = timezone.now() + timedelta(days=300)
    made = [row(), row(LAST_YEAR, outcome="blocked", rules=["email"]), row(future)]
    texts = {one.id: one.prompt for one in made}
    monkeypatch.setattr(importlib.import_module("prompts.migrations.0013_search"), "BIG_ROWS", 1)
    try:
        call_command("migrate", "prompts", "0010", verbosity=0)
        assert not partitions.is_partitioned()
        assert _texts() == texts
        call_command("migrate", "prompts", "0013", verbosity=0)
        assert partitions.is_partitioned()
        assert dict(Prompt.objects.values_list("id", "prompt")) == texts
        assert [where(one) for one in made] == [names()[0], names()[0], DEFAULT]
        assert set(Prompt.objects.values_list("is_searchable", flat=True)) == {True}
        assert row().is_searchable is False
        lacking = {index for _, index in partitions.lacking_indexes()}
        assert lacking == {"prompts_by_model", "prompts_by_words", "prompts_unsearchable"}
        assert f"index prompts_by_words of {names()[0]}: would be built" in maintain("--dry-run")
        maintain()
        assert partitions.lacking_indexes() == []
    finally:
        call_command("migrate", "prompts", verbosity=0)
        partitions.drop(
            next(one for one in partitions.partitions() if one.table.endswith(str(Month.of(future)))),
            record=lambda rows: None,
        )


def _texts():
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, prompt FROM {TABLE}")
        return dict(cursor.fetchall())


def test_a_lock_that_cannot_be_had_is_tried_again(monkeypatch, settings):
    monkeypatch.setattr(partitions, "PAUSE_SECONDS", 0)
    base, tried = settings.DATABASES["default"], []
    connect = {"host": base["HOST"], "port": base["PORT"], "user": base["USER"]}
    with psycopg.connect(**connect, dbname=connection.settings_dict["NAME"]) as other:
        other.execute(f"LOCK TABLE {DEFAULT}")

        def steps(cursor):
            if len(tried) == 1:
                other.rollback()
            tried.append(1)
            cursor.execute(f"LOCK TABLE {DEFAULT}")
            return "had"

        assert partitions.patiently(steps) == "had"
    assert len(tried) == 2
