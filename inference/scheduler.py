"""
Continuous batching: which tokens of which jobs go into the next model step, and who gets a slot.

There are no phases. A job owes the model some tokens: all of its prompt at first, one per step later. Each
step pays the smallest debts first, so answers in progress never wait for more than a slice of a prompt.

    next_move    who gets which slot, and what that slot keeps, or takes over from another
    plan         what the next step computes
    said, ended  what came of it

The scheduler never touches the model; `inference.engine` does, and tells it how much really stayed. Pure: no
thread, no clock.
"""

import math
from collections import Counter
from dataclasses import dataclass

from inference.jobs import Job, WaitingLine
from inference.places import Move, Places
from inference.runner import Row

# A prompt's beginning that is shorter waits for the next step.
WORTH_A_ROW_TOKENS = 32
# So often it is the turn of the prompt that waits longest, in steps.
TURNS = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """The next step: `jobs` are those of `rows`, one each."""

    rows: list[Row]
    jobs: list[Job]
    decode_tokens: int
    prefill_tokens: int


class Scheduler:
    """`kv_tokens` is what all slots can hold together. For `is_split` and `can_cut` see `Places`, which say
    where a job begins."""

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
        self.places = Places(slots, is_split=is_split, can_cut=can_cut)
        self._kv_tokens = kv_tokens
        self._step_tokens = step_tokens
        self._is_split = is_split
        self._turns = 0
        self._behind: list[Job] = []  # the answers that have not spoken yet while others have
        self._has_spoken = False  # the last step was of answers
        self._is_full = False  # somebody lost his place for want of memory, and nobody has left since

    # -- who gets which slot --

    def next_move(self, *, copy_tokens: float) -> Move | None:
        """The next thing to do with a slot, or None. The engine does it and calls `settle` before it asks
        again. Copying a slot costs as much as computing `copy_tokens`."""
        for job in self.running:
            if job.leader is not None and self.places.has_led(job):
                job.leader = None
                if (move := self.places.take_over(job, copy_tokens)) is not None:
                    return move
        idle = self.places.idle()
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
        return self.places.choose(first, idle, copy_tokens)

    def _displace(self, copy_tokens: float) -> Move | None:
        """Where all slots are busy: a place for the first who may take another's."""
        for job in self.line.heads():
            victim = self._victim_for(job)
            if victim is not None:
                assert victim.slot is not None
                idle = [victim.slot]
                self.preempt(victim)
                return self.places.choose(job, idle, copy_tokens)
        return None

    def settle(self, move: Move, held: int) -> None:
        """The slot of `move` holds `held` tokens now."""
        if move.job is not None and move.job.slot is None:
            self.line.take(move.job)
            self.running.append(move.job)
        self.places.settle(move, held)

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
        new = len(job.tokens) - max(self.places.usable(job).values(), default=0)
        return self.places.held_tokens + new > self._kv_tokens

    def _forget_for(self, job: Job, idle: list[int]) -> Move | None:
        """What to forget so that `job` fits: not what it could use, if there is a choice."""
        useful = set(self.places.usable(job))
        full = [n for n in idle if self.places.slots[n].held]
        cold = [n for n in full if n not in useful] or full[:-1]
        return self.places.forget(cold) if cold else None

    def make_room(self) -> Move | None:
        """What to forget when the model's memory is full: an idle slot, else the youngest job's, which will
        be computed again. None where a single job fills it."""
        idle = [n for n in self.places.idle() if self.places.slots[n].held]
        if idle:
            return self.places.forget(idle)
        if len(self.running) < 2:
            return None
        youngest = max(self.running, key=lambda job: job.number)
        assert youngest.slot is not None
        number = youngest.slot
        self.preempt(youngest)
        self._is_full = True  # or it would come back at once, and be sent away again
        return Move(number, 0)

    # -- steps --

    def plan(
        self, *, prefill_tokens: int, whole_tokens: int = 0, looks_of_a_step: float = math.inf
    ) -> Plan | None:
        """The next step, with at most `prefill_tokens` tokens of prompts, or with one prompt that brought no
        more than `whole_tokens`; None if nobody can go on.

        Where each slot has memory of its own, answers and prompts take turns: llama.cpp would compute them
        apart in any case, and every row of a step looks through as much memory as the longest needs. So
        answers with a long text before them speak after those with a short one, in a step of their own, where
        that spares looks at more tokens than the step costs: `looks_of_a_step`.
        """
        answers = [job for job in self.running if not job.is_prefilling]
        left = [job for job in self._behind if job in answers]
        apart = bool(answers) and self._is_split
        if apart and self._has_spoken and not left:
            room = self._step_tokens
            if prompts := self._prefill(min(prefill_tokens, room), whole=min(whole_tokens, room)):
                self._has_spoken = False
                return _planned(prompts, decode_tokens=0)
        speaking = [self._say(job) for job in self._near(left or answers, looks_of_a_step)]
        decode_tokens = sum(len(row.tokens) for _, row in speaking)
        self._has_spoken = bool(speaking)
        if not apart:
            room = self._step_tokens - decode_tokens
            speaking += self._prefill(min(prefill_tokens, room), whole=min(whole_tokens, room))
        return _planned(speaking, decode_tokens=decode_tokens) if speaking else None

    def _near(self, answers: list[Job], looks_of_a_step: float) -> list[Job]:
        """Those of them that speak now; the others are `_behind`."""
        self._behind = []
        if not self._is_split or looks_of_a_step == math.inf:
            return answers
        ranked = sorted(answers, key=lambda job: job.computed)
        spared = {
            count: count * (ranked[-1].computed - ranked[count - 1].computed)
            for count in range(1, len(ranked))
        }
        best = max(spared, key=lambda count: spared[count], default=0)
        if not best or spared[best] <= looks_of_a_step:
            return answers
        self._behind = ranked[best:]
        return ranked[:best]

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
        self.places.slots[job.slot].held = job.computed

    def kept(self, job: Job, count: int) -> None:
        """The model holds the first `count` of the job's tokens."""
        assert job.slot is not None
        job.computed = self.places.slots[job.slot].held = count

    # -- ends --

    def ended(self, job: Job) -> None:
        """The job leaves its slot, which goes on holding what was computed."""
        self._is_full = False
        self._leave(job)

    def preempt(self, job: Job) -> None:
        """The job goes back to the front of its line, and will be computed again."""
        self._leave(job)
        self.places.counts.preemptions += 1
        job.computed = 0
        job.leader = None
        self.line.put_back(job)

    def _leave(self, job: Job) -> None:
        self.places.leave(job)
        self.running.remove(job)


def _planned(rows: list[tuple[Job, Row]], *, decode_tokens: int) -> Plan:
    rows.sort(key=lambda pair: pair[1].slot)
    computed = sum(len(row.tokens) for _, row in rows)
    return Plan([row for _, row in rows], [job for job, _ in rows], decode_tokens, computed - decode_tokens)
