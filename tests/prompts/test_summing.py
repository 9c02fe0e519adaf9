"""Sums of days: whatever happens to rows, what is read of a span is what its tallies are."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TransactionTestCase

from prompts import posting
from prompts.finals import interrupt
from prompts.finals import write as finals_write
from prompts.ids import floor
from prompts.journal import Outcome, Result, Usage
from prompts.models import (
    EVERYBODY,
    HourlyFindings,
    HourlyTally,
    Prompt,
    SummedAsker,
    SummedFindings,
    SummedTally,
)
from prompts.statistics import summing, tallies
from prompts.statistics.pieces import Pieces, partial
from prompts.statistics.reading import Span, Step, read
from tests.prompts.test_tallies import ANSWERED, EMAIL, IBAN, row

pytestmark = pytest.mark.django_db(transaction=True)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAY, HOUR = summing.DAY, timedelta(hours=1)
SPANS = [
    Span(MONDAY + 5 * HOUR, MONDAY + 40 * HOUR),
    Span(MONDAY, MONDAY + 2 * DAY),
    Span(MONDAY - DAY, MONDAY + 4 * DAY, Step.DAY),
    Span(MONDAY, MONDAY + 7 * DAY, Step.WEEK),
]
BLOCKED = Result(Outcome.BLOCKED, findings=(IBAN,), usage=Usage(5, 0, 0), total_ms=12.0)


def write(finals):
    """As it stands some seconds later."""
    finals_write(finals)
    posting.post()


def sum_up():
    summing.catch_up(threading.Event())


def everything(user_ids=()):
    return [read(span, user_id=user_id) for span in SPANS for user_id in (None, *user_ids)]


def from_tallies(user_ids=()):
    """The same without sums."""
    for model in (HourlyTally, HourlyFindings):
        model.objects.update(is_summed=False)
    return everything(user_ids)


def is_read_from_sums(day):
    return not any(
        model.objects.filter(is_summed=False, hour__gte=day, hour__lt=day + DAY).exists()
        for model in (HourlyTally, HourlyFindings)
    )


WHO = st.integers(0, 2)
HOURS = st.integers(0, 70)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ends"), WHO, HOURS, st.sampled_from([ANSWERED, BLOCKED])),
        st.tuples(st.just("is interrupted"), WHO, HOURS, st.none()),
        st.tuples(st.just("is finished late"), WHO, HOURS, st.sampled_from([ANSWERED, BLOCKED])),
        st.tuples(st.just("is erased"), WHO, HOURS, st.none()),
        st.tuples(st.just("days are summed up"), WHO, HOURS, st.none()),
    ),
    min_size=3,
    max_size=25,
)


class AnyHistory(TransactionTestCase):
    @settings(max_examples=25, deadline=None)
    @given(STEPS)
    def test_what_is_read_is_what_the_tallies_are_whatever_happens(self, steps):
        summing_pause, summing.PAUSE_SECONDS = summing.PAUSE_SECONDS, 0
        users, left = [uuid4() for _ in range(3)], []
        try:
            for what, who, hours, result in steps:
                self.happens(what, users, who, MONDAY + hours * HOUR, result, left)
                if what != "days are summed up":
                    continue
                assert is_read_from_sums(MONDAY + hours * HOUR - hours % 24 * HOUR)
            found = everything(users)
            assert found == from_tallies(users)
            sum_up()
            assert everything(users) == found
        finally:
            summing.PAUSE_SECONDS = summing_pause

    def happens(self, what, users, who, at, result, left):
        if what in ("ends", "is interrupted"):
            key = users[who] if who else None
            one = row(user_id=users[who], key_id=key, created_at=at, findings=[EMAIL])
            if what == "ends":
                write([(one.id, result)])
            else:
                with transaction.atomic():
                    interrupt(Prompt.objects.filter(id=one.id))
                left.append(one.id)
        elif what == "is finished late" and left:
            write([(left.pop(), result)])
        elif what == "is erased":
            tallies.forget_user(users[who])
            assert not SummedTally.objects.filter(user_id=users[who]).exists()
        elif what == "days are summed up":
            sum_up()


def test_sums_are_of_everybody_by_hour_and_day_and_of_users_by_day():
    user, key = uuid4(), uuid4()
    for hours in (1, 1, 2, 25):
        write([(row(user_id=user, key_id=key, created_at=MONDAY + hours * HOUR).id, ANSWERED)])
    sum_up()
    rows = SummedTally.objects.order_by("user_id", "hours", "hour")
    assert [(one.user_id, one.hours, one.hour, one.prompts, one.prompt_tokens) for one in rows] == sorted(
        [
            (user, 24, MONDAY, 3, 21),
            (user, 24, MONDAY + DAY, 1, 7),
            (EVERYBODY, 1, MONDAY + HOUR, 2, 14),
            (EVERYBODY, 1, MONDAY + 2 * HOUR, 1, 7),
            (EVERYBODY, 1, MONDAY + 25 * HOUR, 1, 7),
            (EVERYBODY, 24, MONDAY, 3, 21),
            (EVERYBODY, 24, MONDAY + DAY, 1, 7),
        ]
    )
    assert (
        sum(SummedFindings.objects.filter(hours=24, user_id=EVERYBODY).values_list("findings", flat=True))
        == 12
    )
    assert [*SummedAsker.objects.order_by("hour").values_list("user_id", "key_id", "prompts")] == [
        (user, key, 3),
        (user, key, 1),
    ]


def test_a_day_in_its_sums_is_read_from_them_alone():
    write([(row(created_at=MONDAY).id, ANSWERED)])
    sum_up()
    SummedTally.objects.update(prompts=50)
    SummedAsker.objects.update(prompts=60)
    found = read(Span(MONDAY, MONDAY + DAY, Step.DAY))
    assert (found.counts.prompts, *found.users.values()) == (50, 60)
    assert read(Span(MONDAY, MONDAY + DAY)).counts.prompts == 50


def test_today_and_yesterdays_last_prompts_are_not_summed_up_yet(monkeypatch):
    now = MONDAY + DAY + timedelta(minutes=14)
    monkeypatch.setattr(timezone, "now", lambda: now)
    for at in (MONDAY - HOUR, MONDAY + HOUR, now):
        write([(row(created_at=at).id, ANSWERED)])
    sum_up()
    assert [is_read_from_sums(MONDAY + days * DAY) for days in (-1, 0, 1)] == [True, False, False]
    now += timedelta(minutes=1)
    sum_up()
    assert [is_read_from_sums(MONDAY + days * DAY) for days in (-1, 0, 1)] == [True, True, False]


def test_a_prompt_that_is_finished_late_is_read_at_once_and_summed_up_again():
    one = row(created_at=MONDAY, findings=[EMAIL])
    with transaction.atomic():
        interrupt(Prompt.objects.all())
    sum_up()
    write([(one.id, ANSWERED)])
    assert not is_read_from_sums(MONDAY)
    day = Span(MONDAY, MONDAY + DAY, Step.DAY)
    assert read(day).counts.outcomes == {"answered": 1}
    sum_up()
    assert is_read_from_sums(MONDAY)
    assert read(day).counts.outcomes == {"answered": 1}


def test_a_prompt_that_ends_late_as_others_of_its_hour_did_is_read_at_once():
    late = row(created_at=MONDAY)
    write([(row(created_at=MONDAY).id, ANSWERED)])
    sum_up()
    write([(late.id, ANSWERED)])
    assert HourlyTally.objects.get().prompts == 2  # it was there, and in its sums
    assert read(Span(MONDAY, MONDAY + DAY, Step.DAY)).counts.prompts == 2


def test_an_erased_user_is_in_no_sums_even_with_tallies_of_nothing():
    user = uuid4()
    HourlyTally.objects.create(hour=MONDAY, user_id=user, model="parrot", outcome="answered")
    write([(row(created_at=MONDAY, user_id=user).id, ANSWERED)])
    sum_up()
    tallies.forget_user(user)
    for sums in (SummedTally, SummedFindings, SummedAsker):
        assert not sums.objects.filter(user_id=user).exists()
    assert not is_read_from_sums(MONDAY)


@pytest.mark.postgres
def test_two_that_sum_up_and_writers_at_once_leave_nothing_out(monkeypatch):
    monkeypatch.setattr(summing, "PAUSE_SECONDS", 0)
    users = [uuid4() for _ in range(3)]
    ids = [
        row(
            user_id=users[n % 3],
            created_at=MONDAY + n % 48 * HOUR,
            id=floor(MONDAY + n * timedelta(minutes=1)),
        ).id
        for n in range(120)
    ]
    is_over = threading.Event()

    def sum_ups():
        try:
            while not is_over.is_set():
                sum_up()
        finally:
            connection.close()

    def ends(part):
        try:
            for at in range(0, 60, 5):
                write([(id, ANSWERED) for id in ids[part::2][at : at + 5]])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        folders = [pool.submit(sum_ups) for _ in range(2)]
        try:
            list(pool.map(ends, range(2)))
        finally:
            is_over.set()
        for one in folders:
            one.result()
    found = everything(users)
    assert found[0].counts.prompts > 0
    assert read(Span(MONDAY, MONDAY + 2 * DAY, Step.DAY)).counts.prompts == 120
    sum_up()
    assert is_read_from_sums(MONDAY)
    assert everything(users) == found == from_tallies(users)


@pytest.mark.postgres
def test_a_tally_that_somebody_is_changing_is_not_waited_for():
    one = row(created_at=MONDAY)
    write([(one.id, ANSWERED)])
    locked, may_end = threading.Event(), threading.Event()

    def change():
        try:
            with transaction.atomic():
                list(HourlyTally.objects.select_for_update())
                locked.set()
                may_end.wait(30)
        finally:
            connection.close()

    other = threading.Thread(target=change)
    other.start()
    try:
        assert locked.wait(30)
        assert summing.sum_day(MONDAY)
        assert not is_read_from_sums(MONDAY)
    finally:
        may_end.set()
        other.join()
    assert summing.sum_day(MONDAY)
    assert is_read_from_sums(MONDAY)


@pytest.mark.postgres
def test_a_second_one_leaves_a_day_to_the_first():
    write([(row(created_at=MONDAY).id, ANSWERED)])

    def second():
        try:
            return summing.sum_day(MONDAY)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        assert summing.sum_day(MONDAY)
        assert pool.submit(second).result() is False
    assert is_read_from_sums(MONDAY)


@given(st.sets(st.integers(-2, 8)), st.integers(0, 60), st.integers(1, 100))
def test_pieces_are_the_span_and_do_not_overlap(apart, begin, hours):
    since = MONDAY + begin * HOUR
    until = since + hours * HOUR
    days = {MONDAY + number * DAY for number in apart} | partial(since, until)
    pieces = Pieces.of(since, until, days)
    every = sorted(pieces.summed + pieces.others)
    assert (every[0][0], every[-1][1]) == (since, until)
    assert all(one[1] == next[0] for one, next in pairwise(every))
    for one, next in pieces.summed:
        assert one == summing.day_of(one)
        assert next == summing.day_of(next)
        assert not any(one <= day < next for day in days)


def test_the_thread_sums_up_and_ends(monkeypatch):
    monkeypatch.setattr(summing, "EVERY_SECONDS", 0.02)
    write([(row(created_at=MONDAY).id, ANSWERED)])
    thread = summing.Summing()
    thread.open()
    try:
        deadline = threading.Event()
        for _ in range(500):
            if is_read_from_sums(MONDAY):
                break
            deadline.wait(0.02)
    finally:
        thread.close(30)
    assert is_read_from_sums(MONDAY)
    assert UUID(int=0) != EVERYBODY


@pytest.mark.postgres
@pytest.mark.parametrize("sums", [SummedTally, SummedFindings])
def test_postgres_knows_that_sums_of_days_are_mostly_users(sums):
    """Or it would read the table from end to end for a year of everybody's days."""
    whose = [(EVERYBODY, 1, 2_400), (EVERYBODY, 24, 100), *((uuid4(), 24, 100) for _ in range(50))]
    sums.objects.bulk_create(
        sums(user_id=user_id, hours=hours, hour=MONDAY + n * hours * HOUR)
        for user_id, hours, times in whose
        for n in range(times)
    )
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {sums._meta.db_table}")
    plan = json.loads(sums.objects.filter(user_id=EVERYBODY, hours=24).explain(format="json"))
    expected = plan[0]["Plan"]["Plan Rows"]
    assert 50 <= expected <= 200, "1,700 would be everybody's share of all rows, times the days' share"
