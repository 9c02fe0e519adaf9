"""The loop, over a model that spells."""

import threading
import time
from dataclasses import replace

import pytest

from inference import serving
from inference.backends import Embeddings, Ending, Format, Generation, Message, Piece, Sampling
from inference.engine import Engine
from inference.errors import (
    DeadlineExceeded,
    FormatRefused,
    GenerationFailed,
    ModelUnavailable,
    PromptEmpty,
    PromptTooLong,
    QueueFull,
)
from inference.options import EngineOptions
from inference.pace import PAGE_TOKENS, Pace
from inference.runner import ModelBroken
from tests.fakes import ScriptedRunner

SOON = 30  # of a machine that has other things to do


def generation(text="hi", caller="alice", **more):
    return Generation(
        (Message("user", text),),
        "m",
        more.pop("max_tokens", 100),
        more.pop("sampling", Sampling(0.0)),
        caller,
        "r",
        **more,
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
        assert self.ended.wait(SOON), "the job never ended"
        return self.events[-1]

    @property
    def text(self):
        return "".join(event.text for event in self.events if isinstance(event, Piece))


def until(is_true):
    deadline = time.monotonic() + SOON
    while not is_true():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.001)


@pytest.fixture
def engine_of():
    """Starts engines and stops them."""
    started = []

    def make(runner, *, wait=True, load=None, clock=time.monotonic, **options):
        options = {"places": 10, "drain_seconds": 0} | options
        engine = Engine(load or (lambda: runner), EngineOptions(**options), clock=clock)
        started.append(engine)
        engine.start()
        until(lambda: not wait or engine.status().state != "loading")
        return engine

    yield make
    for engine in started:
        engine.close()


def ask(engine, *args, heard=None, **more):
    """Puts a job in; its job and what it hears."""
    heard = heard or Heard()
    wanted = generation(*args, **more)
    return engine.submit(wanted, engine.prepare(wanted), heard), heard


def run(engine, *args, **more):
    _, heard = ask(engine, *args, **more)
    heard.wait()
    return heard


def computed(runner):
    return sum(len(row.tokens) for rows in runner.steps for row in rows)


class Gate:
    """Holds the model before a step until it is opened."""

    def __init__(self):
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, runner):
        self.reached.set()
        assert self.open.wait(SOON)


class Stopwatch:
    """What the engine measures its steps by; it runs when a test lets it."""

    seconds = 0.0

    def perf_counter(self):
        return self.seconds


@pytest.fixture
def stopwatch(monkeypatch):
    made = Stopwatch()
    monkeypatch.setattr("inference.serving.time", made)
    return made


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


def test_text_is_continued_as_it_is(engine_of):
    engine = engine_of(ScriptedRunner())
    assert bytes(engine.prepare(replace(generation(), text="hel")).tokens) == b"hel"


def test_a_prompt_that_leaves_no_room_is_refused_with_the_numbers(engine_of):
    engine = engine_of(ScriptedRunner(context_tokens=8))
    with pytest.raises(PromptTooLong) as caught:
        engine.prepare(generation("longer"))
    assert (caught.value.tokens, caught.value.limit) == (12, 7)


def test_a_format_that_cannot_be_used_is_refused(engine_of):
    engine = engine_of(ScriptedRunner())
    with pytest.raises(FormatRefused):
        engine.prepare(generation(format=Format("json_schema", "{")))


def test_a_text_without_a_token_is_refused_and_costs_nobody_anything(engine_of):
    engine = engine_of(ScriptedRunner())
    with pytest.raises(PromptEmpty):
        engine.prepare(replace(generation(), text=""))
    assert run(engine).text == "hello"
    assert engine.figures().reloads == 0
    vectors = engine_of(ScriptedRunner(embedding_size=3))
    with pytest.raises(PromptEmpty):
        vectors.prepare_embedding("")


class Boundless(ScriptedRunner):
    """Its grammars are found to be beyond bounds after a token."""

    def sampler(self, sampling, grammar, prompt):
        made = super().sampler(sampling, grammar, prompt)
        chooses = made.choose

        def choose(output):
            if grammar and made.chosen:
                raise FormatRefused("The grammar nests without end.")
            return chooses(output)

        made.choose = choose
        return made


