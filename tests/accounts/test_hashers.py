"""Password hashing, bounded."""

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.test import AsyncClient

from accounts import hashers
from accounts.errors import Busy
from accounts.hashers import BoundedArgon2Hasher, BoundedBcryptHasher
from inference import machine
from tests.conftest import PASSWORD


def test_a_hash_has_the_parameters_that_are_promised():
    encoded = BoundedArgon2Hasher().encode("Str0ng!pass", "saltsaltsalt")
    assert "$argon2id$" in encoded
    assert "m=19456,t=2,p=1" in encoded
    assert BoundedArgon2Hasher().verify("Str0ng!pass", encoded)
    assert not BoundedArgon2Hasher().verify("str0ng!pass", encoded)


def crowd(count, work):
    """What `count` threads at once get from hashing this: a value or Busy. Whoever is let in stays there
    until all who are too many have been refused."""
    refused, all_are_refused = [], threading.Event()

    def one(n):
        try:
            return hashers.hashing(lambda: all_are_refused.wait(30) and work())
        except Busy as busy:
            refused.append(busy)
            if len(refused) == count - hashers.QUEUE:
                all_are_refused.set()
            return busy

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_a_crowd_is_hashed_by_few_threads_and_what_exceeds_the_queue_is_refused_at_once():
    running, most, lock, names = 0, 0, threading.Lock(), set()

    def work():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            names.add(threading.current_thread().name)
        time.sleep(0.05)  # so that another could come meanwhile
        with lock:
            running -= 1
        return "hash"

    results = crowd(100, work)
    assert most == hashers.AT_ONCE <= 2
    assert all(name.startswith("hashing") for name in names)
    assert results.count("hash") == hashers.QUEUE == 10
    assert all(busy.retry_after_seconds == 2 for busy in results if busy != "hash")
    assert hashers.hashing(work) == "hash"  # the places are free again


@pytest.mark.parametrize(("cores", "hashes"), [(1, 1), (2, 1), (3, 1), (4, 2), (64, 2)])
def test_a_small_machine_hashes_one_at_once(cores, hashes):
    assert hashers.at_once(cores) == hashes


@pytest.mark.parametrize(("cores", "hashes"), [(2, "1"), (64, "2")])
def test_the_cores_that_count_are_those_that_the_models_go_by(cores, hashes):
    """A container's share of a large machine, not the machine."""
    assert machine.cores() == settings.CORES
    program = f"""
from django.conf import settings
settings.configure(CORES={cores})
from accounts import hashers
print(hashers.AT_ONCE)
"""
    out = subprocess.check_output([sys.executable, "-c", program], text=True, cwd=settings.BASE_DIR)
    assert out.strip() == hashes


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads priorities of their own")
def test_hashing_lets_everything_else_go_first():
    def nice():
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    assert hashers.hashing(nice) >= 10
    assert nice() < 10


@pytest.mark.parametrize("hasher", [BoundedArgon2Hasher, BoundedBcryptHasher])
@pytest.mark.parametrize("call", ["encode", "verify"])
def test_every_way_to_hash_takes_a_place(hasher, call, monkeypatch):
    monkeypatch.setattr(hashers, "_places", threading.BoundedSemaphore(1))
    argument = "$2b$04$" + "a" * 21 + "e" + "a" * 31 if call == "verify" else b"$2b$04$" + b"a" * 21 + b"e"
    argument = f"bcrypt${argument}" if call == "verify" else argument
    with hashers._places, pytest.raises(Busy):
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


# -- over HTTP: admitted on the event loop --


@pytest.mark.django_db(transaction=True)
async def test_a_burst_of_a_hundred_log_ins_is_refused_before_it_costs_a_thread(alice, monkeypatch):
    places = [hashers.Place() for _ in range(hashers.QUEUE)]  # all are taken
    monkeypatch.setattr("accounts.logins.recognize", lambda **fields: alice)
    body = json.dumps({"email": "alice@example.org", "password": PASSWORD})

    def log_in():
        return AsyncClient().post("/auth/login", body, content_type="application/json")

    with monkeypatch.context() as nobody:
        nobody.setattr("accounts.admission.a_place", None)  # whoever gets into a thread, fails there
        refused = await asyncio.gather(*(log_in() for _ in range(100)))
    assert {answer.status_code for answer in refused} == {503}
    assert {answer["Retry-After"] for answer in refused} == {"2"}
    assert refused[0].json()["code"] == "busy"
    for place in places:
        place.give_back()
    assert (await log_in()).status_code == 200


def test_a_place_is_given_back_once_whether_the_work_began_or_not():
    places = [hashers.Place() for _ in range(hashers.QUEUE)]
    with pytest.raises(Busy):
        hashers.Place()
    places[0].abandon()  # the caller left before a thread took it up
    with pytest.raises(Busy), hashers.a_place(places[0]):
        raise AssertionError
    with hashers.a_place(places[1]):
        places[1].abandon()  # he left in between: the work goes on, and holds its place
        hashers.Place().give_back()
        kept = hashers.Place()
        with pytest.raises(Busy):
            hashers.Place()
    for place in (*places, kept):
        place.give_back()
    again = [hashers.Place() for _ in range(hashers.QUEUE)]
    for place in again:
        place.give_back()
