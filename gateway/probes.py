"""
Questions to what this service depends on, each asked in a thread of its own.

However often `/readyz` is asked, a database gets one question a second. One that hangs keeps a thread or two,
not one for each who asks, and is `down` at once for whoever asks meanwhile.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 3.0  # for an answer
FRESH_SECONDS = 1.0  # so long it is believed
# A question that hangs may hang for ever, on a connection whose other end is gone: then another one is asked.
AGAIN_SECONDS = 15.0
MOST_THREADS = 3


class Question(Generic[T]):
    """`check` at work in a thread, or what came of it."""

    def __init__(self, check: Callable[[], T]) -> None:
        self.asked_at = time.monotonic()
        self.answered_at = 0.0
        self.answer: Future[T] = Future()
        self.answer.set_running_or_notify_cancel()  # whoever loses patience does not end it
        threading.Thread(target=self._ask, args=(check,), name="probe", daemon=True).start()

    def _ask(self, check: Callable[[], T]) -> None:
        try:
            found = check()
        except BaseException as error:  # noqa: BLE001  (whatever it is, it is the answer)
            self.answered_at = time.monotonic()
            self.answer.set_exception(error)
        else:
            self.answered_at = time.monotonic()
            self.answer.set_result(found)


class Probe(Generic[T]):
    """Asks `check`, which may take its time. Safe from any thread and event loop."""

    def __init__(self, check: Callable[[], T]) -> None:
        self._check = check
        self._lock = threading.Lock()
        self._questions: list[Question[T]] = []

    async def ask(self) -> T:
        """What it found, at most FRESH_SECONDS ago. Raises what it raised, and TimeoutError."""
        question = self._question()
        left = question.asked_at + PATIENCE_SECONDS - time.monotonic()
        async with asyncio.timeout(max(0.0, left)):
            return await asyncio.wrap_future(question.answer)

    async def state(self) -> str:
        """`ready`, or `down` where it raised or did not answer."""
        try:
            await self.ask()
        except Exception:  # noqa: BLE001  (its reason is nobody's business: it may have an address in it)
            return "down"
        return "ready"

    def forget(self) -> None:
        """The next who asks hears something new."""
        with self._lock:
            self._questions = [one for one in self._questions if not one.answer.done()]

    def _question(self) -> Question[T]:
        with self._lock:
            now = time.monotonic()
            newest = self._questions[-1] if self._questions else None
            if newest is not None:
                is_over = newest.answer.done()
                if now - (newest.answered_at if is_over else newest.asked_at) < (
                    FRESH_SECONDS if is_over else AGAIN_SECONDS
                ):
                    return newest
            hanging = [one for one in self._questions if not one.answer.done()]
            if newest is not None and len(hanging) >= MOST_THREADS:
                return newest
            self._questions = [*hanging, Question(self._check)]
            return self._questions[-1]
