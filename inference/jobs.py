"""
Jobs, and who is next: waiting jobs are bounded, and fair between callers.

Each caller has a line of his own and the lines take turns, so that one caller's hundred prompts do not stand
before another's first. Interactive jobs go before batch jobs. Pure: no thread, no clock.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from inference.speaking import Speaker


@dataclass(eq=False, slots=True)
class Job:
    """One answer on its way, from the prompt to its end.

    `tokens` are the prompt and then what was chosen; the model's slot `slot` holds the first `computed` of
    them, and the job owes it the rest. Instants are on the engine's clock, in seconds. `is_cancelled` may be
    set by any thread; everything else belongs to the engine's. `context` is that of whoever made it.
    """

    tokens: list[int] = field(repr=False)
    most: int  # tokens of answer
    caller: str
    speaker: Speaker = field(repr=False)
    scope: str = ""  # whose computed prefixes this one may use
    is_batch: bool = False
    queued_at: float = 0.0
    start_by: float = float("inf")
    finish_by: float = float("inf")
    is_cancelled: bool = False
    context: Context = field(default_factory=copy_context, repr=False)

    # The scheduler's.
    prompt_tokens: int = 0
    slot: int | None = None
    computed: int = 0
    number: int = 0  # in the order of admission, the youngest has the highest
    draft: list[int] = field(default_factory=list, repr=False)
    leader: "Job | None" = field(default=None, repr=False)
    leader_tokens: int = 0
    brought: int = 0  # tokens that it owed when it began
    cached_tokens: int = 0
    started_at: float | None = None

    def __post_init__(self) -> None:
        self.prompt_tokens = len(self.tokens)

    def log(self, logger: logging.Logger, event: str) -> None:
        """Logs the exception at hand in the name of the request that this job is part of."""
        self.context.run(logger.exception, event)

    @property
    def owed(self) -> int:
        """Tokens that the model has still to compute before it can say the next one."""
        return len(self.tokens) - self.computed

    @property
    def is_prefilling(self) -> bool:
        """Its next step says nothing yet, or says the first token: it computes more than the newest one."""
        return self.owed > 1


class WaitingLine:
    """At most `places` jobs with at most `most_tokens` tokens of prompt together, in turns."""

    def __init__(self, *, places: int, most_tokens: int) -> None:
        self._places = places
        self._most_tokens = most_tokens
        self._lines: dict[bool, OrderedDict[str, deque[Job]]] = {False: OrderedDict(), True: OrderedDict()}
        self._count = 0
        self.tokens = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Job]:
        """All of them, in no order that matters."""
        for lines in self._lines.values():
            for line in lines.values():
                yield from line

    def has_room(self, tokens: int) -> bool:
        """Whether a job of so many tokens may join. One that is longer than the whole line may, alone."""
        return self._count < self._places and (not self._count or self.tokens + tokens <= self._most_tokens)

    def put(self, job: Job) -> None:
        """Joins the caller's line. The caller of this checks `has_room` first."""
        self._lines[job.is_batch].setdefault(job.caller, deque()).append(job)
        self._add(job, +1)

    def put_back(self, job: Job) -> None:
        """A job that had begun and lost its place: at the front of its caller's line, which is next."""
        lines = self._lines[job.is_batch]
        lines.setdefault(job.caller, deque()).appendleft(job)
        self._add(job, +1)

    def heads(self) -> Iterator[Job]:
        """The oldest job of each caller, whose turn it is first."""
        for lines in self._lines.values():
            for line in lines.values():
                yield line[0]

    def take(self, job: Job) -> None:
        """Takes out one of the `heads`; its caller's line goes to the back of the turns."""
        lines = self._lines[job.is_batch]
        line = lines.pop(job.caller)
        taken = line.popleft()
        assert taken is job
        if line:
            lines[job.caller] = line
        self._add(job, -1)

    def remove(self, leaves: Callable[[Job], bool]) -> list[Job]:
        """Takes out every job for which `leaves` is true."""
        gone = [job for job in self if leaves(job)]
        for job in gone:
            lines = self._lines[job.is_batch]
            lines[job.caller].remove(job)
            if not lines[job.caller]:
                del lines[job.caller]
            self._add(job, -1)
        return gone

    def _add(self, job: Job, sign: int) -> None:
        self._count += sign
        self.tokens += sign * len(job.tokens)
