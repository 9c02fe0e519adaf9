"""
Which slot holds whom, and what each of them remembers.

A slot goes on holding what was computed in it after its job has left, until somebody else needs the place. A
job begins where its own beginning is held already, or where it can be copied to, or in the slot that was used
least recently. Part of the scheduler, and as pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from inference.jobs import Job
from inference.prefixes import Prefixes

# Less than this is computed rather than waited for.
WORTH_WAITING_TOKENS = 16
# A job takes the slot that holds its beginning, and more, where that loses so many times less than another.
MUCH_LESS = 4


@dataclass(frozen=True, slots=True)
class Move:
    """`slot` shall hold the first `count` tokens of `source`, or of its own where that is None. For `job`, if
    it is to begin there; otherwise for nobody in particular."""

    slot: int
    count: int
    source: int | None = None
    job: Job | None = None


@dataclass(slots=True)
class Counts:
    """What the scheduler did so far."""

    prefix_hit_tokens: int = 0
    evictions: int = 0
    preemptions: int = 0
    copies: int = 0


@dataclass(eq=False, slots=True)
class Slot:
    """`tokens[:held]` is what the model has computed there. `used` orders idle slots by their last use; 0 is
    what nobody would miss."""

    job: Job | None = None
    tokens: list[int] = field(default_factory=list, repr=False)
    held: int = 0
    scope: str = ""
    used: int = 0


class Places:
    """The slots of a model. `is_split` says that each has memory of its own, where neighbours are computed
    together and others apart. `can_cut`: a slot can forget only its end."""

    def __init__(self, slots: int, *, is_split: bool, can_cut: bool) -> None:
        self.slots = [Slot() for _ in range(slots)]
        self.counts = Counts()
        self._index = Prefixes()
        self._is_split = is_split
        self._can_cut = can_cut
        self._ticks = 0

    @property
    def held_tokens(self) -> int:
        """Tokens in the model's memory, planned ones included, shared ones counted once."""
        return self._index.tokens

    def idle(self) -> list[int]:
        """The slots without a job."""
        return [number for number, slot in enumerate(self.slots) if slot.job is None]

    # -- who begins where --

    def choose(self, job: Job, idle: list[int], copy_tokens: float) -> Move:
        """Where `job` begins, with as much of its prompt as some slot holds already."""
        shared = self.usable(job)
        target = self._coldest(idle)
        missed = self.slots[target].held if self.slots[target].used else 0
        going_on = [
            n for n in idle if shared.get(n) and (self.slots[n].held - shared[n]) * MUCH_LESS <= missed
        ]
        best = max(shared, key=lambda n: shared[n], default=None)
        most = shared[best] if best is not None else 0
        here = max(going_on, key=lambda n: shared[n], default=None)
        if here is not None and shared[here] + copy_tokens >= most and self._may_stay(idle, here):
            self._follow(job, shared[here], copy_tokens)
            return Move(here, shared[here], job=job)
        neighbour = self._neighbour(idle, target)
        if neighbour != target:
            there = self.slots[neighbour]
            if there.used and there.held > shared.get(neighbour, 0) and target != best:
                # What it holds moves to where it costs nobody a step of his own.
                self.counts.evictions += self.slots[target].used > 0
                return Move(target, self.slots[neighbour].held, source=neighbour)
            target = neighbour
        count = shared.get(target, 0)
        source = best if best != target and most > count + copy_tokens else None
        if self._follow(job, most, copy_tokens):
            source = None
        if source is not None:
            count = most
        self.counts.evictions += self.slots[target].used > 0 and self.slots[target].held > count
        return Move(target, count, source=source, job=job)

    def _may_stay(self, idle: list[int], here: int) -> bool:
        """Whether a job goes on in the slot that holds its beginning: unless one is free that costs less, of
        which nobody would miss what it holds."""
        better = self._neighbour(idle, here)
        return better == here or all(self.slots[n].used for n in idle if n != here)

    def usable(self, job: Job) -> dict[int, int]:
        """How many tokens of the prompt each slot could give it. The last one is always computed: what
        follows is read from it."""
        shared = {}
        for number, same in self._index.match(job.tokens[:-1], scope=job.scope).items():
            slot = self.slots[number]
            held = min(same, slot.held)
            if held and (self._can_cut or held == slot.held):
                shared[number] = held
        return shared

    def _follow(self, job: Job, has: int, copy_tokens: float) -> bool:
        """Lets `job` wait for another that is about to compute the same beginning, if there is one: of those
        who were there before it, so that no two wait for each other."""
        if not self._can_cut:
            return False
        for number, same in self._index.match(job.tokens[:-1], scope=job.scope).items():
            leader = self.slots[number].job
            if leader is None or leader is job or leader.computed >= same:
                continue
            if job.slot is not None and leader.number > job.number:
                continue
            if same > max(has + copy_tokens + WORTH_WAITING_TOKENS, job.leader_tokens if job.leader else 0):
                job.leader, job.leader_tokens = leader, same
        return job.leader is not None

    @staticmethod
    def has_led(job: Job) -> bool:
        leader = job.leader
        return leader is None or leader.slot is None or leader.computed >= job.leader_tokens

    def take_over(self, job: Job, copy_tokens: float) -> Move | None:
        """What a job that waited for another's beginning gets now. Where that one left before it was done,
        the first of those who waited goes on with what is there, and the others wait for him."""
        assert job.slot is not None
        shared = self.usable(job)
        best = max(shared, key=lambda n: shared[n], default=None)
        if self._follow(job, shared[best] if best is not None else 0, copy_tokens):
            return None
        if best is None or best == job.slot or shared[best] <= job.computed + copy_tokens:
            return None
        return Move(job.slot, shared[best], source=best, job=job)

    def _coldest(self, idle: Iterable[int]) -> int:
        """An empty slot, else the one that was used least recently; near to busy ones if all are alike."""
        return min(idle, key=lambda n: (self.slots[n].used, self._groups_with(n), n))

    def _neighbour(self, idle: Iterable[int], target: int) -> int:
        """`target`, or an idle slot beside busy ones where that makes fewer groups of neighbours: each group
        is computed apart, and costs a reading of all weights."""
        if not self._is_split:
            return target
        fewest = min(idle, key=lambda n: (self._groups_with(n), self.slots[n].used, n))
        return fewest if self._groups_with(fewest) < self._groups_with(target) else target

    def _groups_with(self, number: int) -> int:
        busy = {number, *(n for n, slot in enumerate(self.slots) if slot.job is not None)}
        return sum(1 for n in busy if n - 1 not in busy)

    # -- what slots hold --

    def settle(self, move: Move, held: int) -> None:
        """The slot of `move` holds `held` tokens now."""
        slot, job = self.slots[move.slot], move.job
        if move.source is not None:
            self.counts.copies += 1
            source = self.slots[move.source]
            if source.job is None and source.held <= held:
                source.used = 0  # all of it is elsewhere now
        if job is None:
            self._settle_idle(move, slot, held)
            return
        if job.slot is None:
            self._enter(job, move.slot)
        self.counts.prefix_hit_tokens += held - job.computed
        job.computed = slot.held = held
        job.brought = job.owed
        if job.started_at is None:
            job.cached_tokens = held

    def _settle_idle(self, move: Move, slot: Slot, held: int) -> None:
        if move.source is not None:
            rescued = self.slots[move.source]
            slot.tokens, slot.scope, slot.used = list(rescued.tokens), rescued.scope, rescued.used
            self._index.set(move.slot, slot.tokens[:held], scope=slot.scope)
            self._empty(move.source)
        slot.held = held
        self._index.cut(move.slot, held)

    def _enter(self, job: Job, number: int) -> None:
        slot = self.slots[number]
        self._ticks += 1
        job.slot, job.number = number, self._ticks
        slot.job, slot.tokens, slot.scope = job, job.tokens, job.scope
        self._index.set(number, job.tokens, scope=job.scope)

    def leave(self, job: Job) -> None:
        """The job gives up its slot, which goes on holding what was computed."""
        assert job.slot is not None
        slot = self.slots[job.slot]
        self._ticks += 1
        slot.job, slot.used, slot.held = None, self._ticks, job.computed
        self._index.cut(job.slot, job.computed)
        job.slot = None
        job.draft = []

    def said(self, job: Job, token: int) -> None:
        """The job's next token was chosen."""
        assert job.slot is not None
        job.tokens.append(token)
        self._index.append(job.slot, token)

    def forget(self, numbers: list[int]) -> Move:
        """Empties the one of these that was used least recently."""
        self.counts.evictions += 1
        return Move(min(numbers, key=lambda n: self.slots[n].used), 0)

    def emptied(self, number: int) -> None:
        """The model lost what this slot held; a job there owes everything again."""
        slot = self.slots[number]
        if slot.job is not None:
            slot.job.computed = slot.held = 0
        else:
            self._empty(number)

    def adopt(self, number: int, tokens: list[int]) -> None:
        """An idle slot holds these tokens, for everybody."""
        self._ticks += 1
        self.slots[number] = Slot(None, tokens, len(tokens), "", self._ticks)
        self._index.set(number, tokens)

    def holder_of(self, tokens: list[int]) -> int | None:
        """A slot without a job that holds all of these tokens."""
        for number, same in self._index.match(tokens).items():
            if self.slots[number].job is None and min(same, self.slots[number].held) == len(tokens):
                return number
        return None

    def _empty(self, number: int) -> None:
        self.slots[number] = Slot()
        self._index.drop(number)
