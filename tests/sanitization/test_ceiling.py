import time

import pytest

from sanitization.ceiling import Ceiling, CeilingReached
from sanitization.chain import Chain
from sanitization.errors import ScreeningFailed
from sanitization.filters import Stage
from sanitization.patterns import PatternFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.stream import SLICE


class Patient:
    """A filter that says at the end alone that there was nothing."""

    rules = frozenset({"patient"})
    stage = Stage.VALUES
    settled = 0

    def open_prompt(self, policy):
        return self.__class__()

    open_answer = open_prompt

    def feed(self, piece, *, last):
        return []


class Slow(Patient):
    """A filter that works for a hundredth of a second on every slice."""

    rules = frozenset({"slow"})

    def feed(self, piece, *, last):
        until = time.thread_time() + 0.01
        while time.thread_time() < until:
            pass
        self.settled += len(piece)
        return []


def chain(*, seconds_per_piece=0, **limits):
    return Chain([Slow()], ceiling=lambda: Ceiling(seconds_per_piece=seconds_per_piece, **limits))


def test_a_text_that_costs_too_much_is_not_scanned_and_goes_nowhere():
    few = chain(seconds=0.035, seconds_per_kilochar=0)
    stream = few.open_answer(Policy(), Placeholders())
    sent = stream.feed("a" * SLICE * 2)
    with pytest.raises(ScreeningFailed) as caught:
        stream.feed("b" * SLICE * 50)
    assert caught.value.filter_name == "Slow"
    assert sent == "a" * SLICE * 2
    with pytest.raises(ScreeningFailed):
        stream.finish()
    with pytest.raises(ScreeningFailed):
        few.screen_prompt({"/prompt": "a" * SLICE * 50}, Policy())


def test_a_longer_text_may_cost_more():
    kind = chain(seconds=0.035, seconds_per_kilochar=0.01)
    assert len(kind.screen_prompt({"/prompt": "a" * SLICE * 6}, Policy()).texts["/prompt"]) == SLICE * 6


def test_a_text_in_many_pieces_may_cost_more():
    stream = chain(seconds=0, seconds_per_kilochar=0, seconds_per_piece=0.02).open_answer(
        Policy(), Placeholders()
    )
    assert "".join([stream.feed("a") for _ in range(8)] + [stream.finish()]) == "a" * 8


def test_waiting_for_more_text_costs_nothing():
    stream = chain(seconds=0.1, seconds_per_kilochar=0).open_answer(Policy(), Placeholders())
    for _ in range(3):
        stream.feed("a")
        until = time.thread_time() + 0.05
        while time.thread_time() < until:
            pass
    assert stream.finish() == ""


def test_many_small_pieces_count_too():
    ceiling = Ceiling(seconds=0.01, seconds_per_kilochar=0, seconds_per_piece=0)

    def work():
        for _ in range(100_000):
            ceiling.begin(1)
            sum(range(500))
            ceiling.check()
            ceiling.end()

    with pytest.raises(CeilingReached):
        work()


def test_a_long_text_in_slices_is_what_it_is_at_once():
    text = ("x" * (SLICE - 8) + " ann@example.com ") * 3
    sanitized = Chain([PatternFilter()]).screen_prompt({"/prompt": text}, Policy()).texts["/prompt"]
    assert sanitized == text.replace("ann@example.com", "[EMAIL_1]")


class Listener(Patient):
    """A filter that remembers how long the pieces were that it was given, and whether they were the last."""

    rules = frozenset({"listener"})
    stage = Stage.MARKUP

    def __init__(self):
        self.heard = []

    def open_prompt(self, policy):
        return self

    def feed(self, piece, *, last):
        self.heard.append((len(piece), last))
        return []


def test_what_one_stage_held_back_reaches_the_next_in_slices():
    listener = Listener()
    text = "ab" * (SLICE + 50)
    screened = Chain([Patient(), listener]).screen_prompt({"/prompt": text}, Policy())
    assert screened.texts["/prompt"] == text
    assert listener.heard == [(SLICE, False), (SLICE, False), (100, True)]
