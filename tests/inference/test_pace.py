"""How long steps take, and what follows."""

import random

import pytest

from inference.pace import CROWD_SECONDS, LEAST_SHARE, LEAST_TOKENS, STRETCH, UNNOTICED_SECONDS, Pace, worth


def paced(base=0.006, token=0.004, prompt=0.0026, streams=(1, 2, 4, 8), noise=0.0):
    """A pace that has seen a machine of these speeds."""
    pace, chance = Pace(), random.Random(3)
    for n in [*streams] * 40:
        pace.note_step(
            decode_tokens=n, prefill_tokens=0, seconds=(base + n * token) * (1 + noise * chance.random())
        )
        pace.note_step(decode_tokens=n, prefill_tokens=20, seconds=base + n * token + 20 * prompt)
    return pace


def test_it_learns_the_speed_of_the_machine():
    pace = paced()
    assert pace.step_seconds(4) == pytest.approx(0.022, rel=0.05)
    assert pace.step_seconds(16) == pytest.approx(0.07, rel=0.1)
    assert pace.prompt_token_seconds == pytest.approx(0.0026, rel=0.1)


def test_it_learns_from_noisy_steps_of_one_size_too():
    pace = paced(streams=(4,), noise=0.5)
    assert 0.02 < pace.step_seconds(4) < 0.036


@pytest.mark.parametrize("streams", [1, 2, 4, 8, 16])
def test_a_prompt_never_makes_answers_wait_longer_than_said(streams):
    pace = paced()
    usual = pace.step_seconds(streams)
    step = usual + pace.prompt_budget(streams, most=512) * pace.prompt_token_seconds
    assert step <= max(STRETCH * usual, UNNOTICED_SECONDS) * 1.05


def test_a_crowd_that_waits_for_its_first_word_may_hold_up_a_few_answers():
    pace = paced()
    strict, loose = (pace.prompt_budget(1, most=512, is_crowded=crowded) for crowded in (False, True))
    assert loose > 3 * strict
    assert pace.step_seconds(1) + loose * pace.prompt_token_seconds <= CROWD_SECONDS * 1.05


@pytest.mark.parametrize("streams", [1, 4, 16, 64])
def test_a_prompt_always_gets_its_share(streams):
    pace = paced()
    limit = max(STRETCH * pace.step_seconds(streams), UNNOTICED_SECONDS)
    budget = pace.prompt_budget(streams, most=10_000)
    assert (budget + 1) * pace.prompt_token_seconds >= LEAST_SHARE * limit


def test_a_slow_machine_still_gives_a_prompt_some_tokens():
    assert paced(prompt=10.0).prompt_budget(4, most=512) >= LEAST_TOKENS


@pytest.mark.parametrize(("room", "budget"), [(3.5, 4), (6.5, 4), (7.5, 8), (10.5, 8), (11.5, 12)])
def test_a_slice_is_of_whole_groups_of_tokens_or_lacks_one(room, budget):
    """A kernel takes four at a time, and three take as long."""
    pace = Pace(base_seconds=0.0, token_seconds=0.1)
    pace.prompt_token_seconds = (STRETCH - 1) * 0.1 / room
    assert pace.prompt_budget(1, most=512) == budget


def test_what_an_answer_is_worth_grows_by_pages_with_the_text_before_it():
    assert worth(4, before=3000, look_tokens=0) == 4
    assert worth(4, before=0, look_tokens=512) == 4
    assert worth(4, before=1, look_tokens=512) == worth(4, before=256, look_tokens=512) == 6
    assert worth(4, before=257, look_tokens=512) == 8


def test_answers_that_grow_longer_do_not_look_like_steps_that_cost_much_whoever_is_in_them():
    pace = Pace()
    for before in range(1, 600):
        tokens = worth(4, before=before, look_tokens=1300)
        pace.note_step(decode_tokens=tokens, prefill_tokens=0, seconds=0.002 + tokens * 0.007)
    assert pace.step_tokens() < 2


def test_alone_a_prompt_gets_everything():
    assert paced().prompt_budget(0, most=512) == 512


def test_guessing_pays_alone_and_not_in_a_crowd():
    pace = paced()
    assert pace.guess_length(0.9, decode_tokens=1, most=8) > 3
    assert pace.guess_length(0.9, decode_tokens=16, most=8) <= 1
    assert pace.guess_length(0.1, decode_tokens=1, most=8) == 0


def test_a_step_that_the_machine_slept_through_changes_little():
    pace = paced()
    before = pace.step_seconds(4)
    pace.note_step(decode_tokens=4, prefill_tokens=0, seconds=100.0)
    assert pace.step_seconds(4) < 3 * before


def test_a_longer_line_takes_longer():
    pace = paced()
    assert pace.job_seconds(1000, streams=8) > pace.job_seconds(10, streams=8) > 0
    before = pace.job_seconds(0, streams=8)
    for _ in range(30):
        pace.note_answer(500)
    assert pace.job_seconds(0, streams=8) > 2 * before


def test_it_knows_what_a_step_costs_beside_its_tokens():
    pace = Pace()
    for n in [1, 8, 4, 2, 6] * 20:
        pace.note_step(decode_tokens=n, prefill_tokens=0, seconds=0.012 + n * 0.004)
    assert pace.step_tokens() == pytest.approx(3, rel=0.05)
    for n in [1, 8, 4, 2, 6] * 50:
        pace.note_step(decode_tokens=n, prefill_tokens=0, seconds=n * 0.004)
    assert pace.step_tokens() == 1  # never nothing


def test_a_prompt_of_a_second_may_be_computed_at_once():
    assert paced().whole_tokens() == pytest.approx(1 / 0.0026, rel=0.1)
