"""
Who is next: jobs waiting for the model, bounded, and fair between callers.

Each caller has a line of his own and the lines take turns, so that one caller's hundred prompts do not stand
before another's first. Pure: no thread, no clock.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from inference.backends import Ending, Generation, Piece


@dataclass(eq=False, slots=True)
class Job:
    """One generation on its way. `deliver` is called from the engine's thread, with pieces, then with an
    ending or an error. Instants are on the engine's clock, in seconds. `is_cancelled` may be set by any
    thread."""

    generation: Generation[str]
    deliver: Callable[[Piece | Ending | Exception], None]
    queued_at: float
    start_by: float
    finish_by: float
    is_cancelled: bool = field(default=False)


class WaitingLine:
    """At most `places` jobs, in turns."""

    def __init__(self, *, places: int) -> None:
        self._places = places
        self._lines: OrderedDict[str, deque[Job]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def is_full(self) -> bool:
        return self._count >= self._places

    def put(self, job: Job) -> None:
        """Joins the caller's line. The caller checks `is_full` first."""
        self._lines.setdefault(job.generation.caller, deque()).append(job)
        self._count += 1

    def take(self) -> Job | None:
        """The next job: the oldest of the line whose turn it is."""
        if not self._lines:
            return None
        caller, line = self._lines.popitem(last=False)
        job = line.popleft()
        if line:
            self._lines[caller] = line  # at the back of the turns
        self._count -= 1
        return job

    def remove(self, leaves: Callable[[Job], bool]) -> list[Job]:
        """Takes out every job for which `leaves` is true."""
        gone = [job for line in self._lines.values() for job in line if leaves(job)]
        for job in gone:
            line = self._lines[job.generation.caller]
            line.remove(job)
            if not line:
                del self._lines[job.generation.caller]
        self._count -= len(gone)
        return gone
