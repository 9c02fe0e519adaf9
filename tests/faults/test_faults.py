"""
What breaks, while prompts are answered: what every caller heard is in the books and nothing else, nothing raw
is anywhere, nothing stays held, and the house is well again within ten seconds, without a hand.
"""

import resource
import shutil
import signal
import socket
import struct
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.audit import WRITTEN_LATER
from tests.faults.load import Load
from tests.faults.stores import missing, until

pytestmark = [pytest.mark.server, pytest.mark.faults]
STREAMS = ("chat stream", "prompt stream")


def by_outcome(records, outcome):
    return [record for record in records if record.outcome == outcome]


def test_without_a_fault_everything_is_answered_and_right(house):
    with house.trouble(models=("echo", "slow", "tiny")) as load:
        load.await_answers(20)
    assert {record.outcome for record in load.records} == {"answered"}


def test_a_worker_that_is_killed(house):
    with house.trouble() as load:
        for kills in range(8):  # of both workers, and until one of them was answering
            if kills >= 2 and by_outcome(load.records, "cut"):
                break
            load.await_going()
            house.gateway.kill_worker()
            load.await_answers(4)
    outcomes = {row.outcome for row in house.rows()}
    assert "interrupted" in outcomes, "nothing was in progress: this test shows nothing"


def test_an_engine_that_is_killed(house):
    with house.trouble(models=("tiny", "echo")) as load:
        house.engine.signal(signal.SIGKILL)
        until("a refusal", lambda: by_outcome(load.records, "refused"))
        house.engine.start(until="/readyz")
        until("the engine again", lambda: house.ask(model="tiny").is_answered, 10)


def test_a_model_server_that_is_killed(house):
    with house.trouble(models=("slow",), kinds=STREAMS) as load:
        load.await_going()
        house.standin.kill()
        until("a refusal", lambda: by_outcome(load.records, "refused"))
        time.sleep(1)
        house.standin.start()
    assert by_outcome(load.records, "error")
    assert not by_outcome(load.records, "cut")


def test_a_database_that_is_killed(house):
    """Who is being answered gets his answer, and its row waits on the disk; nobody new is let in."""
    with house.trouble(models=("slow",)) as load:
        load.await_going()
        with house.postgres.killed():
            killed_at = time.monotonic()
            until("a refusal", lambda: by_outcome(load.records, "refused"))
            time.sleep(4)
            spooled = sum(path.stat().st_size for path in (house.gateway.directory / "spool").glob("*"))
    assert spooled
    assert [record for record in load.answered() if record.began_at < killed_at < record.ended_at]


def test_a_redis_that_is_killed(house):
    with house.trouble() as load:
        house.redis.kill()
        load.await_answers(10)
        house.redis.start()
    assert not by_outcome(load.records, "refused")


def test_a_gateway_that_is_asked_to_stop(house):
    """Answers may end. Connections that are merely open hold nothing up."""
    idle = [socket.create_connection(("127.0.0.1", house.gateway.port)) for _ in range(3)]
    with house.trouble(models=("slow",), kinds=STREAMS) as load:
        load.await_going()
        stopped_at = time.monotonic()
        house.gateway.signal(signal.SIGTERM)
        house.gateway.start(until="/readyz")
    for connection in idle:
        connection.close()
    going = [record for record in load.records if record.began_at < stopped_at < record.ended_at]
    assert not by_outcome(going, "cut")
    assert len(by_outcome(going, "answered")) >= 3


def test_a_stop_while_an_answer_takes_too_long(house):
    """It ends with an error that says so, and its row too."""
    with house.trouble() as load:
        with Load(house.gateway.base, house.tokens, clients=2, models=("stalls",), kinds=STREAMS) as stalled:
            stalled.await_going(2)
            stalled.ask_no_more()
            house.gateway.signal(signal.SIGTERM)
        house.gateway.start(until="/readyz")
        load.records += stalled.records
    assert {record.outcome for record in stalled.records} == {"error"}


def test_a_full_disk_while_the_database_is_away(house):
    """Neither takes a final row: no caller is told that all is well."""
    with house.trouble(models=("slow",), kinds=STREAMS) as load:
        load.await_going()
        with full_disk(house), house.postgres.killed():
            until("an error", lambda: by_outcome(load.records, "error"))
            time.sleep(2)
    assert {record.code for record in by_outcome(load.records, "error")} <= set(WRITTEN_LATER)


@contextmanager
def full_disk(house):
    """The workers can make no file longer."""
    workers, endless = house.gateway.workers, resource.RLIM_INFINITY
    for pid in workers:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, endless))
    try:
        yield
    finally:
        for pid in workers:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (endless, endless))


def test_a_database_that_only_reads(house):
    with house.trouble(models=("slow",), kinds=STREAMS) as load:
        load.await_going()
        read_only(house, "on")
        try:
            until("a refusal", lambda: by_outcome(load.records, "refused"))
            time.sleep(3)
        finally:
            read_only(house, "off")
    assert {record.status for record in by_outcome(load.records, "refused")} == {503}
    assert not by_outcome(load.records, "error")


def read_only(house, state):
    house.postgres.rows(f"ALTER SYSTEM SET default_transaction_read_only = {state}")
    house.postgres.rows("SELECT pg_reload_conf()")


def test_a_database_that_is_slow(house):
    """A lock that somebody holds: everybody waits, and nobody is lost."""
    with house.trouble() as load, house.postgres.connected() as connection:
        connection.execute("LOCK TABLE prompts_prompt IN ACCESS EXCLUSIVE MODE")
        time.sleep(3)
    assert not by_outcome(load.records, "error")


def test_a_redis_without_memory(house):
    with house.trouble() as load, house.redis.client() as client:
        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", "1")
        try:
            load.await_answers(10)
        finally:
            client.config_set("maxmemory", "0")
    assert not by_outcome(load.records, "refused")


def test_a_model_server_that_says_no_more(house):
    with house.trouble(models=("hangs", "stops", "breaks", "echo"), clients=8) as load:
        until("errors", lambda: len(by_outcome(load.records, "error")) > 3)
    assert not by_outcome(load.records, "cut")


def test_a_clock_that_jumps(house, directory):
    """Two hours ahead, and two hours back: what is in progress goes on, and so does the book, whose leases go
    by the database's clock."""
    clock, before = directory / "clock", dict(house.gateway.environment)
    clock.write_bytes(struct.pack("=q", 0))
    house.start_again(LD_PRELOAD=str(preloaded(directory)), CLOCK_FILE=str(clock))
    try:
        with house.trouble(models=("slow",)) as load:
            for jump in (7200, 0):
                load.await_going()
                with clock.open("r+b") as file:
                    file.write(struct.pack("=q", jump))
                time.sleep(3)
    finally:
        house.gateway.environment = before
        house.start_again()
    assert {record.outcome for record in load.records} == {"answered"}
    ahead = "SELECT count(*) FROM prompts_prompt WHERE created_at > now() + interval '1 hour'"
    assert house.postgres.rows(ahead)[0][0], "the clock did not jump"


def preloaded(directory):
    """`clock.c`, compiled."""
    compiler, library = shutil.which("cc") or missing("A C compiler"), directory / "clock.so"
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True, timeout=60)
    return library
