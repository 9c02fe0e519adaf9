"""Whether a server may be asked."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from inference.routing.health import LIMIT, MOST_SECONDS, Health, RetryBudget


def ejected(now=0.0):
    health = Health(Random(3))
    for _ in range(LIMIT):
        health.fault(now)
    return health


def test_a_few_faults_in_a_row_eject_and_a_good_answer_forgets_them():
    health = Health(Random(3))
    for _ in range(10):
        for _ in range(LIMIT - 1):
            health.fault(0.0)
        health.well()
    assert health.may_take(0.0)
    assert not ejected().may_take(0.0)
    assert ejected().state(0.0) == "ejected"


def test_after_its_time_one_prompt_tries_it():
    health = ejected()
    later = health.opens_at(0.0)
    assert 4 <= later <= 6
    assert health.may_take(later)
    health.begin("first")
    assert not health.may_take(later)
    assert health.state(later) == "trying"
    health.begun()
    health.over("first")
    assert health.state(later) == "up"
    health.fault(later)
    assert not health.may_take(later), "on parole one fault is enough"


def test_a_trial_that_fails_closes_it_for_twice_as_long():
    health, now = ejected(), 0.0
    waits = []
    for _ in range(8):
        opens = health.opens_at(now)
        waits.append(opens - now)
        now = opens
        health.begin("trial")
        health.fault(now)
        health.over("trial")
    assert waits[1] > waits[0] * 1.3
    assert max(waits) <= MOST_SECONDS * 1.2


def test_a_trial_whose_caller_leaves_lets_the_next_one_try():
    health = ejected()
    later = health.opens_at(0.0)
    health.begin("left")
    health.over("left")
    assert health.may_take(later)


def test_what_was_on_its_way_when_it_was_ejected_says_nothing_new():
    health = ejected()
    opens = health.opens_at(0.0)
    for _ in range(20):
        health.fault(0.1)
    assert health.opens_at(0.0) == opens


def test_a_server_that_shuts_down_is_not_opened_by_the_answers_that_it_still_ends():
    health = ejected()
    health.well()
    assert not health.may_take(0.0)


def test_a_probe_opens_what_a_probe_closed_at_once():
    health = Health(Random(3))
    for _ in range(LIMIT):
        health.silent(0.0)
    assert not health.may_take(0.0)
    health.alive(0.1)
    assert health.may_take(0.1)


def test_a_server_that_is_alive_and_fails_prompts_stays_out_for_its_time():
    health = ejected()
    health.alive(0.1)
    assert not health.may_take(0.1)
    health.alive(health.opens_at(0.1))
    assert health.state(10.0) == "up"


def test_a_busy_server_is_left_alone_and_is_not_ill():
    health = Health(Random(3))
    health.busy(0.0, 7)
    assert (health.may_take(6.9), health.may_take(7.0)) == (False, True)
    assert health.state(1.0) == "busy"
    health.busy(0.0, 10**6)
    assert health.may_take(31.0)


@given(st.lists(st.booleans(), max_size=300))
def test_second_attempts_are_a_share_of_first_ones(failures):
    budget, seconds = RetryBudget(), 0
    for fails in failures:
        budget.earn()
        seconds += fails and budget.spend()
    assert seconds <= 10 + 0.2 * len(failures)
