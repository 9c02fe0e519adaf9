"""Questions to what may hang: few, shared, and never waited for without an end."""

import asyncio
import threading

import pytest

from gateway import probes
from gateway.probes import MOST_THREADS, Probe


class Dependency:
    """Counts who asks; hangs while `gate` is closed."""

    def __init__(self):
        self.asked = 0
        self.gate = threading.Event()
        self.gate.set()
        self.error = None

    def __call__(self):
        self.asked += 1
        self.gate.wait(30)
        if self.error is not None:
            raise self.error
        return self.asked


@pytest.fixture
def dependency():
    made = Dependency()
    yield made
    made.gate.set()


@pytest.fixture(autouse=True)
def patience_with_a_busy_machine(monkeypatch):
    """Whoever wants to see it run out, says for how long it lasts."""
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 30)
    monkeypatch.setattr(probes, "FRESH_SECONDS", 60)
    monkeypatch.setattr(probes, "AGAIN_SECONDS", 60)


async def test_a_thousand_who_ask_at_once_are_one_question(dependency):
    probe = Probe(dependency)
    assert {*await asyncio.gather(*(probe.ask() for _ in range(1_000)))} == {1}
    assert dependency.asked == 1


async def test_an_answer_is_believed_for_a_while_and_no_longer(dependency, monkeypatch):
    probe = Probe(dependency)
    assert [await probe.ask(), await probe.ask()] == [1, 1]
    monkeypatch.setattr(probes, "FRESH_SECONDS", 0)
    assert await probe.ask() == 2


async def test_a_failure_is_an_answer_too(dependency):
    dependency.error = ConnectionError("redis://user:secret@host")
    probe = Probe(dependency)
    assert [await probe.state(), await probe.state()] == ["down", "down"]
    assert dependency.asked == 1


async def test_what_hangs_is_down_and_keeps_one_thread(dependency, monkeypatch):
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 0.05)
    dependency.gate.clear()
    probe = Probe(dependency)
    assert {await probe.state() for _ in range(20)} == {"down"}
    assert dependency.asked == 1


async def test_what_hangs_for_ever_is_asked_again_but_not_without_an_end(dependency, monkeypatch):
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(probes, "AGAIN_SECONDS", 0)
    dependency.gate.clear()
    probe = Probe(dependency)
    assert {await probe.state() for _ in range(20)} == {"down"}
    async with asyncio.timeout(30):
        while dependency.asked < MOST_THREADS:  # all threads are there, and ask
            await asyncio.sleep(0.01)
    assert dependency.asked == MOST_THREADS


async def test_what_hung_and_is_back_is_ready_again(dependency, monkeypatch):
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 0.01)
    dependency.gate.clear()
    probe = Probe(dependency)
    assert await probe.state() == "down"
    dependency.gate.set()
    monkeypatch.setattr(probes, "PATIENCE_SECONDS", 30)
    assert await probe.state() == "ready"
