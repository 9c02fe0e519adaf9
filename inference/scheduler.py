"""
Continuous batching: which tokens of which jobs go into the next model step, and which slot holds whom.

There are no phases. A job owes the model some tokens: all of its prompt at first, one per step later. Each
step pays the smallest debts first, so answers in progress never wait for somebody's long prompt.

    next_move    who gets which slot, and what that slot keeps, or takes over from another
    plan         what the next step computes
    said, ended  what came of it

The scheduler never touches the model; `inference.engine` does, and tells it how much really stayed. Pure: no
thread, no clock.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from inference.jobs import Job, WaitingLine
from inference.prefixes import Prefixes
from inference.runner import Row

# Less than this is computed rather than waited for.
WORTH_WAITING_TOKENS = 16
# A prompt's beginning that is shorter waits for the next step.
WORTH_A_ROW_TOKENS = 32
# So often it is the turn of the prompt that waits longest, in steps.
TURNS = 4


@dataclass(frozen=True, slots=True)
class Move:
    """`slot` shall hold the first `count` tokens of `source`, or of its own where that is None. For `job`, if
    it is to begin there; otherwise for nobody in particular."""

    slot: int
    count: int
    source: int | None = None
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step: `jobs` are those of `rows`, one each."""

    rows: list[Row]
    jobs: list[Job]
    decode_tokens: int
    prefill_tokens: int


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


