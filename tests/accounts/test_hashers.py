"""Password hashing, bounded."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from accounts import hashers
from accounts.errors import Busy
from accounts.hashers import BoundedArgon2Hasher, BoundedBcryptHasher


def test_a_hash_has_the_parameters_that_are_promised():
    encoded = BoundedArgon2Hasher().encode("Str0ng!pass", "saltsaltsalt")
    assert "$argon2id$" in encoded
    assert "m=19456,t=2,p=1" in encoded
    assert BoundedArgon2Hasher().verify("Str0ng!pass", encoded)
    assert not BoundedArgon2Hasher().verify("str0ng!pass", encoded)


def test_never_more_than_two_hashes_run_at_once():
    running, most, lock = 0, 0, threading.Lock()

    def hash_one(n):
        nonlocal running, most
        with hashers.a_place():
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.01)
            with lock:
                running -= 1

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(hash_one, range(40)))
    assert most == hashers.AT_ONCE == 2


@pytest.mark.parametrize("hasher", [BoundedArgon2Hasher, BoundedBcryptHasher])
@pytest.mark.parametrize("call", ["encode", "verify"])
def test_every_way_to_hash_takes_a_place(hasher, call, monkeypatch):
    monkeypatch.setattr(hashers, "WAIT_SECONDS", 0.01)
    argument = "$2b$04$" + "a" * 21 + "e" + "a" * 31 if call == "verify" else b"$2b$04$" + b"a" * 21 + b"e"
    argument = f"bcrypt${argument}" if call == "verify" else argument
    with hashers.a_place(), hashers.a_place(), pytest.raises(Busy):
        getattr(hasher(), call)("Str0ng!pass", argument)


@pytest.mark.parametrize("variant", ["2a", "2b", "2y"])
def test_the_hashes_of_the_older_service_are_verified(variant):
    encoded = BoundedBcryptHasher().encode("Str0ng!pass", b"$2b$04$" + b"a" * 21 + b"e")
    encoded = encoded.replace("$2b$", f"${variant}$")
    assert BoundedBcryptHasher().verify("Str0ng!pass", encoded)
    assert not BoundedBcryptHasher().verify("Wr0ng!pass", encoded)


def test_a_password_beyond_what_bcrypt_reads_is_cut_as_it_was_then():
    long = "Str0ng!pass" * 10
    encoded = BoundedBcryptHasher().encode(long[:72], b"$2b$04$" + b"a" * 21 + b"e")
    assert BoundedBcryptHasher().verify(long, encoded)
