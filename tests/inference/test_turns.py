"""Models that share the cores take turns."""

import threading
import time

from inference.runner import Row
from inference.turns import Turns, TurnTaking
from tests.fakes import ScriptedRunner


def both(*works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_only_one_has_the_turn():
    turns, inside = Turns(), []

    def work():
        for _ in range(200):
            with turns:
                inside.append(1)
                assert len(inside) == 1
                time.sleep(0)
                inside.pop()

    both(work, work, work)


def test_whoever_has_waited_for_longest_is_next():
    turns, order = Turns(), []

    def work(name):
        with turns:
            order.append(name)

    with turns:
        threads = [threading.Thread(target=work, args=(name,)) for name in "bc"]
        for count, thread in enumerate(threads, 1):
            thread.start()
            while len(turns._waiting) < count:
                time.sleep(0.001)
    with turns:  # at once: the others are before it all the same
        order.append("a")
    for thread in threads:
        thread.join(10)
    assert order == ["b", "c", "a"]


def test_a_step_that_fails_gives_the_turn_away():
    turns = Turns()

    def fail(runner):
        raise ZeroDivisionError

    broken = TurnTaking(ScriptedRunner("x", before_step=fail), turns)
    for _ in range(2):
        try:
            broken.step([Row(0, [1], 1)])
        except ZeroDivisionError:
            continue
    fine = TurnTaking(ScriptedRunner("x"), turns)
    both(lambda: fine.step([Row(0, [1], 1)]))
