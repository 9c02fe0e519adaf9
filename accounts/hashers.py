"""
Password hashing, bounded: at most `AT_ONCE` hashes run in the process, whatever arrives.

Argon2id with 19 MiB, time 2, one lane (OWASP Password Storage Cheat Sheet). Django's default of 100 MiB and
eight lanes would let a burst of log-ins take the machine from the model.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bcrypt
from django.contrib.auth.hashers import Argon2PasswordHasher, BCryptPasswordHasher

from accounts.errors import Busy

AT_ONCE = 2
WAIT_SECONDS = 10
_places = threading.BoundedSemaphore(AT_ONCE)


@contextmanager
def a_place() -> Iterator[None]:
    """Waits for one of the places. Raises Busy after `WAIT_SECONDS`."""
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise Busy
    try:
        yield
    finally:
        _places.release()


class BoundedArgon2Hasher(Argon2PasswordHasher):
    """What every new password is hashed with."""

    time_cost = 2
    memory_cost = 19 * 1024  # KiB
    parallelism = 1

    def encode(self, password: str, salt: Any) -> str:
        with a_place():
            return str(super().encode(password, salt))

    def verify(self, password: str, encoded: str) -> bool:
        with a_place():
            return bool(super().verify(password, encoded))


class BoundedBcryptHasher(BCryptPasswordHasher):
    """Plain bcrypt, as the NestJS service stored it, under Django's prefix: `bcrypt$$2b$10$…`.

    Only to verify: a log-in that succeeds replaces the hash by Argon2.
    """

    def encode(self, password: str, salt: Any) -> str:
        with a_place():
            return str(super().encode(password, salt))

    def verify(self, password: str, encoded: str) -> bool:
        stored = encoded.split("$", 1)[1].encode("ascii")
        with a_place():
            # bcrypt reads 72 bytes. The service that made these hashes cut longer passwords there without a
            # word; the library of today refuses them, so the cut is made here.
            return bcrypt.checkpw(password.encode()[:72], stored)
