"""Who is next."""

import pytest

from inference.jobs import Job, WaitingLine
from inference.speaking import Speaker


def job(caller, tokens=1, **more):
    return Job([0] * tokens, most=5, caller=caller, speaker=Speaker(lambda event: None), **more)


def line_of(*jobs, places=10, most_tokens=1000):
    line = WaitingLine(places=places, most_tokens=most_tokens)
    for each in jobs:
        assert line.has_room(len(each.tokens))
        line.put(each)
    return line


def drain(line):
    taken = []
    while (job := next(line.heads(), None)) is not None:
        line.take(job)
        taken.append(job)
    return taken


def test_callers_take_turns():
    flood, single = [job("alice") for _ in range(5)], job("bob")
    assert drain(line_of(*flood, single)) == [flood[0], single, *flood[1:]]


def test_one_callers_jobs_keep_their_order():
    jobs = [job("alice") for _ in range(3)]
    assert drain(line_of(*jobs)) == jobs


def test_interactive_jobs_go_before_batch_jobs():
    batch, other = job("alice", is_batch=True), job("bob")
    assert drain(line_of(batch, other)) == [other, batch]


def test_a_job_that_lost_its_place_is_the_first_of_its_caller():
    jobs = [job("alice") for _ in range(3)]
    line = line_of(*jobs)
    line.take(jobs[0])
    line.put_back(jobs[0])
    assert drain(line) == jobs


def test_another_caller_can_be_taken_before_whose_turn_it_is():
    jobs = [job("alice"), job("bob"), job("bob"), job("carol")]
    line = line_of(*jobs)
    assert list(line.heads()) == [jobs[0], jobs[1], jobs[3]]
    line.take(jobs[1])
    assert list(line.heads()) == [jobs[0], jobs[3], jobs[2]]


@pytest.mark.parametrize("limits", [{"places": 2}, {"most_tokens": 2}])
def test_the_line_is_bounded_by_jobs_and_by_tokens(limits):
    first = job("alice")
    line = line_of(first, job("bob"), **limits)
    assert not line.has_room(1)
    line.take(first)
    assert line.has_room(1)


def test_a_prompt_longer_than_the_line_may_wait_alone():
    line = line_of(most_tokens=10)
    assert line.has_room(50)
    line.put(job("alice", 50))
    assert not line.has_room(1)


def test_whoever_leaves_frees_the_place():
    goes, stays = job("alice", 3), job("alice", 4)
    line = line_of(goes, stays)
    assert line.remove(lambda waiting: waiting is goes) == [goes]
    assert (len(line), line.tokens) == (1, 4)
    assert drain(line) == [stays]
    assert (len(line), line.tokens) == (0, 0)


def test_removing_a_callers_last_job_takes_the_caller_out_of_the_turns():
    line = line_of(job("alice"), other := job("bob"))
    line.remove(lambda waiting: waiting.caller == "alice")
    assert drain(line) == [other]