def test_a_grammar_that_fails_on_the_way_is_the_callers_fault(engine_of, caplog):
    runner = Boundless()
    engine = engine_of(runner)
    heard = run(engine, format=Format("grammar", "root ::= root"))
    assert isinstance(heard.events[-1], FormatRefused)
    assert not caplog.records, "nothing broke"
    assert run(engine).text == "hello"
    until(lambda: runner.open_samplers == 0)


def test_logprobs_come_with_their_tokens(engine_of):
    heard = run(engine_of(ScriptedRunner("hi")), logprobs=2)
    told = [token for event in heard.events if isinstance(event, Piece) for token in event.logprobs]
    assert [token.raw for token in told] == [b"h", b"i", b""]
    assert all(len(token.top) == 2 for token in told)


def test_many_answers_at_once_each_come_whole(engine_of):
    gate = Gate()
    runner = ScriptedRunner("hello", slots=4, before_step=gate)
    engine = engine_of(runner, places=30)
    asked = [ask(engine, f"question {n}", f"user {n % 5}") for n in range(20)]
    gate.open.set()
    for _, heard in asked:
        heard.wait()
        assert heard.text == "hello"
    assert max(len(rows) for rows in runner.steps) == 4
    until(lambda: runner.open_samplers == 0)


def test_what_the_model_holds_already_is_not_computed_again(engine_of):
    runner = ScriptedRunner("ok")
    engine = engine_of(runner)
    run(engine, "a long and common beginning: one")
    before = computed(runner)
    heard = run(engine, "a long and common beginning: two")
    assert computed(runner) - before < 10
    assert heard.events[-1].cached_tokens == len("user:a long and common beginning: ")
    assert engine.figures().prefix_hit_tokens == heard.events[-1].cached_tokens


def test_users_share_no_prefix_where_the_operator_says_so(engine_of):
    engine = engine_of(ScriptedRunner("ok"), prefix_scope="user")
    run(engine, "a long and common beginning: one", "alice")
    assert run(engine, "a long and common beginning: two", "bob").events[-1].cached_tokens == 0
    assert run(engine, "a long and common beginning: six", "alice").events[-1].cached_tokens > 20


def test_a_long_prompt_is_computed_in_steps(engine_of):
    runner = ScriptedRunner("ok", step_tokens=16)
    run(engine_of(runner), "x" * 100)
    assert max(sum(len(row.tokens) for row in rows) for rows in runner.steps) == 16


def test_a_short_prompt_is_computed_in_one_step_beside_an_answer(engine_of):
    class Slow(ScriptedRunner):
        def step(self, rows):
            time.sleep(0.001 * sum(len(row.tokens) for row in rows))
            super().step(rows)

    runner = Slow("x" * 300, step_tokens=512)
    engine = engine_of(runner, speculation=False)
    ask(engine, "y" * 100, max_tokens=300)
    until(lambda: len(runner.steps) > 5)
    run(engine, "z" * 100, caller="bob", max_tokens=1)
    assert max(len(row.tokens) for rows in runner.steps[2:] for row in rows) >= 100


def test_answers_with_a_long_text_before_them_do_not_hold_up_the_others(engine_of, stopwatch):
    runner = ScriptedRunner("x" * 60, look_tokens=100)
    engine = engine_of(runner, speculation=False)
    heard = [ask(engine, "y" * size, caller=str(size))[1] for size in (3, 2, 900)]
    assert [one.wait().completion_tokens for one in heard] == [61] * 3  # and the end
    sizes = {len(rows) for rows in runner.steps if all(len(row.tokens) == 1 for row in rows)}
    assert 3 not in sizes
    assert 2 in sizes


def test_the_pace_is_told_what_an_answer_with_a_text_before_it_costs(engine_of, monkeypatch):
    told = []

    class Told(Pace):
        def note_step(self, *, decode_tokens, **more):
            told.append(decode_tokens)
            super().note_step(decode_tokens=decode_tokens, **more)

    monkeypatch.setattr(serving, "Pace", Told)
    run(engine_of(ScriptedRunner("x" * 5, look_tokens=PAGE_TOKENS)), "y")
    assert set(told) == {0, 2}, "each looks through a page, which costs as much as a token"


