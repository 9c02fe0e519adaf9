"""
Password hashing, bounded: in `AT_ONCE` threads of its own, with a short queue, whatever arrives.

    login, login, login … ──► QUEUE places ──► AT_ONCE threads, each of low priority
                                  └ full: Busy at once, with Retry-After; nothing piles up

Argon2id with 19 MiB, time 2, one lane (OWASP Password Storage Cheat Sheet). Django's default of 100 MiB and
eight lanes would let a burst of log-ins take the machine from the model. The threads let everybody else go
first (nice 10 on Linux), so that a log-in takes what the model and the event loop leave. No lower: a thread
that has to wait long for a core may be the one whose turn with the interpreter everybody else waits for.

Up to three cores, one at once: llama.cpp has all but one of them, and a second hash would take one of those,
and half of the memory's bandwidth with it.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, TypeVar

import bcrypt
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptPasswordHasher

from accounts.errors import Busy

Result = TypeVar("Result")


def at_once(cores: int) -> int:
    """How many hashes are computed at the same time on so many cores."""
    return 1 if cores < 4 else 2


AT_ONCE = at_once(settings.CORES)
QUEUE = 10  # those that are hashing among them


def _let_others_go_first() -> None:
    with suppress(OSError, AttributeError):  # Linux gives threads priorities of their own, others do not
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hashing", initializer=_let_others_go_first)
_places = threading.BoundedSemaphore(QUEUE)
_is_held: ContextVar[bool] = ContextVar("holds a place", default=False)


class Place:
    """A place in the queue, for all that is to be done around a hash. Given back once, whoever does it."""

    def __init__(self) -> None:
        """Raises Busy at once where there is none."""
        if not _places.acquire(blocking=False):
            raise Busy
        self._lock = threading.Lock()
        self._is_held, self._is_working = True, False

    def begin(self) -> None:
        """The work begins. Raises Busy if the place was given back: the caller had left before."""
        with self._lock:
            if not self._is_held:
                raise Busy
            self._is_working = True

    def give_back(self) -> None:
        """The work is done."""
        with self._lock:
            if self._is_held:
                self._is_held = False
                _places.release()

    def abandon(self) -> None:
        """The caller left: the place is free, unless the work has begun, which gives it back itself."""
        with self._lock:
            is_working = self._is_working
        if not is_working:
            self.give_back()


@contextmanager
def a_place(place: Place | None = None) -> Iterator[None]:
    """Holds a place, this one or the next that is free; inside, hashing takes no other. Raises Busy."""
    if _is_held.get():
        yield
        return
    mine = place or Place()
    mine.begin()
    token = _is_held.set(True)
    try:
        yield
    finally:
        _is_held.reset(token)
        mine.give_back()


def hashing(work: Callable[[], Result]) -> Result:
    """The result of `work`, done in one of the threads. Raises Busy where the queue is full."""
    with a_place():
        return _threads.submit(work).result()


class BoundedArgon2Hasher(Argon2PasswordHasher):
    """What every new password is hashed with."""

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1

    def encode(self, password: str, salt: Any) -> str:
        encode = super().encode
        return hashing(lambda: str(encode(password, salt)))

    def verify(self, password: str, encoded: str) -> bool:
        verify = super().verify
        return hashing(lambda: bool(verify(password, encoded)))


class BoundedBcryptHasher(BCryptPasswordHasher):
    """Plain bcrypt, as the NestJS service stored it, under Django's prefix: `bcrypt$$2b$10$…`.

    Only to verify: a log-in that succeeds replaces the hash by Argon2.
    """

    def encode(self, password: str, salt: Any) -> str:
        encode = super().encode
        return hashing(lambda: str(encode(password, salt)))

    def verify(self, password: str, encoded: str) -> bool:
        stored = encoded.split("$", 1)[1].encode("ascii")
        # bcrypt reads 72 bytes. The service that made these hashes cut longer passwords there without a word;
        # the library of today refuses them, so the cut is made here.
        return hashing(lambda: bcrypt.checkpw(password.encode()[:72], stored))