class Scheduler:
    """`kv_tokens` is what all slots can hold together; `is_split` says that each has memory of its own, where
    neighbours are computed together and others apart. `can_cut`: a slot can forget only its end."""

    def __init__(
        self,
        line: WaitingLine,
        *,
        slots: int,
        kv_tokens: int,
        step_tokens: int,
        is_split: bool = True,
        can_cut: bool = True,
    ) -> None:
        self.line = line
        self.running: list[Job] = []
        self.slots = [Slot() for _ in range(slots)]
        self.counts = Counts()
        self._index = Prefixes()
        self._kv_tokens = kv_tokens
        self._step_tokens = step_tokens
        self._is_split = is_split
        self._can_cut = can_cut
        self._ticks = self._turns = 0
        self._is_full = False  # somebody lost his place for want of memory, and nobody has left since

    @property
    def held_tokens(self) -> int:
        """Tokens in the model's memory, planned ones included, shared ones counted once."""
        return self._index.tokens

    # -- who gets which slot --

    def next_move(self, *, copy_tokens: float) -> Move | None:
        """The next thing to do with a slot, or None. The engine does it and calls `settle` before it asks
        again. Copying a slot costs as much as computing `copy_tokens`."""
        for job in self.running:
            if job.leader is not None and self._has_led(job):
                job.leader = None
                if (move := self._take_over(job, copy_tokens)) is not None:
                    return move
        idle = [number for number, slot in enumerate(self.slots) if slot.job is None]
        if not idle:
            return self._displace(copy_tokens)
        first = next(self.line.heads(), None)
        if first is None or (self._is_full and self.running):
            return None
        if self._overflows(first):
            if (move := self._forget_for(first, idle)) is not None:
                return move
            if self.running:
                return None
        return self._place(first, idle, copy_tokens)

    def _displace(self, copy_tokens: float) -> Move | None:
        """Where all slots are busy: a place for the first who may take another's."""
        for job in self.line.heads():
            victim = self._victim_for(job)
            if victim is not None:
                assert victim.slot is not None
                idle = [victim.slot]
                self.preempt(victim)
                return self._place(job, idle, copy_tokens)
        return None

    def settle(self, move: Move, held: int) -> None:
        """The slot of `move` holds `held` tokens now."""
        slot = self.slots[move.slot]
        if move.source is not None:
            self.counts.copies += 1
            source = self.slots[move.source]
            if source.job is None and source.held <= held:
                source.used = 0  # all of it is elsewhere now
        job = move.job
        if job is None:
            self._settle_idle(move, slot, held)
            return
        if job.slot is None:
            self._begin(job, move.slot)
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

    def _begin(self, job: Job, number: int) -> None:
        slot = self.slots[number]
        self.line.take(job)
        self._ticks += 1
        job.slot, job.number = number, self._ticks
        slot.job, slot.tokens, slot.scope = job, job.tokens, job.scope
        self._index.set(number, job.tokens, scope=job.scope)
        self.running.append(job)

    def _place(self, job: Job, idle: list[int], copy_tokens: float) -> Move:
        """Where `job` begins, with as much of its prompt as some slot holds already."""
        shared = self._usable(job)
        going_on = [n for n in idle if shared.get(n) and shared[n] == self.slots[n].held]
        best = max(shared, key=lambda n: shared[n], default=None)
        most = shared[best] if best is not None else 0
        here = max(going_on, key=lambda n: shared[n], default=None)
        is_beside = here is not None and self._neighbour(idle, here) == here
        if here is not None and is_beside and shared[here] + copy_tokens >= most:
            self._follow(job, shared[here], copy_tokens)
            return Move(here, shared[here], job=job)
        target = self._coldest(idle)
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

    def _usable(self, job: Job) -> dict[int, int]:
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
        """Lets `job` wait for another that is about to compute the same beginning, if there is one."""
        if not self._can_cut:
            return False
        for number, same in self._index.match(job.tokens[:-1], scope=job.scope).items():
            leader = self.slots[number].job
            if leader is None or leader is job or leader.computed >= same:
                continue
            if same > max(has + copy_tokens + WORTH_WAITING_TOKENS, job.leader_tokens if job.leader else 0):
                job.leader, job.leader_tokens = leader, same
        return job.leader is not None

    @staticmethod
    def _has_led(job: Job) -> bool:
        leader = job.leader
        return leader is None or leader.slot is None or leader.computed >= job.leader_tokens

    def _take_over(self, job: Job, copy_tokens: float) -> Move | None:
        """What a job that waited for another's beginning gets now."""
        assert job.slot is not None
        shared = self._usable(job)
        best = max(shared, key=lambda n: shared[n], default=None)
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

    # -- room --

    def _victim_for(self, job: Job) -> Job | None:
        """Whose place `job` takes where all slots are busy: the youngest batch job if it is interactive, else
        the youngest of whoever has most places, if `job`'s caller has none."""
        if not job.is_batch and (batch := [other for other in self.running if other.is_batch]):
            return max(batch, key=lambda other: other.number)
        places = Counter(other.caller for other in self.running)
        if places[job.caller] or job.is_batch:
            return None
        caller, most = places.most_common(1)[0]
        if most < 2:
            return None
        return max(
            (other for other in self.running if other.caller == caller), key=lambda other: other.number
        )

    def _overflows(self, job: Job) -> bool:
        """Whether a memory that all slots share has no room for `job`."""
        if self._is_split:
            return False
        new = len(job.tokens) - max(self._usable(job).values(), default=0)
        return self._index.tokens + new > self._kv_tokens

    def _forget_for(self, job: Job, idle: list[int]) -> Move | None:
        """What to forget so that `job` fits: not what it could use, if there is a choice."""
        useful = set(self._usable(job))
        full = [n for n in idle if self.slots[n].held]
        cold = [n for n in full if n not in useful] or full[:-1]
        return self._forget(cold) if cold else None

    def make_room(self) -> Move | None:
        """What to forget when the model's memory is full: an idle slot, else the youngest job's, which will
        be computed again. None where a single job fills it."""
        idle = [n for n, slot in enumerate(self.slots) if slot.job is None and slot.held]
        if idle:
            return self._forget(idle)
        if len(self.running) < 2:
            return None
        youngest = max(self.running, key=lambda job: job.number)
        assert youngest.slot is not None
        number = youngest.slot
        self.preempt(youngest)
        self._is_full = True  # or it would come back at once, and be sent away again
        return Move(number, 0)

    def _forget(self, numbers: list[int]) -> Move:
        self.counts.evictions += 1
        return Move(min(numbers, key=lambda n: self.slots[n].used), 0)

    # -- steps --

    def plan(self, *, prefill_tokens: int, whole_tokens: int = 0) -> Plan | None:
        """The next step, with at most `prefill_tokens` tokens of prompts, or with one prompt that brought no
        more than `whole_tokens`; None if nobody can go on."""
        rows = [self._say(job) for job in self.running if not job.is_prefilling]
        room = self._step_tokens - sum(len(row.tokens) for _, row in rows)
        decode_tokens = self._step_tokens - room
        rows += self._prefill(min(prefill_tokens, room), whole=min(whole_tokens, room))
        if not rows:
            return None
        rows.sort(key=lambda pair: pair[1].slot)
        computed = sum(len(row.tokens) for _, row in rows)
        return Plan(
            [row for _, row in rows], [job for job, _ in rows], decode_tokens, computed - decode_tokens
        )

    def plan_alone(self, job: Job) -> Plan:
        """A step for one job only."""
        assert job.slot is not None
        row = self._chunk(job, min(job.owed, self._step_tokens))
        return Plan([row], [job], 0, len(row.tokens))

    def _say(self, job: Job) -> tuple[Job, Row]:
        assert job.slot is not None
        return job, Row(job.slot, [job.tokens[-1], *job.draft], 1 + len(job.draft))

    def _prefill(self, budget: int, *, whole: int) -> list[tuple[Job, Row]]:
        """Smallest debts first, of callers with the fewest places; each fourth step is for who waits
        longest. One prompt after the other: rows of other lengths are computed apart, so many short ones
        cost more than one long one."""
        waiting = [job for job in self.running if job.is_prefilling and job.leader is None]
        if not waiting or budget < 1:
            return []
        places = Counter(job.caller for job in self.running)
        debts = {id(job): job.owed for job in waiting}
        for job in self.running:  # who waits for another's beginning owes what the other owes
            if job.leader is not None and id(job.leader) in debts:
                debts[id(job.leader)] = min(debts[id(job.leader)], job.leader_tokens - job.leader.computed)
        waiting.sort(key=lambda job: (job.is_batch, places[job.caller], debts[id(job)], job.number))
        self._turns += 1
        if self._turns % TURNS == 0:
            oldest = min(waiting, key=lambda job: job.number)
            waiting.sort(key=lambda job: job is not oldest)
        rows: list[tuple[Job, Row]] = []
        if waiting[0].brought <= whole:
            budget = max(budget, waiting[0].owed)
        for job in waiting:
            count = min(budget, job.owed)
            if not rows or count == job.owed or count >= WORTH_A_ROW_TOKENS:
                rows.append((job, self._chunk(job, count)))
                budget -= count
            if not budget:
                break
        return rows

    @staticmethod
    def _chunk(job: Job, count: int) -> Row:
        assert job.slot is not None
        chunk = job.tokens[job.computed : job.computed + count]
        return Row(job.slot, chunk, int(count == job.owed))

    def computed(self, job: Job, count: int) -> None:
        """The model holds `count` more of the job's tokens."""
        assert job.slot is not None
        job.computed += count
        self.slots[job.slot].held = job.computed

    def kept(self, job: Job, count: int) -> None:
        """The model holds the first `count` of the job's tokens."""
        assert job.slot is not None
        job.computed = self.slots[job.slot].held = count

    def said(self, job: Job, token: int) -> None:
        """The job's next token was chosen."""
        assert job.slot is not None
        job.tokens.append(token)
        self._index.append(job.slot, token)

    # -- ends --

    def ended(self, job: Job) -> None:
        """The job leaves its slot, which goes on holding what was computed."""
        self._is_full = False
        self._leave(job)

    def preempt(self, job: Job) -> None:
        """The job goes back to the front of its line, and will be computed again."""
        self._leave(job)
        self.counts.preemptions += 1
        job.computed = 0
        job.leader = None
        self.line.put_back(job)

    def emptied(self, number: int) -> None:
        """The model lost what this slot held; a job there owes everything again."""
        slot = self.slots[number]
        if slot.job is not None:
            slot.job.computed = slot.held = 0
        else:
            self._empty(number)

    # -- what outlives a job --

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

    def _leave(self, job: Job) -> None:
        assert job.slot is not None
        slot = self.slots[job.slot]
        self._ticks += 1
        slot.job, slot.used, slot.held = None, self._ticks, job.computed
        self._index.cut(job.slot, job.computed)
        self.running.remove(job)
        job.slot = None
        job.draft = []

    def _empty(self, number: int) -> None:
        self.slots[number] = Slot()
        self._index.drop(number)