def test_a_caller_who_leaves_frees_the_model_within_one_step(engine_of):
    gate = Gate()
    runner = ScriptedRunner("x" * 1000, before_step=gate, slots=1, step_tokens=4)
    engine = engine_of(runner)
    job, heard = ask(engine, "x" * 100)
    assert gate.reached.wait(SOON)
    engine.cancel(job)
    gate.open.set()
    assert run(engine, "next", max_tokens=2).text == "xx"
    # one step was under way; the next job's own steps come after it
    assert len(runner.steps[0][0].tokens) == 4
    assert computed(runner) <= 4 + len("user:next;") + 2
    assert heard.events == []
    assert engine.figures().cancelled == 1
    until(lambda: runner.open_samplers == 0)


def test_a_caller_who_leaves_while_waiting_costs_nothing(engine_of):
    gate = Gate()
    engine = engine_of(ScriptedRunner("ok", before_step=gate, slots=1))
    _, first = ask(engine)
    assert gate.reached.wait(SOON)
    waiting, second = ask(engine)
    assert engine.figures().waiting_jobs == 1
    engine.cancel(waiting)
    assert engine.figures().waiting_jobs == 0
    gate.open.set()
    assert isinstance(first.wait(), Ending)
    assert second.events == []


@pytest.mark.parametrize("limit", [{"places": 2}, {"queue_tokens": 16}])
def test_a_full_line_refuses_at_once_and_says_for_how_long(engine_of, limit):
    gate = Gate()
    engine = engine_of(ScriptedRunner("ok", before_step=gate, slots=1), **limit)
    heard = [ask(engine)[1]]
    assert gate.reached.wait(SOON)
    heard += [ask(engine)[1] for _ in range(2)]
    with pytest.raises(QueueFull) as caught:
        ask(engine)
    assert caught.value.retry_after_seconds >= 1
    assert engine.figures().refused == 1
    gate.open.set()
    assert all(isinstance(each.wait(), Ending) for each in heard)


def test_the_wait_that_is_told_grows_with_the_line_and_the_time_that_steps_take(engine_of, stopwatch):
    told = []
    for pause in (0.002, 0.06):
        gate = Gate()

        def step(runner, gate=gate, pause=pause):
            gate(runner)
            stopwatch.seconds += pause

        gate.open.set()
        runner = ScriptedRunner("x" * 40, slots=1, before_step=step)
        engine = engine_of(runner, places=8, queue_seconds=1000)
        run(engine, "warm", max_tokens=8)
        gate.open.clear()
        asked = []
        try:
            while len(asked) < 100:
                asked.append(ask(engine, f"{len(asked)}", max_tokens=40))
        except QueueFull as full:
            told.append(full.retry_after_seconds)
        for job, _ in asked:
            engine.cancel(job)
        gate.open.set()
    assert told[0] < told[1]
    assert 3 <= told[1] <= 60  # eight answers of some forty steps at 60 ms, if answers stay as they are


def test_callers_take_turns(engine_of):
    gate = Gate()
    order = []
    engine = engine_of(ScriptedRunner("ok", before_step=gate, slots=1), places=20)

    def heard_by(caller):
        class Ordered(Heard):
            def __call__(self, event):
                if not isinstance(event, Piece):
                    order.append(caller)
                super().__call__(event)

        return ask(engine, caller=caller, heard=Ordered())[1]

    jobs = [heard_by("alice") for _ in range(6)]
    assert gate.reached.wait(SOON)
    jobs.append(heard_by("bob"))
    gate.open.set()
    for job in jobs:
        job.wait()
    assert order.index("bob") == 2  # after the one under way and alice's next


def test_waiting_too_long_ends_with_a_deadline_while_another_job_runs(engine_of):
    clock = [0.0]
    both_wait, gate = Gate(), Gate()

    def step(runner):
        both_wait(runner)
        if len(runner.steps) == 4:
            clock[0] = 50.0
        if len(runner.steps) == 6:
            gate(runner)

    runner = ScriptedRunner("long answer", before_step=step, slots=1)
    engine = engine_of(runner, queue_seconds=10, clock=lambda: clock[0])
    _, first = ask(engine)
    _, second = ask(engine, caller="bob")
    both_wait.open.set()
    error = second.wait()
    assert isinstance(error, DeadlineExceeded)
    assert error.queued
    gate.open.set()
    assert isinstance(first.wait(), Ending)


