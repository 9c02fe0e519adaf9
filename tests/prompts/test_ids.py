"""UUIDv7, made here."""

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from prompts.ids import floor, instant, uuid7


def test_ids_are_version_7_of_rfc_9562():
    made = uuid7()
    assert made.version == 7
    assert made.variant == RFC_4122


def test_ids_of_one_process_increase_strictly():
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_an_id_tells_when_it_was_made():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    assert before <= instant(uuid7()) <= datetime.now(UTC)


def test_the_floor_of_an_instant_is_below_every_id_made_at_it():
    made = uuid7()
    assert floor(instant(made)) <= made < floor(instant(made) + timedelta(milliseconds=1))


def test_ids_increase_even_when_the_clock_goes_back(monkeypatch):
    ahead = uuid7()
    monkeypatch.setattr("prompts.ids.time.time_ns", lambda: 0)
    assert uuid7() > ahead


def test_instants_outside_the_range_have_a_floor():
    assert floor(datetime(1900, 1, 1, tzinfo=UTC)).int >> 80 == 0
    assert floor(datetime(9999, 1, 1, tzinfo=UTC)) > uuid7()
