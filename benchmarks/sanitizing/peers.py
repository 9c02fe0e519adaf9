"""
The other tools: installed into an environment of their own from benchmarks/sanitizing/peers.txt, and asked
through a pipe, so that nothing of theirs is in our process. They time themselves; the pipe does not count.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import environments

HERE = Path(__file__).parent
PINS = HERE / "peers.txt"
PLACE = HERE.parents[1] / "data" / "benchmarks" / "peers"
NAMES = ("presidio", "llm_guard")


class PeersUnavailable(Exception):
    """They could not be installed or started."""


def install() -> Path:
    """The Python of their environment."""
    try:
        return environments.make(PLACE, PINS)
    except environments.Unavailable as failed:
        raise PeersUnavailable(str(failed)) from failed


def versions() -> dict[str, str]:
    """Those of the tools themselves."""
    pins = dict(line.split("==") for line in PINS.read_text().split())
    return {name: pins[name] for name in ("presidio_analyzer", "llm-guard", "detect-secrets")}


@dataclass(frozen=True, slots=True)
class Reply:
    """How long one text took, and what was found: start, end, the tool's own name for it."""

    seconds: float
    spans: list[tuple[int, int, str]]


class Peers:
    """One process with all of them, for a `with` statement. Raises PeersUnavailable."""

    def __init__(self) -> None:
        quiet = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONPATH": ""}
        self._process = subprocess.Popen(
            [install(), HERE / "peer_worker.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=quiet,
        )
        started = self._read()
        if not started:
            raise PeersUnavailable("they did not start")
        self.offers: dict[str, list[str]] = json.loads(started)

    def __enter__(self) -> "Peers":
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, peer: str, text: str) -> Reply:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"peer": peer, "text": text}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._read() or "null")
        if answer is None:
            raise PeersUnavailable("they stopped")
        return Reply(answer["seconds"], [(start, end, name) for start, end, name in answer["spans"]])

    def _read(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()
