"""The loop, over a model that spells."""

import threading
import time

import pytest

from inference.backends import Ending, Generation, Message, Piece, Sampling
from inference.engine import Engine
from inference.errors import (
    DeadlineExceeded,
    GenerationFailed,
    ModelUnavailable,
    PromptTooLong,
    QueueFull,
)
from inference.runner import ModelBroken
from tests.fakes import ScriptedRunner


def generation(text="hi", caller="alice", **more):
    return Generation(
        (Message("user", text),), "m", more.pop("max_tokens", 100), Sampling(0.0), caller, "r", **more
    )


class Heard:
    """What was delivered for one job."""

    def __init__(self):
        self.events = []
        self.ended = threading.Event()

    def __call__(self, event):
        self.events.append(event)
        if not isinstance(event, Piece):
            self.ended.set()

    def wait(self):
        assert self.ended.wait(5), "the job never ended"
        return self.events[-1]

    @property
    def text(self):
        return "".join(event.text for event in self.events if isinstance(event, Piece))


@pytest.fixture
def engine_of():
    """Starts engines and stops them."""
    started = []

    def make(runner, *, wait=True, load=None, **more):
        more = {"places": 10, "queue_seconds": 60, "timeout_seconds": 60} | more
        engine = Engine(load or (lambda: runner), **more)
        started.append(engine)
        engine.start()
        deadline = time.monotonic() + 5
        while wait and engine.status().state == "loading":
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return engine

    yield make
    for engine in started:
        engine.close()


def run(engine, *args, **more):
    heard = Heard()
    engine.submit(generation(*args, **more), heard)
    heard.wait()
    return heard


def test_an_answer_comes_in_pieces_and_ends_once(engine_of):
    heard = run(engine_of(ScriptedRunner("hello")))
    assert heard.text == "hello"
    ending = heard.events[-1]
    assert (ending.finish_reason, ending.prompt_tokens, ending.completion_tokens) == ("stop", 8, 6)
    assert sum(isinstance(event, Ending) for event in heard.events) == 1


def test_max_tokens_ends_an_answer(engine_of):
    heard = run(engine_of(ScriptedRunner("hello")), max_tokens=3)
    assert heard.text == "hel"
    assert heard.events[-1].finish_reason == "length"


def test_an_answer_ends_where_the_context_does(engine_of):
    heard = run(engine_of(ScriptedRunner("x" * 100, context_tokens=12)))
    assert heard.events[-1].completion_tokens == 4
    assert heard.events[-1].finish_reason == "length"


def test_a_stop_string_ends_an_answer(engine_of):
    heard = run(engine_of(ScriptedRunner("hello. more")), stop=(". ",))
    assert heard.text == "hello"
    assert heard.events[-1].finish_reason == "stop"


def test_a_prompt_that_leaves_no_room_is_refused_with_the_numbers(engine_of):
    heard = run(engine_of(ScriptedRunner(context_tokens=8)), "longer")
    error = heard.events[-1]
    assert isinstance(error, PromptTooLong)
    assert (error.tokens, error.limit) == (12, 7)


def test_what_the_model_holds_already_is_not_computed_again(engine_of):
    runner = ScriptedRunner("ok")
    engine = engine_of(runner)
    run(engine, "a long and common beginning: one")
    before = sum(runner.steps)
    run(engine, "a long and common beginning: two")
    assert sum(runner.steps) - before < 8


def test_the_very_same_prompt_computes_at_least_its_last_token(engine_of):
    runner = ScriptedRunner("ok")
    engine = engine_of(runner)
    assert run(engine, "same").text == run(engine, "same").text == "ok"


def test_a_long_prompt_is_computed_in_steps(engine_of):
    runner = ScriptedRunner("ok")
    run(engine_of(runner, step_tokens=16), "x" * 100)
    assert max(runner.steps) == 16


class Gate:
    """Holds the model before a step until it is opened."""

    def __init__(self):
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, runner):
        self.reached.set()
        assert self.open.wait(5)


