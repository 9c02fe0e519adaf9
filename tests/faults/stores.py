"""
A PostgreSQL and a Redis of the suite's own, which it may kill, stop and start again at the same address.

From installed binaries, as `scripts/stores.sh`. One that is missing skips the tests, or fails them in CI.
"""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

import psycopg
import pytest
import redis

from tests.server import free_port

UP_SECONDS = 30


def missing(what):
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is not installed, and CI tests faults.")
    pytest.skip(f"{what} is not installed")


def postgres_folder():
    """The folder with initdb and postgres: Debian's, Homebrew's, or PATH's."""
    folders = [
        *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True),
        *glob.glob("/opt/homebrew/opt/postgresql*/bin"),
        os.path.dirname(shutil.which("initdb") or "/nowhere/initdb"),
    ]
    for folder in folders:
        if os.access(f"{folder}/initdb", os.X_OK) and os.access(f"{folder}/postgres", os.X_OK):
            return folder
    return missing("PostgreSQL")


def unprivileged():
    """Who PostgreSQL may run as: it refuses root."""
    if os.getuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def until(what, happens, seconds=UP_SECONDS):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := happens():
                return found
        except (OSError, psycopg.OperationalError, redis.ConnectionError):
            pass
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


def has_ended(pid):
    """Also a zombie has."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


class Postgres:
    """In `directory`, which its user has to be able to reach."""

    def __init__(self, directory):
        self.bin = postgres_folder()
        self.data = directory / "postgres"
        self.port = free_port()
        self.user = unprivileged()
        self.process = None
        self.data.mkdir()
        if self.user is not None:
            entry = pwd.getpwnam(self.user)
            os.chown(self.data, entry.pw_uid, entry.pw_gid)
        self._run("initdb", "-D", self.data, "-U", "gateway", "-A", "trust", "--no-sync", "--locale=C.UTF-8")

    @property
    def url(self):
        return f"postgres://gateway@127.0.0.1:{self.port}/postgres"

    def start(self):
        with (self.data / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(f"{self.bin}/postgres", "-D", self.data, "-p", str(self.port), "-c", "fsync=off"),
                    *("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.data}"),
                ],
                cwd="/",
                user=self.user,
                stdout=log,
                stderr=log,
            )
        until("PostgreSQL", lambda: self.rows("SELECT 1"))

    def kill(self):
        """-9, the postmaster and all that it started."""
        children = self._children()
        for pid in (self.process.pid, *children):
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        # What it shared with its children is in use until the last of them has ended. Their entries may stay
        # longer: some machines' first process clears them away every other second.
        until("the end of PostgreSQL", lambda: all(has_ended(pid) for pid in children))

    @contextmanager
    def killed(self):
        """For as long as the block lasts."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(UP_SECONDS)

    def rows(self, query, *values):
        with psycopg.connect(self.url, autocommit=True, connect_timeout=2) as connection:
            found = connection.execute(query, values or None)
            return found.fetchall() if found.description else []

    @contextmanager
    def connected(self):
        with psycopg.connect(self.url, connect_timeout=2) as connection:
            yield connection

    def dump(self):
        """Everything that is in it, as SQL."""
        command = [f"{self.bin}/pg_dump", "--dbname", self.url, "--inserts"]
        return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

    def _children(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return [int(pid) for pid in file.read().split()]

    def _run(self, name, *arguments):
        done = subprocess.run(
            [f"{self.bin}/{name}", *arguments],
            cwd="/",
            user=self.user,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-1000:]


class Redis:
    """With nothing on disk: what it knows dies with it."""

    def __init__(self, directory):
        self.binary = shutil.which("redis-server") or missing("Redis")
        self.directory = directory
        self.port = free_port()
        self.process = None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self):
        with (self.directory / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(self.binary, "--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--save", "", "--dir", str(self.directory)),
                ],
                stdout=log,
                stderr=log,
            )
        until("Redis", lambda: socket.create_connection(("127.0.0.1", self.port), 1).close() or self.ping())

    def ping(self):
        with self.client() as client:
            return client.ping()

    def client(self):
        return redis.Redis(port=self.port, socket_timeout=5)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(UP_SECONDS)

    def dump(self):
        """Every key and every value, whatever their kind."""
        found = []
        with self.client() as client:
            for key in client.scan_iter(count=1000):
                kind = client.type(key)
                read = {
                    b"string": client.get,
                    b"hash": client.hgetall,
                    b"list": lambda key, client=client: client.lrange(key, 0, -1),
                    b"set": client.smembers,
                    b"zset": lambda key, client=client: client.zrange(key, 0, -1),
                    b"stream": client.xrange,
                    b"none": lambda key: None,  # it has just expired
                }[kind]
                found.append(key + b" " + repr(read(key)).encode())
        return b"\n".join(found)
