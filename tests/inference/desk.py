"""A scheduler's desk, without a model: a memory that only counts."""

import math

from inference.jobs import Job, WaitingLine
from inference.scheduler import Scheduler
from inference.speaking import Speaker

FREE = 0.0  # copying costs nothing


def job_of(tokens, caller="alice", **more):
    tokens = list(tokens.encode()) if isinstance(tokens, str) else list(tokens)
    return Job(tokens, most=more.pop("most", 5), caller=caller, speaker=Speaker(lambda event: None), **more)


class Desk:
    """A scheduler with the memory of a model: does what it says and checks that it is possible."""

    def __init__(
        self,
        *,
        slots=4,
        context=1000,
        step_tokens=64,
        kv_tokens=None,
        can_cut=True,
        copy_tokens=FREE,
        looks_of_a_step=math.inf,
    ):
        self.line = WaitingLine(places=1000, most_tokens=10**9)
        self.memory = [[] for _ in range(slots)]
        self.copy_tokens = copy_tokens
        self.looks_of_a_step = looks_of_a_step
        self.step_tokens = step_tokens
        self.scheduler = Scheduler(
            self.line,
            slots=slots,
            kv_tokens=kv_tokens or slots * context,
            step_tokens=step_tokens,
            is_split=kv_tokens is None,
            can_cut=can_cut,
        )
        self.can_cut = can_cut
        self.computed = 0
        self.steps = []
        self.done = []

    def put(self, *jobs):
        for job in jobs:
            self.line.put(job)
        return jobs[0] if len(jobs) == 1 else jobs

    def arrange(self):
        moves = []
        while (move := self.scheduler.next_move(copy_tokens=self.copy_tokens)) is not None:
            moves.append(move)
            assert len(moves) < 500
            self.do(move)
        return moves

    def do(self, move):
        source = move.slot if move.source is None else move.source
        held = self.memory[source][: move.count]
        if not self.can_cut and move.count < len(self.memory[source]):
            held = []
        if move.source is not None or move.count < len(self.memory[move.slot]):
            self.memory[move.slot] = held
        self.scheduler.settle(move, len(self.memory[move.slot]))
        if move.job is not None:
            assert self.memory[move.slot] == move.job.tokens[: move.job.computed], "holds another's tokens"

    def step(self, prefill=10**6, whole=0):
        """One step; each job that is heard says 501, 502 and so on."""
        self.arrange()
        plan = self.scheduler.plan(
            prefill_tokens=prefill, whole_tokens=whole, looks_of_a_step=self.looks_of_a_step
        )
        if plan is None:
            return None
        slots = [row.slot for row in plan.rows]
        assert slots == sorted(set(slots))
        assert sum(len(row.tokens) for row in plan.rows) <= self.step_tokens
        self.steps.append(plan)
        for job, row in zip(plan.jobs, plan.rows, strict=True):
            assert job.slot == row.slot
            assert row.tokens == job.tokens[job.computed : job.computed + len(row.tokens)]
            self.memory[row.slot] += row.tokens
            self.computed += len(row.tokens)
            job.started_at = job.started_at or 1.0
            self.scheduler.computed(job, len(row.tokens))
            assert self.memory[row.slot] == job.tokens[: job.computed]
            if row.outputs:
                self.scheduler.places.said(job, 501 + len(job.tokens) - job.prompt_tokens)
                if len(job.tokens) - job.prompt_tokens >= job.most:
                    self.end(job)
        return plan

    def end(self, job):
        self.scheduler.ended(job)
        self.done.append(job)

    def run(self, prefill=10**6):
        while self.step(prefill) is not None:
            assert len(self.steps) < 20_000
        return self

    def answered(self, job):
        assert job in self.done
        return job.tokens[job.prompt_tokens :]
