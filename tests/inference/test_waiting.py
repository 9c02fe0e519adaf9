"""Who is next."""

from inference.backends import Generation, Message, Sampling
from inference.waiting import Job, WaitingLine


def job(caller, name="", start_by=10.0):
    generation = Generation((Message("user", name),), "m", 5, Sampling(0.0), caller, "r")
    return Job(generation, lambda event: None, queued_at=0.0, start_by=start_by, finish_by=20.0)


def drain(line):
    taken = []
    while (job := line.take()) is not None:
        taken.append(job)
    return taken


def test_callers_take_turns():
    line = WaitingLine(places=10)
    flood = [job("alice") for _ in range(5)]
    single = job("bob")
    for each in [*flood, single]:
        line.put(each)
    assert drain(line) == [flood[0], single, *flood[1:]]


def test_one_callers_jobs_keep_their_order():
    line = WaitingLine(places=10)
    jobs = [job("alice") for _ in range(3)]
    for each in jobs:
        line.put(each)
    assert drain(line) == jobs


def test_the_line_is_bounded():
    line = WaitingLine(places=2)
    line.put(job("alice"))
    assert not line.is_full
    line.put(job("bob"))
    assert line.is_full
    line.take()
    assert not line.is_full


def test_whoever_leaves_frees_the_place():
    line = WaitingLine(places=3)
    stays, goes = job("alice"), job("alice")
    line.put(goes)
    line.put(stays)
    assert line.remove(lambda waiting: waiting is goes) == [goes]
    assert len(line) == 1
    assert drain(line) == [stays]
    assert len(line) == 0


def test_removing_a_callers_last_job_takes_the_caller_out_of_the_turns():
    line = WaitingLine(places=3)
    line.put(job("alice"))
    line.put(other := job("bob"))
    line.remove(lambda waiting: waiting.generation.caller == "alice")
    assert drain(line) == [other]
