"""
Whether a server, or one model at it, may be asked, by what came of asking before.

    up ── LIMIT faults in a row ──► ejected ── its time is over ──► trying: one prompt, or a probe
     ▲                                 ▲                               │
     └──────────── it went well ───────┼───────────────────────────────┤
                                       └── a fault: twice as long ─────┘

Beside that, a server that says it is busy is left alone for as long as it asks for. Times are handed in; the
seeded `random` spreads them, so that processes do not come back all at once.
"""

from dataclasses import dataclass, field
from random import Random
from typing import Literal

LIMIT = 3
FIRST_SECONDS, MOST_SECONDS = 5.0, 120.0
MOST_PAUSE_SECONDS = 30.0

State = Literal["up", "ejected", "trying", "busy"]


@dataclass(slots=True)
class Health:
    """Of one server, or of one model at it."""

    random: Random
    faults: int = 0  # in a row
    ejections: int = 0  # in a row
    ejected_until: float | None = None
    busy_until: float = 0.0
    is_silent: bool = False  # when it was last asked whether it is alive
    trial: object | None = field(default=None, repr=False)

    def may_take(self, now: float) -> bool:
        """Whether it may get a prompt now."""
        return self.opens_at(now) <= now and self.trial is None

    def opens_at(self, now: float) -> float:
        """When it may get its next prompt: `now`, or later."""
        return max(now, self.ejected_until or 0.0, self.busy_until)

    def state(self, now: float) -> State:
        if self.ejected_until is not None:
            return "ejected" if now < self.ejected_until or self.trial is None else "trying"
        return "busy" if now < self.busy_until else "up"

    def begin(self, attempt: object) -> None:
        """`attempt` is on its way to it. The first after an ejection is a trial: nobody else until it is
        over."""
        if self.ejected_until is not None:
            self.trial = attempt

    def over(self, attempt: object) -> None:
        """Whatever came of it."""
        if self.trial is attempt:
            self.trial = None

    def begun(self) -> None:
        """It begins to answer. After an ejection it is open again, and the next fault closes it."""
        if self.ejected_until is not None:
            self.ejected_until, self.trial, self.faults = None, None, LIMIT - 1

    def well(self) -> None:
        """It answered, all of it. One that was on its way when it was ejected does not open it again: a
        server that shuts down ends its answers and takes no new ones."""
        if self.ejected_until is None:
            self.faults = self.ejections = 0

    def fault(self, now: float) -> None:
        """It did not, or not properly."""
        self.faults += 1
        is_out = self.ejected_until is not None and now < self.ejected_until
        if is_out or (self.ejected_until is None and self.faults < LIMIT):
            return  # what was on its way when it was ejected says nothing new
        seconds = min(FIRST_SECONDS * 2.0 ** min(self.ejections, 10), MOST_SECONDS)
        self.ejections += 1
        self.ejected_until = now + seconds * self.random.uniform(0.8, 1.2)

    def alive(self, now: float) -> None:
        """A probe went well. It opens what a failed probe closed, or what has been closed for its time; a
        server that is alive and fails prompts stays out for as long as they said."""
        if self.is_silent or now >= (self.ejected_until or 0.0):
            self.begun()
        self.is_silent = False

    def silent(self, now: float) -> None:
        """A probe failed."""
        self.is_silent = True
        self.fault(now)

    def busy(self, now: float, seconds: float) -> None:
        """It wants to be left alone for so long."""
        self.busy_until = max(self.busy_until, now + min(seconds, MOST_PAUSE_SECONDS))


@dataclass(slots=True)
class RetryBudget:
    """Second attempts, as a share of first ones: a fleet that fails altogether is not asked twice as much
    for it. `saved` to begin with are for a quiet service's rare faults."""

    share: float = 0.2
    most: float = 10.0
    saved: float = field(default=10.0)

    def earn(self) -> None:
        """With each prompt."""
        self.saved = min(self.most, self.saved + self.share)

    def spend(self) -> bool:
        """Whether one more attempt may be made; it then counts as made."""
        if self.saved < 1:
            return False
        self.saved -= 1
        return True
