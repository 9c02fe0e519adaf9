"""
One loaded model at work: places jobs into its slots, steps it, and tells each job what came of it.

Belongs to the engine's thread. The waiting line is shared with everybody who submits, so it is touched under
`lock` only, which is free while the model computes.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from inference import hot
from inference.backends import Embeddings, FinishReason
from inference.errors import DeadlineExceeded, FormatRefused, GenerationFailed, InferenceError
from inference.figures import Figures
from inference.guessing import Guesses
from inference.jobs import Job, WaitingLine
from inference.options import EngineOptions
from inference.pace import Pace, worth
from inference.places import Move
from inference.runner import ModelBroken, OutOfCells, Row, Runner
from inference.scheduler import Plan, Scheduler
from inference.speaking import Gone, Times

logger = logging.getLogger("inference.engine")


class Serving:
    """From the loading of a model to its end."""

    def __init__(
        self,
        runner: Runner,
        line: WaitingLine,
        options: EngineOptions,
        *,
        lock: threading.Condition,
        figures: Figures,
        clock: Callable[[], float],
    ) -> None:
        self._runner = runner
        self._lock = lock
        self._line = line
        self._options = options
        self._figures = figures
        self._clock = clock
        self._pace = Pace()
        self._hot = hot.HotPrefixes()
        self._guesses = Guesses(runner, self._pace, figures, is_wanted=options.speculation)
        self._suspects: list[Job] = []
        self._scheduler = Scheduler(
            line,
            slots=runner.slots,
            kv_tokens=runner.kv_tokens,
            step_tokens=runner.step_tokens,
            is_split=runner.kv_tokens >= runner.slots * runner.context_tokens,
            can_cut=runner.can_cut,
        )

    @property
    def is_busy(self) -> bool:
        """Whether a job has a slot."""
        return bool(self._scheduler.running)

    def add_gauges(self, figures: Figures) -> None:
        """Adds what is known here, from any thread."""
        counts = self._scheduler.places.counts
        figures.prefix_hit_tokens += counts.prefix_hit_tokens
        figures.copies += counts.copies
        figures.evictions += counts.evictions
        figures.preemptions += counts.preemptions
        figures.running_jobs = len(self._scheduler.running)
        figures.slots = self._runner.slots
        figures.kv_tokens = self._runner.kv_tokens
        figures.kv_used_tokens = self._scheduler.places.held_tokens

    def seconds_of_line(self) -> float:
        """What the waiting line takes at the speed measured so far."""
        streams = self._runner.slots
        answers = len(self._line) * self._pace.job_seconds(0, streams=streams)
        return answers + self._line.tokens * self._pace.prompt_token_seconds

    # -- between steps --

    def arrange(self) -> None:
        """Lets go whoever left or ran out of time, and gives free slots to those who wait."""
        with self._lock:
            self._let_go()
            while not self._runner.embedding_size:
                copy_tokens = self._runner.copy_seconds / self._pace.prompt_token_seconds
                move = self._scheduler.next_move(copy_tokens=copy_tokens)
                if move is None:
                    return
                self._do(move)

    def _let_go(self) -> None:
        now = self._clock()
        for job in [job for job in self._scheduler.running if job.is_cancelled or now > job.finish_by]:
            self._scheduler.ended(job)
            self._dismiss(job)
        waiting = self._line.remove(
            lambda job: job.is_cancelled or now > (job.finish_by if job.speaker.has_begun else job.start_by)
        )
        for job in waiting:
            self._dismiss(job)

    def _dismiss(self, job: Job) -> None:
        """Of a job that left or ran out of time."""
        self._guesses.forget(job)
        if job.is_cancelled:
            self._figures.cancelled += 1
        else:
            self._figures.expired += 1
            with suppress(Gone):
                job.speaker.tell(DeadlineExceeded(queued=not job.speaker.has_begun))
        job.speaker.close()

    def _do(self, move: Move) -> None:
        if move.source is None:
            held = self._runner.cut(move.slot, move.count)
        else:
            held = self._runner.copy(move.source, move.slot, move.count)
        self._scheduler.settle(move, held)
        job = move.job
        if job is None:
            return
        if held and not job.scope:
            self._hot.note(job.tokens, held)
        if not job.speaker.has_begun:
            self._begin(job)

    def _begin(self, job: Job) -> None:
        try:
            job.speaker.begin(self._runner, job.tokens)
        except FormatRefused as error:
            self._fail(job, error)
        except ModelBroken:
            raise
        except Exception:  # noqa: BLE001  (`log` does)
            job.log(logger, "no sampler")
            self._fail(job, GenerationFailed())

    # -- a step --

    def step(self) -> None:
        """The model's next step, if there is anything to compute. Raises ModelBroken."""
        if self._runner.embedding_size:
            self._embed()
            return
        began = time.perf_counter()
        self._guesses.draft(self._scheduler.running)
        plan = self._plan()
        if plan is None:
            return
        now = self._clock()
        for job in plan.jobs:
            if job.started_at is None:
                job.started_at = now
        computing = time.perf_counter()
        if not self._compute(plan):
            return
        computed = time.perf_counter()
        self._pace.note_step(
            decode_tokens=self._worth(
                plan.decode_tokens, [job for job in plan.jobs if not job.is_prefilling]
            ),
            prefill_tokens=plan.prefill_tokens,
            seconds=computed - computing,
        )
        choosing = self._hear_all(plan)
        figures = self._figures
        figures.steps += 1
        figures.prefill_tokens += plan.prefill_tokens
        figures.decode_seconds += computed - computing
        figures.sampling_seconds += choosing
        figures.python_seconds += time.perf_counter() - began - (computed - computing) - choosing

    def _plan(self) -> Plan | None:
        """The next step. Jobs that were in a step that failed are tried one at a time."""
        self._suspects = [job for job in self._suspects if job.slot is not None]
        if self._suspects:
            return self._scheduler.plan_alone(self._suspects[0])
        running = self._scheduler.running
        speaking = [job for job in running if not job.is_prefilling]
        decode_tokens = sum(1 + len(job.draft) for job in speaking)
        budget = self._pace.prompt_budget(
            self._worth(decode_tokens, speaking),
            most=self._runner.step_tokens,
            is_crowded=len(running) > 2 * len(speaking),
        )
        looks = self._runner.look_tokens * self._pace.step_tokens() or math.inf
        return self._scheduler.plan(
            prefill_tokens=budget, whole_tokens=self._pace.whole_tokens(), looks_of_a_step=looks
        )

    def _worth(self, decode_tokens: int, speaking: Sequence[Job]) -> float:
        """What these answers' tokens cost, in tokens without a text before them."""
        longest = max((job.computed for job in speaking), default=0)
        return worth(decode_tokens, before=longest, look_tokens=self._runner.look_tokens)

    def _compute(self, plan: Plan) -> bool:
        """Whether the step was computed."""
        try:
            self._runner.step(plan.rows)
        except OutOfCells:
            self._make_room()
            return False
        except ModelBroken:
            raise
        except Exception:  # noqa: BLE001  (`log` does)
            for job in plan.jobs:
                job.log(logger, "step failed")
            self._doubt(plan)
            return False
        return True

    def _make_room(self) -> None:
        with self._lock:
            move = self._scheduler.make_room()
        if move is not None:
            self._scheduler.settle(move, self._runner.cut(move.slot, move.count))
        else:  # one job alone, and all of the memory is its
            self._end(self._scheduler.running[0], "length")

    def _doubt(self, plan: Plan) -> None:
        """Of a step that failed with one job, that job fails; of several, each is computed again alone."""
        for row in plan.rows:
            self._scheduler.places.emptied(row.slot)
        if len(plan.jobs) == 1:
            self._fail(plan.jobs[0], GenerationFailed())
        else:
            self._suspects = list(plan.jobs)

    def _hear_all(self, plan: Plan) -> float:
        """Tells every job what came of its row; the seconds that choosing took."""
        output, choosing, now = 0, 0.0, self._clock()
        for job, row in zip(plan.jobs, plan.rows, strict=True):
            if not row.outputs:
                self._scheduler.computed(job, len(row.tokens))
                continue
            before = job.speaker.choosing_seconds
            try:
                self._hear(job, row, output, now)
            except Gone:
                job.is_cancelled = True
            except FormatRefused as error:  # some grammars show only on the way that they are beyond bounds
                self._fail(job, error)
            except ModelBroken:
                raise
            except Exception:  # noqa: BLE001  (`log` does)
                job.log(logger, "job failed")
                self._fail(job, GenerationFailed())
            choosing += job.speaker.choosing_seconds - before
            output += row.outputs
        return choosing

    def _hear(self, job: Job, row: Row, output: int, now: float) -> None:
        """Chooses the next token, and goes on as long as it is the one that was guessed."""
        guessed, job.draft = job.draft, []
        right = 0
        ending: FinishReason | None = None
        for at in range(row.outputs):
            token, is_last = job.speaker.hear(self._runner, output + at, now=now)
            if is_last:
                ending = "stop"
                break
            self._scheduler.places.said(job, token)
            if job.speaker.count >= job.most:
                ending = "length"
                break
            if at >= len(guessed) or token != guessed[at]:
                break
            right += 1
        self._scheduler.computed(job, len(row.tokens) - len(guessed) + right)
        if guessed:
            self._guesses.note(job, guessed=len(guessed), right=right)
            if right < len(guessed) and job.slot is not None:
                self._scheduler.kept(job, self._runner.cut(job.slot, job.computed))
        if job in self._suspects:
            self._suspects.remove(job)
        if ending is not None:
            self._end(job, ending)

    # -- ends --

    def _end(self, job: Job, reason: FinishReason) -> None:
        self._scheduler.ended(job)
        self._guesses.forget(job)
        figures, speaker = self._figures, job.speaker
        figures.answered += 1
        figures.prompt_tokens += job.prompt_tokens
        figures.completion_tokens += speaker.count
        self._pace.note_answer(speaker.count)
        assert job.started_at is not None
        times = Times(job.queued_at, job.started_at, self._clock())
        with suppress(Gone):
            speaker.end(reason, prompt_tokens=job.prompt_tokens, cached_tokens=job.cached_tokens, times=times)
        speaker.close()

    def _fail(self, job: Job, error: InferenceError) -> None:
        if job.slot is not None:
            self._scheduler.ended(job)
        self._guesses.forget(job)
        self._figures.failed += 1
        with suppress(Gone):
            job.speaker.tell(error)
        job.speaker.close()

    def fail_all(self, error: InferenceError, begun: Sequence[Job]) -> None:
        """Ends every job that has begun, those that lost their slot (`begun`) too."""
        for job in [*self._scheduler.running, *begun]:
            self._fail(job, error)
        self._figures.prefix_hit_tokens += self._scheduler.places.counts.prefix_hit_tokens
        self._figures.copies += self._scheduler.places.counts.copies
        self._figures.evictions += self._scheduler.places.counts.evictions
        self._figures.preemptions += self._scheduler.places.counts.preemptions

    # -- embedding models --

    def _embed(self) -> None:
        """The vectors of as many waiting texts as fit into a step."""
        jobs = self._take_texts()
        if not jobs:
            return
        began = time.perf_counter()
        try:
            vectors = self._runner.embed([job.tokens for job in jobs])
        except Exception as error:
            for job in jobs:
                if not isinstance(error, ModelBroken):
                    job.log(logger, "embedding failed")
                self._fail(job, GenerationFailed())
            if isinstance(error, ModelBroken):
                raise
            return
        self._figures.steps += 1
        self._figures.decode_seconds += time.perf_counter() - began
        for job, vector in zip(jobs, vectors, strict=True):
            self._figures.answered += 1
            self._figures.prompt_tokens += job.prompt_tokens
            with suppress(Gone):
                job.speaker.tell(Embeddings((vector,), job.prompt_tokens))

    def _take_texts(self) -> list[Job]:
        jobs: list[Job] = []
        room = self._runner.step_tokens
        with self._lock:
            while (job := next(self._line.heads(), None)) is not None and len(jobs) < self._runner.slots:
                if len(job.tokens) > room:
                    break
                self._line.take(job)
                room -= len(job.tokens)
                jobs.append(job)
        return jobs

    # -- from one life of the process to the next --

    def warm_up(self) -> None:
        """Takes over the hottest prefixes of an earlier life, into slots that are empty yet."""
        folder = self._options.prefix_dir
        if folder is None or self._runner.embedding_size:
            return
        for number, path in enumerate(list(hot.files(folder))[: self._runner.slots]):
            tokens = self._runner.restore(number, path)
            if tokens:
                self._scheduler.places.adopt(number, tokens)
                self._hot.adopt(tokens)

    def keep_prefixes(self) -> None:
        """Saves the hottest prefixes, where they are still held."""
        folder = self._options.prefix_dir
        if folder is None or self._runner.embedding_size or not self._runner.can_cut:
            return
        kept = []
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for tokens in sorted(self._hot.top(), key=len, reverse=True):  # a cut loses longer ones
                number = self._scheduler.places.holder_of(tokens)
                if number is None:
                    continue
                held = self._runner.cut(number, len(tokens))
                self._scheduler.settle(Move(number, len(tokens)), held)
                if held == len(tokens):
                    path = hot.file_of(folder, tokens)
                    self._runner.save(number, path, tokens)
                    kept.append(path)
            hot.forget_others(folder, kept)
        except OSError as error:
            logger.warning("prefixes not kept", extra={"kind": type(error).__name__})