def test_a_caller_who_leaves_frees_the_model_within_one_step(engine_of):
    gate = Gate()
    runner = ScriptedRunner("x" * 1000, before_step=gate)
    engine = engine_of(runner, step_tokens=4)
    heard = Heard()
    job = engine.submit(generation("x" * 100), heard)
    gate.reached.wait(5)
    engine.cancel(job)
    gate.open.set()
    assert run(engine, "next", max_tokens=2).text == "xx"
    # one step was under way; the next job's own steps come after it
    assert runner.steps[0] == 4
    assert sum(runner.steps) <= 4 + len("user:next;") + 2
    assert heard.events == []


def test_a_caller_who_leaves_while_waiting_costs_nothing(engine_of):
    gate = Gate()
    runner = ScriptedRunner("ok", before_step=gate)
    engine = engine_of(runner)
    first, second = Heard(), Heard()
    engine.submit(generation(), first)
    gate.reached.wait(5)
    waiting = engine.submit(generation(), second)
    assert engine.waiting == 1
    engine.cancel(waiting)
    assert engine.waiting == 0
    gate.open.set()
    assert isinstance(first.wait(), Ending)
    assert second.events == []


def test_a_full_line_refuses_at_once_and_says_for_how_long(engine_of):
    gate = Gate()
    engine = engine_of(ScriptedRunner("ok", before_step=gate), places=2)
    heard = [Heard() for _ in range(3)]
    engine.submit(generation(), heard[0])
    gate.reached.wait(5)
    engine.submit(generation(), heard[1])
    engine.submit(generation(), heard[2])
    with pytest.raises(QueueFull) as caught:
        engine.submit(generation(), Heard())
    assert caught.value.retry_after_seconds >= 1
    gate.open.set()
    assert all(isinstance(each.wait(), Ending) for each in heard)


def test_callers_take_turns(engine_of):
    gate = Gate()
    order = []
    engine = engine_of(ScriptedRunner("ok", before_step=gate), places=20)

    def heard_by(caller):
        heard = Heard()

        def deliver(event):
            if not isinstance(event, Piece):
                order.append(caller)
            heard(event)

        engine.submit(generation(caller=caller), deliver)
        return heard

    jobs = [heard_by("alice") for _ in range(6)]
    gate.reached.wait(5)
    jobs.append(heard_by("bob"))
    gate.open.set()
    for job in jobs:
        job.wait()
    assert order.index("bob") == 2  # after the one under way and alice's next


def test_waiting_too_long_ends_with_a_deadline_while_another_job_runs(engine_of):
    clock = [0.0]
    gate = Gate()

    def step(runner):
        if runner.spoken == 3:
            clock[0] = 50.0
        if runner.spoken == 6:
            gate(runner)

    engine = engine_of(
        ScriptedRunner("long answer", before_step=step), queue_seconds=10, clock=lambda: clock[0]
    )
    first, second = Heard(), Heard()
    engine.submit(generation(), first)
    engine.submit(generation(caller="bob"), second)
    error = second.wait()
    assert isinstance(error, DeadlineExceeded)
    assert error.queued
    gate.open.set()
    assert isinstance(first.wait(), Ending)


def test_an_answer_that_takes_too_long_ends_with_a_deadline(engine_of):
    clock = [0.0]

    def step(runner):
        clock[0] += 1

    heard = run(
        engine_of(ScriptedRunner("x" * 500, before_step=step), timeout_seconds=20, clock=lambda: clock[0]),
        max_tokens=400,
    )
    assert isinstance(heard.events[-1], DeadlineExceeded)
    assert not heard.events[-1].queued
    assert 10 < len(heard.text) <= 21


def test_a_step_that_fails_spoils_its_own_job_only(engine_of):
    failures = iter([True])

    def step(runner):
        if next(failures, False):
            raise RuntimeError("llama_decode: 1")

    engine = engine_of(ScriptedRunner("ok", before_step=step))
    assert isinstance(run(engine).events[-1], GenerationFailed)
    assert run(engine).text == "ok"
    assert engine.status().state == "ready"