@pytest.mark.parametrize("limit", [({"timeout_seconds": 20}, {}), ({}, {"deadline_seconds": 20})])
def test_an_answer_that_takes_too_long_ends_with_a_deadline(engine_of, limit):
    clock = [0.0]

    def step(runner):
        clock[0] += 1

    operators, callers = limit
    runner = ScriptedRunner("x" * 500, before_step=step)
    engine = engine_of(runner, clock=lambda: clock[0], speculation=False, **operators)
    heard = run(engine, max_tokens=400, **callers)
    assert isinstance(heard.events[-1], DeadlineExceeded)
    assert not heard.events[-1].queued
    assert 10 < len(heard.text) <= 21
    assert engine.figures().expired == 1


def test_a_step_that_fails_with_one_job_spoils_that_job_only(engine_of):
    failures = iter([True])

    def step(runner):
        if next(failures, False):
            raise RuntimeError("llama_decode: 1")

    engine = engine_of(ScriptedRunner("ok", before_step=step))
    assert isinstance(run(engine).events[-1], GenerationFailed)
    assert run(engine).text == "ok"
    assert engine.status().state == "ready"


class Poisoned(ScriptedRunner):
    """Fails in every step that computes tokens of a certain prompt."""

    def step(self, rows):
        if any(ord("!") in row.tokens for row in rows):
            for row in rows:
                self.held[row.slot] = []
            raise RuntimeError("llama_decode: -1")
        super().step(rows)


def test_of_jobs_in_a_step_that_fails_only_the_guilty_one_fails(engine_of):
    gate = Gate()
    runner = Poisoned("hello", before_step=gate)
    engine = engine_of(runner)
    asked = [ask(engine, text, text)[1] for text in ("one", "two")]
    assert gate.reached.wait(SOON)
    asked += [ask(engine, text, text)[1] for text in ("bad!", "four")]
    gate.open.set()
    assert [type(heard.wait()) for heard in asked] == [Ending, Ending, GenerationFailed, Ending]
    assert [heard.text for heard in asked] == ["hello", "hello", "", "hello"]
    until(lambda: runner.open_samplers == 0)


def test_a_memory_that_is_full_computes_the_youngest_again(engine_of):
    gate = Gate()
    runner = ScriptedRunner("x" * 40, slots=3, cells=90, step_tokens=32, before_step=gate)
    engine = engine_of(runner)
    asked = [ask(engine, f"{n}" * 10, f"{n}", max_tokens=30)[1] for n in range(3)]
    gate.open.set()
    for heard in asked:
        assert heard.wait().completion_tokens == 30
        assert heard.text == "x" * 30
    assert engine.figures().preemptions > 0
    until(lambda: runner.open_samplers == 0)


def test_one_answer_that_fills_the_whole_memory_ends_there(engine_of):
    engine = engine_of(ScriptedRunner("x" * 200, slots=2, cells=50))
    heard = run(engine, "abc", max_tokens=200)
    assert heard.events[-1].finish_reason == "length"
    assert len(heard.text) > 30


def test_nothing_is_guessed_where_that_could_change_an_answer(engine_of, stopwatch):
    script = "the quick brown fox jumps over the lazy dog. " * 4

    def step(runner):
        stopwatch.seconds += 0.002

    guessed = []
    for look_tokens in (0, 100):
        engine = engine_of(ScriptedRunner(script, before_step=step, look_tokens=look_tokens))
        run(engine, f"repeat: {script}", max_tokens=300)
        guessed.append(engine.figures().guessed_tokens)
    assert guessed[0] > 0 == guessed[1]


def test_guesses_save_steps_and_change_nothing(engine_of, stopwatch):
    script = "the quick brown fox jumps over the lazy dog. " * 4
    answers = {}

    def step(runner):
        stopwatch.seconds += 0.002

    for speculation in (True, False):
        runner = ScriptedRunner(script, before_step=step)
        engine = engine_of(runner, speculation=speculation)
        heard = run(engine, f"repeat: {script}", max_tokens=300)
        answers[speculation] = heard.text, heard.events[-1].completion_tokens
        if speculation:
            assert len(runner.steps) < len(script) / 2
            assert engine.figures().right_guesses > len(script) / 2
            held = next(tokens for tokens in runner.held if tokens)
            assert bytes(held[-20:]).decode() == script[-20:]
    assert answers[True] == answers[False] == (script, len(script) + 1)


