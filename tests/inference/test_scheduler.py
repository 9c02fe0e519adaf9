"""Which tokens of which jobs go into the next step."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inference.desk import Desk, job_of


def test_an_answer_in_progress_never_waits_for_more_than_a_slice_of_a_long_prompt():
    desk = Desk()
    talking = desk.put(job_of("hi", most=40))
    desk.step()
    long = desk.put(job_of("x" * 600, "bob"))
    for _ in range(30):
        said, slice = desk.step(prefill=16), desk.step(prefill=16)
        assert (said.jobs, said.prefill_tokens) == ([talking], 0)
        assert (slice.jobs, slice.decode_tokens) == ([long], 0)
        assert 0 < slice.prefill_tokens <= 16


def test_answers_with_a_long_text_before_them_speak_in_a_step_of_their_own():
    desk = Desk(slots=5, looks_of_a_step=500)
    desk.put(job_of("hi", most=60), job_of("ho", "bob", most=60))
    long, longer = desk.put(job_of("x" * 350, "eve", most=60), job_of("y" * 360, "dan", most=60))
    while longer.is_prefilling or long.is_prefilling:
        desk.step()
    late = desk.put(job_of("z" * 800, "bob", most=1))
    heard = [desk.step(prefill=16) for _ in range(30)]
    turns = [sorted(job.caller for job in plan.jobs) for plan in heard]
    begin = turns.index(["alice", "bob"])
    # Everybody once, then a slice of the prompt.
    assert turns[begin : begin + 24] == [["alice", "bob"], ["dan", "eve"], ["bob"]] * 8
    assert late.is_prefilling


@pytest.mark.parametrize(("looks", "kv_tokens"), [(700, None), (math.inf, None), (0, 2000)])
def test_answers_speak_together_where_that_costs_less_or_all_slots_share_a_memory(looks, kv_tokens):
    desk = Desk(looks_of_a_step=looks, kv_tokens=kv_tokens)
    short = desk.put(job_of("hi", most=60), job_of("ho", "bob", most=60))
    long = desk.put(job_of("x" * 350, "eve", most=60))
    while long.is_prefilling:
        desk.step()
    assert all(set(desk.step().jobs) == {*short, long} for _ in range(10))


def test_answers_and_slices_share_a_step_where_all_slots_share_a_memory():
    desk = Desk(kv_tokens=2000)
    talking = desk.put(job_of("hi", most=40))
    desk.step()
    long = desk.put(job_of("x" * 600, "bob"))
    for _ in range(30):
        plan = desk.step(prefill=16)
        assert plan.jobs == [talking, long]
        assert (plan.decode_tokens, plan.prefill_tokens) == (1, 16)


def test_a_step_computes_no_more_of_prompts_than_it_may():
    desk = Desk(step_tokens=32)
    desk.put(*(job_of("x" * 100, str(n)) for n in range(3)))
    desk.step(prefill=10)
    assert desk.steps[-1].prefill_tokens == 10
    desk.run(prefill=1000)
    assert max(plan.prefill_tokens for plan in desk.steps) <= 32


def test_a_short_prompt_is_computed_at_once_and_a_long_ones_end_is_not():
    desk = Desk(step_tokens=128)
    talking = desk.put(job_of("hi", most=50))
    desk.step()
    long, short = desk.put(job_of("y" * 300, "bob"), job_of("x" * 90, "eve"))
    assert desk.step(prefill=10, whole=125).jobs == [talking]
    plan = desk.step(prefill=10, whole=125)
    assert plan.jobs == [short]
    assert plan.prefill_tokens == 90
    while long.is_prefilling:
        assert desk.step(prefill=10, whole=125).prefill_tokens <= 10


def test_a_short_prompt_is_computed_at_once_beside_answers_in_the_same_step():
    desk = Desk(kv_tokens=2000, step_tokens=128)
    talking = desk.put(job_of("hi", most=50))
    desk.step()
    short = desk.put(job_of("x" * 90, "bob"))
    plan = desk.step(prefill=10, whole=100)
    assert (plan.jobs, plan.prefill_tokens) == ([talking, short], 90)


def test_a_prompt_that_found_its_beginning_is_as_short_as_what_it_brought():
    desk = Desk(step_tokens=128)
    talking = desk.put(job_of("hi", most=50))
    known = desk.put(job_of("y" * 300, "bob", most=1))
    while known.slot is not None or known not in desk.done:
        desk.step()
    turn = desk.put(job_of("y" * 300 + "x" * 60, "bob"))
    plans = [desk.step(prefill=10, whole=100), desk.step(prefill=10, whole=100)]
    assert [plan.jobs for plan in plans] == [[talking], [turn]]
    assert 60 <= plans[1].prefill_tokens <= 61


def test_the_smallest_debt_is_paid_first_and_who_waits_longest_has_each_fourth_step():
    desk = Desk()
    long = desk.put(job_of("y" * 500))
    desk.step(prefill=40)
    short = desk.put(job_of("x" * 300, "bob"))
    plans = [desk.step(prefill=40) for _ in range(8)]
    assert [plan.jobs for plan in plans].count([long]) == 2
    assert [plan.jobs for plan in plans].count([short]) == 6


def test_a_prompt_begins_beside_another_only_where_it_is_worth_a_row():
    desk = Desk(slots=3, step_tokens=100)
    first, second, _ = desk.put(
        *(job_of(name * size, name) for name, size in (("a", 60), ("b", 70), ("c", 80)))
    )
    assert desk.step(prefill=80).jobs == [first]
    assert desk.step().jobs == [first]
    assert desk.step(prefill=100).jobs == [second]
    assert desk.step().jobs == [first, second]
    desk.put(job_of("d" * 15, "d"))
    desk.end(first)
    assert sorted(len(row.tokens) for row in desk.step(prefill=95).rows) == [15, 80]


def test_a_long_prompt_is_computed_in_spite_of_ever_new_short_ones():
    desk = Desk(slots=3)
    long = desk.put(job_of("y" * 400, most=1))
    for n in range(300):
        if len(desk.line) < 2:
            desk.put(job_of("x" * 40 + str(n), str(n), most=1))
        desk.step(prefill=40)
    assert long in desk.done


def test_a_caller_with_one_job_goes_before_one_with_many():
    desk = Desk(slots=4)
    desk.put(*(job_of(f"{n}" * 20) for n in range(3)))
    other = desk.put(job_of("x" * 40, "bob"))
    plan = desk.step(prefill=40)
    assert plan.jobs[-1] is other


def test_a_full_house_makes_room_for_a_caller_who_has_no_place():
    desk = Desk(slots=3)
    flood = desk.put(*(job_of(f"{n}" * 20, most=100) for n in range(10)))
    for _ in range(3):
        desk.step()
    other = desk.put(job_of("hello", "bob", most=3))
    desk.step()
    assert other.slot is not None
    assert flood[2].slot is None  # the youngest that was running
    assert desk.scheduler.places.counts.preemptions == 1
    desk.run()
    assert desk.answered(flood[2]) == [501 + n for n in range(100)]


def test_whoever_has_one_place_keeps_it():
    desk = Desk(slots=2)
    jobs = desk.put(*(job_of("hello", name, most=20) for name in ("alice", "bob", "carol")))
    desk.step()
    assert [job.slot is not None for job in jobs] == [True, True, False]
    assert desk.scheduler.places.counts.preemptions == 0


def test_an_interactive_job_takes_the_place_of_a_batch_job():
    desk = Desk(slots=2)
    batch = desk.put(*(job_of(f"{n}" * 9, str(n), is_batch=True, most=20) for n in range(2)))
    desk.step()
    urgent = desk.put(job_of("now", "carol", most=2))
    desk.step()
    assert urgent.slot is not None
    assert [job.slot is None for job in batch] == [False, True]
    desk.run()
    assert desk.answered(batch[1]) == [501 + n for n in range(20)]


def test_a_batch_job_takes_nobodys_place():
    desk = Desk(slots=2)
    desk.put(*(job_of("hello", most=20) for _ in range(2)))
    desk.step()
    batch = desk.put(job_of("later", "bob", is_batch=True))
    desk.step()
    assert batch.slot is None


def test_a_shared_memory_forgets_idle_slots_before_it_keeps_jobs_waiting():
    desk = Desk(slots=4, kv_tokens=100)
    desk.put(job_of("a" * 60, "a", most=2))
    desk.run()
    second = desk.put(job_of("b" * 60, "b", most=2))
    desk.run()
    assert second in desk.done
    assert desk.scheduler.places.counts.evictions == 1


def test_a_job_that_does_not_fit_beside_the_others_waits():
    desk = Desk(slots=4, kv_tokens=100)
    first, second = desk.put(job_of("a" * 60, "a", most=9), job_of("b" * 60, "b", most=9))
    desk.step()
    assert (first.slot is not None, second.slot is not None) == (True, False)
    desk.run()
    assert desk.answered(second)


def test_a_full_memory_takes_the_place_of_the_youngest():
    desk = Desk(slots=2)
    old, young = desk.put(job_of("a" * 20, "a", most=9), job_of("b" * 20, "b", most=9))
    desk.step()
    move = desk.scheduler.make_room()
    assert (move.slot, move.count) == (1, 0)
    desk.do(move)
    assert young.slot is None
    assert list(desk.line) == [young]
    desk.run()
    assert desk.answered(young) == desk.answered(old) == [501 + n for n in range(9)]


def test_one_job_alone_has_nobody_to_make_room():
    desk = Desk(slots=2)
    desk.put(job_of("a" * 20))
    desk.step()
    assert desk.scheduler.make_room() is None


JOBS = st.lists(
    st.tuples(
        st.sampled_from(["", "system " * 9, "system " * 9 + "more " * 5]),
        st.text("ab", min_size=1, max_size=30),
        st.sampled_from(["alice", "bob", "carol"]),
        st.integers(1, 6),
        st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(
    JOBS,
    st.integers(1, 5),
    st.booleans(),
    st.booleans(),
    st.integers(4, 64),
    st.sampled_from([0.0, 10.0, 1000.0]),
    st.sampled_from([0.0, 20.0, math.inf]),
    st.integers(),
)
def test_every_job_is_answered_with_its_own_tokens_whatever_happens(
    jobs, slots, can_cut, is_shared, step_tokens, copy_tokens, looks, seed
):
    chance = random.Random(seed)
    desk = Desk(
        slots=slots,
        step_tokens=max(step_tokens, slots),
        can_cut=can_cut,
        kv_tokens=200 if is_shared else None,
        copy_tokens=copy_tokens,
        looks_of_a_step=looks,
    )
    left = [
        job_of(system + text, caller, most=most, is_batch=is_batch)
        for system, text, caller, most, is_batch in jobs
    ]
    everybody, gone = list(left), set()
    while left or desk.scheduler.running or len(desk.line):
        for _ in range(chance.randrange(3)):
            if left:
                desk.put(left.pop())
        if desk.scheduler.running and chance.random() < 0.1:
            job = chance.choice(desk.scheduler.running)
            desk.scheduler.ended(job)
            gone.add(id(job))
        elif desk.scheduler.running and chance.random() < 0.1 and (move := desk.scheduler.make_room()):
            desk.do(move)
        desk.step(prefill=chance.choice([1, 7, 1000]), whole=chance.choice([0, 20, 1000]))
        busy = [slot.job for slot in desk.scheduler.places.slots if slot.job is not None]
        assert sorted(map(id, busy)) == sorted(map(id, desk.scheduler.running))
        assert len(desk.steps) < 5000
    for job in everybody:
        if id(job) not in gone:
            assert desk.answered(job) == [501 + n for n in range(job.most)]
    for number, slot in enumerate(desk.scheduler.places.slots):
        assert desk.memory[number][: slot.held] == slot.tokens[: slot.held]


@pytest.mark.parametrize("slots", [1, 3])
def test_an_empty_house_plans_nothing(slots):
    desk = Desk(slots=slots)
    assert desk.step() is None
    assert desk.scheduler.places.held_tokens == 0