def test_a_broken_model_takes_the_engine_down_and_tells_everybody(engine_of):
    gate = Gate()

    def step(runner):
        gate(runner)
        raise ModelBroken("The model broke.")

    runner = ScriptedRunner(before_step=step)
    engine = engine_of(runner)
    first, second = Heard(), Heard()
    engine.submit(generation(), first)
    gate.reached.wait(5)
    engine.submit(generation(), second)
    gate.open.set()
    assert isinstance(first.wait(), ModelUnavailable)
    assert second.wait().reason == "The model broke."
    with pytest.raises(ModelUnavailable, match="The model broke"):
        engine.submit(generation(), Heard())
    assert engine.status().state == "down"
    engine.close()
    assert runner.is_closed


class Stuck(ScriptedRunner):
    """Fails in a step, and then cannot forget what it holds."""

    def decode(self, tokens):
        self.before_step(self)
        raise RuntimeError("the step")

    def keep(self, count):
        if count == 0 and self.is_used:
            raise OSError("beyond use")
        self.is_used = True
        return super().keep(count)

    is_used = False


def test_a_fault_that_ends_the_loop_shows_and_leaves_nobody_waiting(engine_of):
    gate = Gate()
    runner = Stuck(before_step=gate)
    engine = engine_of(runner)
    first, second = Heard(), Heard()
    engine.submit(generation(), first)
    gate.reached.wait(5)
    engine.submit(generation(), second)
    gate.open.set()
    assert isinstance(first.wait(), GenerationFailed)
    assert isinstance(second.wait(), ModelUnavailable)
    assert engine.status().state == "down"
    with pytest.raises(ModelUnavailable, match="fault"):
        engine.submit(generation(), Heard())
    engine.close()
    assert runner.is_closed


def test_nobody_waits_for_the_model_longer_than_a_prompt_may_take(engine_of):
    clock = [0.0]
    gate = Gate()

    def step(runner):
        clock[0] += 1  # the first job answers for 40 s of its 60
        if runner.spoken == 35:
            gate(runner)

    engine = engine_of(
        ScriptedRunner("x" * 40, before_step=step),
        queue_seconds=1000,
        timeout_seconds=60,
        clock=lambda: clock[0],
    )
    engine.submit(generation(), first := Heard())
    engine.submit(generation(caller="bob"), second := Heard())
    gate.reached.wait(5)
    clock[0] = 59.5
    gate.open.set()
    error = second.wait()
    assert isinstance(error, DeadlineExceeded)
    assert error.queued
    assert isinstance(first.wait(), DeadlineExceeded)


def test_a_prompt_that_comes_while_the_model_loads_is_refused_at_once(engine_of):
    loading = threading.Event()

    def load():
        assert loading.wait(5)
        return ScriptedRunner("ok")

    engine = engine_of(None, load=load, wait=False)
    assert engine.status().state == "loading"
    with pytest.raises(ModelUnavailable, match="loading"):
        engine.submit(generation(), Heard())
    loading.set()
    deadline = time.monotonic() + 5
    while engine.status().state != "ready":
        assert time.monotonic() < deadline
    assert run(engine).text == "ok"


@pytest.mark.parametrize("error", [ModelBroken("Damaged."), RuntimeError("secret path /x")])
def test_a_model_that_cannot_be_loaded_says_why_and_shows_no_path(engine_of, error):
    def load():
        raise error

    engine = engine_of(None, load=load)
    assert engine.status().state == "down"
    assert "/x" not in engine.status().reason
    assert engine.status().reason.endswith((".", "failed."))


def test_stopping_tells_the_job_in_progress_and_those_who_wait(engine_of):
    gate = Gate()
    runner = ScriptedRunner("x" * 1000, before_step=gate)
    engine = engine_of(runner)
    heard = [Heard(), Heard()]
    for each in heard:
        engine.submit(generation(), each)
    gate.reached.wait(5)
    closing = threading.Thread(target=engine.close)
    closing.start()
    gate.open.set()
    closing.join(5)
    assert all(isinstance(each.wait(), ModelUnavailable) for each in heard)
    assert runner.is_closed
    with pytest.raises(ModelUnavailable):
        engine.submit(generation(), Heard())


def test_a_caller_whose_loop_is_gone_does_not_stop_the_engine(engine_of):
    def deliver(event):
        raise RuntimeError("Event loop is closed")

    engine = engine_of(ScriptedRunner("hello"))
    engine.submit(generation(), deliver)
    assert run(engine).text == "hello"
