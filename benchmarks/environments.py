"""
Environments of their own for programs of others, which nothing of ours shall meet: what one file of pins
names, and no more. One that is there is used again until its pins change.
"""

import fcntl
import subprocess
import sys
import venv
from pathlib import Path


class Unavailable(Exception):
    """It could not be installed."""


def make(place: Path, pins: Path, *, seconds: float | None = None) -> Path:
    """The Python of the environment at `place`. Every package is pinned, and none brings others."""
    python, stamp = place / "bin" / "python", place / ".installed"
    wanted = f"{sys.version_info[:2]}\n{pins.read_text()}"
    place.mkdir(parents=True, exist_ok=True)
    with (place.parent / f".{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # who comes second finds it made
        if stamp.exists() and stamp.read_text() == wanted:
            return python
        print(f"Installing {pins.name} into {place}", file=sys.stderr)
        venv.create(place, with_pip=True, symlinks=True, clear=True)
        # Without compiling: most of what is installed is never imported.
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        run([*pip, "--no-deps", "-r", str(pins)], place, seconds=seconds)
        stamp.write_text(wanted)
    return python


def run(command: list[str], place: Path, *, seconds: float | None = None) -> None:
    """Runs one step of an installation there. Raises Unavailable with the last line it said."""
    try:
        done = subprocess.run(
            command, cwd=place, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{Path(command[0]).name} took longer than {seconds:.0f} s") from None
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise Unavailable(said[-1] if said else f"{Path(command[0]).name} failed")
