"""
The engine with real models: what many answers at once, shared beginnings and guesses do to an answer.

A model's logits are sums of floating-point products, and in another order of summing they come out otherwise
in the last bits: a token computed alone, in a batch, after a copied prefix or beside a guess takes other
kernels. So a greedy answer is the same as long as its tokens have no equals; where the two likeliest are as
good as equal, either may come, and the answers part there. Both is tested: small models have no such ties.
"""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from inference.backends import Ending, Generation, Message, Piece, Sampling
from inference.engine import Engine
from inference.llama import LlamaOptions, LlamaRunner
from inference.options import EngineOptions

QUESTIONS = [
    "What is the capital of France?",
    "Write a haiku about rain.",
    "Count from one to ten.",
    "Why is the sky blue? Answer in one sentence.",
    "Name three fruits.",
    "Say hello in Spanish.",
]
SYSTEM = "You are a patient assistant who answers in plain words and gives an example where it helps. " * 3
# Logits of two tokens nearer than this are as good as equal (natural log).
TIE = 0.1


@dataclass
class Answer:
    text: str
    logprobs: list
    ending: Ending


@contextmanager
def engine_of(path, *, slots=6, threads=1, context_tokens=512, flash_attention=False, **options):
    engine = Engine(
        lambda: LlamaRunner(
            path,
            options=LlamaOptions(
                context_tokens=context_tokens,
                slots=slots,
                threads=threads,
                flash_attention=flash_attention,
            ),
        ),
        EngineOptions(drain_seconds=0, **options),
    )
    engine.start()
    deadline = time.monotonic() + 60
    while engine.status().state == "loading":
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert engine.status().state == "ready"
    try:
        yield engine
    finally:
        engine.close()


def ask(engine, text, *, system="", max_tokens=24, sampling=None, caller=None):
    """Begins an answer; what waits for it."""
    events, ended = [], threading.Event()

    def deliver(event):
        events.append(event)
        if not isinstance(event, Piece):
            ended.set()

    messages = [Message("system", system)] if system else []
    generation = Generation(
        (*messages, Message("user", text)),
        "m",
        max_tokens,
        sampling or Sampling(0.0),
        caller or text,
        "r",
        logprobs=2,
    )
    engine.submit(generation, engine.prepare(generation), deliver)

    def answer():
        assert ended.wait(120)
        assert isinstance(events[-1], Ending), events[-1]
        pieces = [event for event in events if isinstance(event, Piece)]
        logprobs = [token for piece in pieces for token in piece.logprobs]
        return Answer("".join(piece.text for piece in pieces), logprobs, events[-1])

    return answer


def together(engine, questions, **more):
    return [answer() for answer in [ask(engine, text, **more) for text in questions]]


def assert_part_only_at_ties(one, other):
    """Two greedy answers are the same up to a token whose rival was as good."""
    for a, b in zip(one.logprobs, other.logprobs, strict=False):
        if a.raw != b.raw:
            best, second = a.top
            assert best.logprob - second.logprob < TIE, (one.text, other.text)
            return
    assert one.text == other.text


def test_small_models_answer_the_same_alone_together_and_after_a_shared_beginning(model_paths):
    with engine_of(model_paths["tiny"], prefix_scope="user") as engine:
        alone = [ask(engine, text)() for text in QUESTIONS]
    with engine_of(model_paths["tiny"]) as engine:
        assert [each.text for each in together(engine, QUESTIONS)] == [each.text for each in alone]
        assert [each.text for each in together(engine, QUESTIONS)] == [each.text for each in alone]
        assert engine.figures().prefix_hit_tokens > 0


@pytest.mark.model
def test_a_batch_changes_a_greedy_answer_only_where_two_tokens_are_as_good(default_model_path):
    with engine_of(default_model_path, speculation=False) as engine:
        alone = [ask(engine, text, system=SYSTEM)() for text in QUESTIONS]
    with engine_of(default_model_path, speculation=False) as engine:
        batch = together(engine, QUESTIONS, system=SYSTEM)
        figures = engine.figures()
    for one, other in zip(alone, batch, strict=True):
        assert_part_only_at_ties(one, other)
    assert sum(each.ending.cached_tokens > 40 for each in batch) == len(QUESTIONS) - 1, "computed once"
    assert figures.prefill_tokens < sum(each.ending.prompt_tokens for each in batch) / 2


@pytest.mark.model
def test_a_conversation_costs_only_its_new_tokens(default_model_path):
    with engine_of(default_model_path, context_tokens=1024) as engine:
        first = ask(engine, QUESTIONS[0], system=SYSTEM)()
        before = engine.figures().prefill_tokens
        again = ask(engine, f"{QUESTIONS[0]} And of Spain?", system=SYSTEM)()
        assert again.ending.cached_tokens >= first.ending.prompt_tokens - 12
        assert engine.figures().prefill_tokens - before < 24


EDIT = (
    "Repeat this text word for word and nothing else:\n\n"
    "The harbour opens at six. Boats leave for the islands every hour until nine in the evening. Tickets are "
    "sold at the pier and cost four euros. Dogs travel free of charge. The harbour closes at ten."
)


@pytest.mark.model
def test_guesses_change_no_greedy_answer_and_save_steps(default_model_path):
    answers, steps, guessed = {}, {}, 0
    for speculation in (False, True):
        with engine_of(default_model_path, slots=1, flash_attention=True, speculation=speculation) as engine:
            for text in QUESTIONS[:3]:  # the pace learns what steps cost
                ask(engine, text, max_tokens=20)()
            before = engine.figures()
            answers[speculation] = ask(engine, EDIT, max_tokens=60)()
            after = engine.figures()
            steps[speculation] = after.steps - before.steps
            guessed = after.right_guesses - before.right_guesses
    assert_part_only_at_ties(answers[False], answers[True])
    assert guessed > 0
    assert steps[True] <= steps[False] - guessed


def test_seeds_repeat_an_answer_whoever_answers_beside_it(model_paths):
    warm = Sampling(1.2, seed=7)
    with engine_of(model_paths["tiny"], prefix_scope="user") as engine:
        alone = ask(engine, QUESTIONS[0], sampling=warm)().text
        beside = ask(engine, QUESTIONS[0], sampling=warm, caller="somebody else")
        others = [ask(engine, text, sampling=Sampling(1.0)) for text in QUESTIONS[1:]]
        assert beside().text == alone
        for other in others:
            other()
        assert ask(engine, QUESTIONS[0], sampling=Sampling(1.2, seed=8))().text != alone


@pytest.mark.parametrize("kind", ["sliding", "recurrent", "hybrid"])
def test_models_that_forget_otherwise_answer_the_same_in_a_crowd(model_paths, kind):
    with engine_of(model_paths[kind], prefix_scope="user") as engine:
        alone = [ask(engine, text, system=SYSTEM)().text for text in QUESTIONS]
    with engine_of(model_paths[kind], slots=3) as engine:
        for _ in range(2):
            assert [each.text for each in together(engine, QUESTIONS, system=SYSTEM)] == alone
