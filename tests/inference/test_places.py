"""Where jobs begin, and what their slots go on holding."""

import random

from inference.places import WORTH_WAITING_TOKENS
from tests.inference.desk import Desk, job_of


def test_what_a_slot_holds_is_not_computed_again():
    desk = Desk()
    desk.put(job_of("a long and common beginning: one"))
    desk.run()
    before = desk.computed
    second = desk.put(job_of("a long and common beginning: two", "bob"))
    desk.run()
    assert desk.computed - before <= len("two") + 5
    assert second.cached_tokens == len("a long and common beginning: ")


def test_a_conversation_goes_on_where_it_is():
    desk = Desk(copy_tokens=50)
    first = desk.put(job_of("hello"))
    desk.run()
    desk.put(job_of("something else", "bob"))
    desk.run()
    second = desk.put(job_of([*first.tokens, 1, 2, 3]))
    (move,) = desk.arrange()
    assert (move.slot, move.source) == (0, None)
    assert second.computed == len(first.tokens) - 1  # the last word was never computed


def test_the_very_same_prompt_computes_its_last_token():
    desk = Desk()
    desk.put(job_of("same"))
    desk.run()
    again = desk.put(job_of("same", "bob"))
    desk.arrange()
    assert again.owed == 1


def test_two_that_arrive_together_compute_their_common_beginning_once():
    desk = Desk(slots=8, step_tokens=64)
    common = "s" * 300
    jobs = desk.put(*(job_of(common + f"{n}" * 10, str(n)) for n in range(8)))
    desk.run()
    assert desk.computed < 300 + 8 * (10 + 5) + 8
    assert all(desk.answered(job) == [501, 502, 503, 504, 505] for job in jobs)
    assert sum(job.cached_tokens >= 300 for job in jobs) == 7


def test_who_waits_for_another_goes_on_alone_when_that_one_leaves():
    desk = Desk(slots=2, step_tokens=32)
    leader, follower = desk.put(*(job_of("s" * 200 + name, name) for name in ("alice", "bob")))
    desk.step()
    assert follower.leader is leader
    desk.end(leader)
    desk.run()
    assert follower.cached_tokens == 32
    assert desk.answered(follower)


def test_those_who_waited_for_one_that_leaves_compute_the_rest_once():
    desk = Desk(slots=8, step_tokens=64)
    leader, *others = desk.put(*(job_of("s" * 600 + f"{n}" * 10, str(n)) for n in range(8)))
    desk.step()
    desk.step()
    desk.end(leader)
    desk.step()
    desk.end(others[0])  # the one who went on leaves as well
    desk.run()
    assert desk.computed < 600 + 8 * (10 + 5) + 8
    assert all(desk.answered(job) for job in others[1:])


def test_a_short_common_beginning_is_not_waited_for():
    desk = Desk(slots=2)
    _, second = desk.put(*(job_of("s" * (WORTH_WAITING_TOKENS - 1) + name * 30, name) for name in "ab"))
    desk.arrange()
    assert second.leader is None


def test_copying_is_left_where_it_costs_more_than_computing():
    for copy_tokens, copies in ((200, 0), (20, 1)):
        desk = Desk(copy_tokens=copy_tokens)
        desk.put(job_of("s" * 100 + "one"))
        desk.run()
        desk.put(job_of("s" * 100 + "two", "bob"))
        desk.run()
        assert desk.scheduler.places.counts.copies == copies


def test_scopes_share_nothing():
    desk = Desk()
    desk.put(job_of("s" * 100 + "one", scope="alice"))
    desk.run()
    other = desk.put(job_of("s" * 100 + "two", "bob", scope="bob"))
    desk.run()
    assert other.cached_tokens == 0


def test_the_slot_that_was_used_least_recently_is_given_away():
    desk = Desk(slots=3)
    for name in "abc":
        desk.put(job_of(name * 30, name))
        desk.run()
    desk.put(job_of([*desk.done[0].tokens, 1, 2], "a"))  # uses the first slot again
    desk.run()
    job = desk.put(job_of("d" * 30, "d"))
    desk.arrange()
    assert job.slot == 1
    assert desk.scheduler.places.counts.evictions == 1


def test_jobs_sit_side_by_side_and_what_was_there_moves():
    desk = Desk(slots=6)
    jobs = desk.put(*(job_of(name * 30, name, most=50) for name in "abc"))
    desk.step()
    assert [job.slot for job in jobs] == [0, 1, 2]
    desk.end(jobs[1])
    new = desk.put(job_of("d" * 30, "d", most=50))
    desk.step()
    assert new.slot in (1, 3)
    back = desk.put(job_of([*jobs[1].tokens, 7], "b"))
    desk.step()
    assert back.cached_tokens == jobs[1].computed, "what the middle slot held is still held"


def test_a_conversation_that_would_be_computed_apart_moves_beside_the_others():
    desk = Desk(slots=6)
    jobs = desk.put(*(job_of(name * 30, name, most=50) for name in "abcd"))
    desk.step()
    for job in jobs[1:]:
        desk.end(job)
    back = desk.put(job_of([*jobs[3].tokens, 7], "d", most=50))
    desk.step()
    assert back.slot == 1
    assert back.cached_tokens == jobs[3].computed
    again = desk.put(job_of([*jobs[1].tokens, 7], "b", most=50))
    desk.step()
    assert again.cached_tokens == jobs[1].computed, "what was in its way is still held"
    assert again.slot == 2


def test_conversations_that_fill_all_slots_stay_in_them_whoever_asks_next():
    desk, chance = Desk(slots=6), random.Random(5)
    histories = {name: [ord(name)] * 40 for name in "abcdef"}
    desk.put(*(job_of(tokens, name, most=3) for name, tokens in histories.items()))
    desk.run()
    before = desk.computed
    turns = 0
    for _ in range(20):
        names = chance.sample("abcdef", 3)
        jobs = {name: job_of([*histories[name], 7], name, most=3) for name in names}
        desk.put(*jobs.values())
        for job in jobs.values():
            desk.arrange()
            assert job.cached_tokens == len(histories[job.caller])
            histories[job.caller] = job.tokens
        desk.run()
        turns += 3
        for name in names:
            histories[name] = histories[name][:-1]
    assert desk.computed - before <= turns * 4
    assert desk.scheduler.places.counts.evictions == 0


def test_a_model_that_cannot_forget_its_end_goes_on_or_begins_anew():
    desk = Desk(can_cut=False)
    first = desk.put(job_of("hello"))
    desk.run()
    going_on = desk.put(job_of([*first.tokens, 1, 2, 3]))
    desk.arrange()
    assert going_on.computed == len(first.tokens) - 1
    desk.run()
    other = desk.put(job_of("hello there", "bob"))
    desk.run()
    assert other.cached_tokens == 0
    assert desk.answered(other)