def test_a_broken_model_fails_its_jobs_and_is_loaded_again(engine_of):
    gate = Gate()

    def step(runner):
        gate(runner)
        raise ModelBroken("The model broke.")

    runners = [ScriptedRunner(before_step=step), ScriptedRunner("ok")]
    loaded = []

    def load():
        loaded.append(runners[len(loaded)])
        return loaded[-1]

    engine = engine_of(None, load=load)
    _, first = ask(engine)
    assert gate.reached.wait(SOON)
    gate.open.set()
    assert first.wait().reason == "The model broke."
    until(lambda: len(loaded) == 2 and engine.status().state == "ready")
    assert run(engine).text == "ok"
    assert runners[0].is_closed
    assert runners[0].open_samplers == 0
    assert engine.figures().reloads == 1


def test_a_model_that_breaks_again_and_again_stays_down_and_tells_everybody(engine_of, monkeypatch):
    monkeypatch.setattr("inference.engine.RELOAD_SECONDS", (0.0, 0.0, 0.0))

    def step(runner):
        raise ModelBroken("The model broke.")

    runners = []

    def load():
        runners.append(ScriptedRunner(before_step=step))
        return runners[-1]

    engine = engine_of(None, load=load)
    for number in range(3):
        until(lambda: len(runners) > number and engine.status().state != "loading")  # noqa: B023
        assert isinstance(run(engine).events[-1], ModelUnavailable)
    until(lambda: engine.status().state == "down")
    with pytest.raises(ModelUnavailable, match="The model broke"):
        ask(engine)
    assert len(runners) == 3
    assert all(runner.is_closed for runner in runners)


def test_a_fault_of_our_own_is_survived_like_a_broken_model(engine_of):
    class Stuck(ScriptedRunner):
        def cut(self, slot, count):
            raise OSError("beyond use")

    runners = [ScriptedRunner("ok"), Stuck()]
    engine = engine_of(None, load=lambda: runners.pop())
    _, heard = ask(engine)
    assert isinstance(heard.wait(), ModelUnavailable | Ending)
    until(lambda: not runners and engine.status().state == "ready")
    assert run(engine).text == "ok"


def test_nobody_waits_for_the_model_longer_than_a_prompt_may_take(engine_of):
    clock = [0.0]
    both_wait, gate = Gate(), Gate()

    def step(runner):
        both_wait(runner)
        clock[0] += 1  # the first job answers for 40 s of its 60
        if len(runner.steps) == 35:
            gate(runner)

    runner = ScriptedRunner("x" * 40, before_step=step, slots=1)
    engine = engine_of(
        runner, queue_seconds=1000, timeout_seconds=60, clock=lambda: clock[0], speculation=False
    )
    _, first = ask(engine)
    _, second = ask(engine, caller="bob")
    both_wait.open.set()
    assert gate.reached.wait(SOON)
    clock[0] = 59.5
    gate.open.set()
    error = second.wait()
    assert isinstance(error, DeadlineExceeded)
    assert error.queued
    assert isinstance(first.wait(), DeadlineExceeded)


def test_a_prompt_that_comes_while_the_model_loads_is_refused_at_once(engine_of):
    loading = threading.Event()

    def load():
        assert loading.wait(SOON)
        return ScriptedRunner("ok")

    engine = engine_of(None, load=load, wait=False)
    assert engine.status().state == "loading"
    with pytest.raises(ModelUnavailable, match="loading"):
        ask(engine)
    loading.set()
    until(lambda: engine.status().state == "ready")
    assert run(engine).text == "ok"


@pytest.mark.parametrize("error", [ModelBroken("Damaged."), RuntimeError("secret path /x")])
def test_a_model_that_cannot_be_loaded_says_why_and_shows_no_path(engine_of, error):
    def load():
        raise error

    engine = engine_of(None, load=load)
    assert engine.status().state == "down"
    assert "/x" not in engine.status().reason
    assert engine.status().reason.endswith((".", "failed."))


def is_closing(engine):
    """Whether it takes nothing any more."""
    try:
        engine.prepare(generation())
    except ModelUnavailable:
        return True
    return False


def stop(engine, **more):
    closing = threading.Thread(target=lambda: engine.close(**more))
    closing.start()
    return closing


