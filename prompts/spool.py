"""
Final rows that a database which is away could not take: on this machine's disk until it is back.

    keep ──► <folder>/<process>.jsonl, synced before the answer's last byte leaves ──► replay, in order
                         └──► (the process died) ──► claim, by any process that has the folder

Each process has a file of its own and holds a lock on it; the kernel lets that go with the process. Writing a
row that is in the book already changes nothing (`prompts.finals`), so rows may be replayed more often than
once. What cannot be written at all is put aside, in `rejected.jsonl`. All of it is sanitized text.
"""

import fcntl
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from prompts.journal import Charge, Outcome, Result, Usage, answered_of
from sanitization.chain import Sanitized

logger = logging.getLogger("prompts.spool")


@dataclass(frozen=True, slots=True)
class Spooled:
    """What lies in the folder. `rows` are this process's; the bytes are of all of them: ends that wait for
    the database, and rows that it takes from nobody."""

    rows: int = 0
    waiting_bytes: int = 0
    rejected_bytes: int = 0


Final = tuple[UUID, Result]
# Writes rows and commits; raises what the database raises.
Write = Callable[[Sequence[Final]], None]
BATCH = 100
REJECTED = "rejected.jsonl"


class Spool:
    """One process's file, named by `id`. Used by one thread; the folder may be shared. `away` are the errors
    of a database that cannot be reached; `reject` hears of each row that is put aside.

    `since` is when the oldest of its rows came (`time.monotonic`), None where there are none."""

    def __init__(
        self,
        folder: Path,
        id: UUID,
        *,
        away: tuple[type[Exception], ...],
        reject: Callable[[], None] = lambda: None,
    ) -> None:
        self._folder = folder
        self._path = folder / f"{id}.jsonl"
        self._away = away
        self._tell_rejected = reject
        self._file: int | None = None
        self.rows = 0
        self.since: float | None = None

    def keep(self, finals: Sequence[Final]) -> None:
        """Returns once they are on the disk. Raises OSError; then none of them is."""
        data = b"".join(map(_line, finals))
        file = self._opened()
        size = os.fstat(file).st_size
        try:
            _write_all(file, data)
            os.fsync(file)
        except OSError:
            os.ftruncate(file, size)
            raise
        self.rows += len(finals)
        self.since = self.since or time.monotonic()

    def replay(self, write: Write) -> int:
        """Writes what is kept into the database, in order, and lets go of it; how many rows. Raises what
        `write` raises, and then all of it stays."""
        if not self.rows or self._file is None:
            return 0
        count = self._replay(self._file, write)
        os.ftruncate(self._file, 0)
        os.fsync(self._file)
        self.rows, self.since = 0, None
        logger.info("spool replayed", extra={"rows": count})
        return count

    def claim(self, write: Write) -> int:
        """The same with what processes left that are gone."""
        return sum(self._claim(path, write) for path in sorted(self._folder.glob("*-*.jsonl")))

    def size(self) -> Spooled:
        """Safe from any thread."""
        waiting = sum(map(_bytes_of, self._folder.glob("*-*.jsonl")))
        return Spooled(self.rows, waiting, _bytes_of(self._folder / REJECTED))

    def close(self) -> None:
        """Lets go of the file; an empty one is removed, what is in another waits to be claimed."""
        if self._file is not None:
            if not self.rows:
                self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _opened(self) -> int:
        if self._file is None:
            self._make_folder()
            file = _locked(self._path)
            while file is None:  # it was claimed, empty, before it was locked
                file = _locked(self._path)
            self._file = file
            _sync_folder(self._folder)
        return self._file

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _claim(self, path: Path, write: Write) -> int:
        if path == self._path:
            return 0
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:
            return 0  # somebody else was quicker
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0  # held: that process lives
        else:
            count = self._replay(file, write)
            path.unlink(missing_ok=True)
            logger.warning("spool of a process that is gone", extra={"rows": count})
            return count
        finally:
            os.close(file)

    def _replay(self, file: int, write: Write) -> int:
        count = 0
        lines = _lines(file)
        while some := list(islice(lines, BATCH)):
            finals = [final for line in some if (final := self._read(line)) is not None]
            try:
                if finals:
                    write(finals)
            except self._away:
                raise
            except Exception:  # noqa: BLE001  (told below; one row must not take the others down)
                for final in finals:
                    self._write_alone(final, write)
            count += len(finals)
        return count

    def reject(self, final: Final) -> None:
        """Puts aside what the database takes from nobody. Raises OSError."""
        self._reject(_line(final))

    def _write_alone(self, final: Final, write: Write) -> None:
        try:
            write([final])
        except self._away:
            raise
        except Exception:
            logger.exception("row not written", extra={"prompt_id": str(final[0])})
            self.reject(final)

    def _read(self, line: bytes) -> Final | None:
        try:
            return final_of(json.loads(line))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            logger.error("line of a spool cannot be read")
            self._reject(line)
            return None

    def _reject(self, line: bytes) -> None:
        self._make_folder()
        file = os.open(self._folder / REJECTED, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            _write_all(file, line.rstrip(b"\n") + b"\n")
            os.fsync(file)
            self._tell_rejected()
        finally:
            os.close(file)


# -- files --


def _locked(path: Path) -> int | None:
    """A file of this name, ours alone. None where it had lost its name before it was ours."""
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    if os.fstat(file).st_nlink:
        return file
    os.close(file)
    return None


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _bytes_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # there is none, or it has just been claimed


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(file: int) -> Iterator[bytes]:
    """Whole lines from the beginning. A last one without an end was never promised to anybody."""
    with os.fdopen(os.dup(file), "rb") as reader:
        reader.seek(0)
        yield from (line for line in reader if line.endswith(b"\n"))


# -- rows as JSON --


def _line(final: Final) -> bytes:
    return json.dumps(as_dict(final), separators=(",", ":")).encode() + b"\n"


def as_dict(final: Final) -> dict[str, Any]:
    """A final row for JSON."""
    id, result = final
    fields = asdict(result)
    del fields["rules"]  # follows from the findings
    if result.charge is not None:
        fields["charge"]["subjects"] = [subject.hex for subject in result.charge.subjects]
    return {"id": id.hex, **fields}


def final_of(row: dict[str, Any]) -> Final:
    """What `as_dict` made. The texts were `Sanitized` when they were put there. Raises ValueError, TypeError,
    LookupError or AttributeError for anything else."""
    fields = dict(row)
    id = UUID(fields.pop("id"))
    charge = fields.pop("charge")
    fields |= {
        "outcome": Outcome(fields["outcome"]),
        "response": Sanitized(fields["response"]),
        "choices": tuple(map(answered_of, fields["choices"])),
        "findings": tuple(fields["findings"]),
        "usage": Usage(**fields["usage"]),
        "charge": charge and Charge(tuple(map(UUID, charge["subjects"])), charge["tokens"]),
    }
    return id, Result(**fields)