def test_stopping_lets_an_answer_end_and_tells_those_who_wait(engine_of):
    gate = Gate()
    runner = ScriptedRunner("hello", before_step=gate, slots=1)
    engine = engine_of(runner)
    _, first = ask(engine)
    assert gate.reached.wait(SOON)
    _, second = ask(engine)
    closing = stop(engine, drain_seconds=SOON)
    assert isinstance(second.wait(), ModelUnavailable)
    with pytest.raises(ModelUnavailable):
        ask(engine)
    gate.open.set()
    closing.join(SOON)
    assert isinstance(first.wait(), Ending)
    assert first.text == "hello"
    assert runner.is_closed


def test_stopping_waits_no_longer_than_it_may(engine_of):
    gate = Gate()
    runner = ScriptedRunner("x" * 1000, before_step=gate)
    engine = engine_of(runner)
    _, heard = ask(engine, max_tokens=1000)
    assert gate.reached.wait(SOON)
    closing = stop(engine, drain_seconds=0)
    until(lambda: is_closing(engine))
    gate.open.set()
    closing.join(SOON)
    assert isinstance(heard.wait(), ModelUnavailable)
    assert runner.is_closed
    assert runner.open_samplers == 0


def test_the_model_is_not_freed_while_another_thread_reads_it(engine_of):
    reading, go_on = threading.Event(), threading.Event()

    class Slow(ScriptedRunner):
        def tokens_of(self, messages, *tools):
            reading.set()
            assert go_on.wait(SOON)
            assert not self.is_closed
            return super().tokens_of(messages, *tools)

    runner = Slow()
    engine = engine_of(runner)
    preparing = threading.Thread(target=lambda: engine.prepare(generation()))
    preparing.start()
    assert reading.wait(SOON)
    closing = stop(engine)
    time.sleep(0.02)
    assert not runner.is_closed
    go_on.set()
    preparing.join(SOON)
    closing.join(SOON)
    assert runner.is_closed


def test_a_caller_whose_loop_is_gone_does_not_stop_the_engine(engine_of):
    class Closed(Heard):
        def __call__(self, event):
            raise RuntimeError("Event loop is closed")

    engine = engine_of(ScriptedRunner("hello"))
    ask(engine, heard=Closed())
    assert run(engine).text == "hello"


def test_an_embedding_model_answers_with_vectors(engine_of):
    engine = engine_of(ScriptedRunner(embedding_size=3, slots=2, step_tokens=20), places=20)
    heard = [Heard() for _ in range(7)]
    for n, each in enumerate(heard):
        engine.submit_embedding(engine.prepare_embedding(f"text {n}"), each, caller=f"{n % 3}")
    assert [each.wait() for each in heard] == [Embeddings(((1.0, 0.0, 0.0),), 6)] * 7
    with pytest.raises(PromptTooLong):
        engine.prepare_embedding("x" * 21)


def test_hot_beginnings_outlive_the_process(engine_of, tmp_path):
    system = "you are a helpful assistant and answer in short sentences. " * 3
    options = {"prefix_dir": tmp_path / "prefixes", "drain_seconds": SOON}
    engine = engine_of(ScriptedRunner("ok"), **options)
    for n in range(6):
        run(engine, f"{system}{n}", f"user {n}")
    engine.close()
    (kept,) = (tmp_path / "prefixes").iterdir()
    assert kept.stat().st_mode & 0o77 == 0
    engine = engine_of(ScriptedRunner("ok"), **options)
    assert run(engine, f"{system}x").events[-1].cached_tokens == len("user:" + system)


def test_a_prefix_file_that_is_damaged_costs_nothing(engine_of, tmp_path):
    (tmp_path / "0.prefix").write_text("nonsense")
    engine = engine_of(ScriptedRunner("ok"), prefix_dir=tmp_path)
    assert run(engine).text == "ok"


def test_figures_add_up(engine_of):
    runner = ScriptedRunner("hello")
    engine = engine_of(runner)
    run(engine, "abc")
    run(engine, "something else")
    until(lambda: engine.figures().steps == len(runner.steps))
    figures = engine.figures()
    assert (figures.answered, figures.completion_tokens) == (2, 12)
    assert figures.prompt_tokens == len("user:abc;") + len("user:something else;")
    assert figures.steps > 0
    assert (figures.running_jobs, figures.waiting_jobs, figures.slots) == (0, 0, 4)
    assert figures.kv_used_tokens > 0
    until(
        lambda: replace(engine.figures()) == engine.figures()
    )  # the last step's times come after its answer
