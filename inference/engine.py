"""
The loop: one thread that owns the model, the clock, the waiting line and the deliveries.

    submit ─► waiting line ─► [ the thread: cut what is held, compute the prompt in steps, sample ] ─► deliver

Between any two steps it looks at whoever left, at deadlines, and at the end of the service; so a slot is free
within one step. One job at a time for now; the shape around it is the one that batching needs.
"""

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import takewhile

from inference.backends import Ending, FinishReason, Generation, Piece, Status
from inference.errors import (
    DeadlineExceeded,
    GenerationFailed,
    InferenceError,
    ModelUnavailable,
    PromptTooLong,
    QueueFull,
)
from inference.runner import ModelBroken, Runner
from inference.text import Transcript
from inference.waiting import Job, WaitingLine

logger = logging.getLogger("inference.engine")

STOPPING = "The service is shutting down."
FAULT = "The engine stopped on a fault; the log says where. Restart the service."
# llama.cpp takes the seed 2**32 - 1 for "choose one".
SEEDS = 2**32 - 1
# How much the newest job counts in the measured time of a job.
NEWEST_SHARE = 0.2


class Abandoned(Exception):
    """The caller of this job left. Nobody is told."""


class Engine:
    """Loads a model with `load` on its own thread and answers jobs with it."""

    def __init__(
        self,
        load: Callable[[], Runner],
        *,
        places: int,
        queue_seconds: float,
        timeout_seconds: float,
        step_tokens: int = 64,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._queue_seconds = queue_seconds
        self._timeout_seconds = timeout_seconds
        self._step_tokens = step_tokens
        self._clock = clock
        self._line = WaitingLine(places=places)
        self._changed = threading.Condition()
        self._status = Status("loading")
        self._is_closing = False
        self._held: list[int] = []  # the tokens in the model's memory
        self._job_seconds = 1.0  # measured, moving
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # -- from any thread --

    def start(self) -> None:
        """Begins to load; returns at once."""
        self._thread.start()

    def status(self) -> Status:
        return self._status

    def submit(
        self, generation: Generation[str], deliver: Callable[[Piece | Ending | Exception], None]
    ) -> Job:
        """Puts a job into the waiting line. Raises ModelUnavailable or QueueFull, at once."""
        now = self._clock()
        with self._changed:
            if self._is_closing:
                raise ModelUnavailable(STOPPING)
            if self._status.state != "ready":
                raise ModelUnavailable(self._status.reason or "The model is loading. Try again shortly.")
            if self._line.is_full:
                raise QueueFull(retry_after_seconds=max(1, math.ceil(self._job_seconds)))
            finish_by = now + self._timeout_seconds
            start_by = min(now + self._queue_seconds, finish_by)
            job = Job(generation, deliver, queued_at=now, start_by=start_by, finish_by=finish_by)
            self._line.put(job)
            self._changed.notify()
        return job

    def cancel(self, job: Job) -> None:
        """The caller left. A waiting job is gone at once, a running one within a step."""
        job.is_cancelled = True
        with self._changed:
            self._line.remove(lambda waiting: waiting is job)

    @property
    def waiting(self) -> int:
        return len(self._line)

    def close(self, timeout_seconds: float = 10) -> None:
        """Ends the job in progress within a step, tells those who wait, and frees the model."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout_seconds)

    # -- the thread --

    def _run(self) -> None:
        try:
            runner = self._load()
        except ModelBroken as broken:
            self._down(broken.reason)
            return
        except Exception:
            logger.exception("model not loaded")
            self._down("The model could not be loaded; the log says where it failed.")
            return
        self._status = Status("ready")
        try:
            while (job := self._next()) is not None:
                self._serve(runner, job)
            self._down(STOPPING)
        except ModelBroken as broken:
            self._down(broken.reason)
        except Exception:  # whatever ends this thread must show: behind a dead one, callers wait for ever
            logger.exception("engine stopped")
            self._down(FAULT)
        runner.close()

    def _next(self) -> Job | None:
        """The next job that is still wanted; None at the end."""
        with self._changed:
            while not self._is_closing:
                self._expire()
                if (job := self._line.take()) is not None:
                    return job
                self._changed.wait(1.0)
        return None

    def _serve(self, runner: Runner, job: Job) -> None:
        started = self._clock()
        try:
            self._answer(runner, job, started)
        except Abandoned:
            pass
        except InferenceError as error:
            self._deliver(job, error)
        except ModelBroken as broken:
            logger.exception("model broken")
            self._deliver(job, ModelUnavailable(broken.reason))
            raise
        except Exception:
            logger.exception("job failed", extra={"prompt_request_id": job.generation.request_id})
            self._deliver(job, GenerationFailed())
            self._held = self._held[: runner.keep(0)]  # a model that cannot even forget ends the loop
        seconds = self._clock() - started
        self._job_seconds += NEWEST_SHARE * (seconds - self._job_seconds)

    def _answer(self, runner: Runner, job: Job, started: float) -> None:
        generation = job.generation
        self._check(job)
        prompt = runner.tokens_of(generation.messages)
        room = runner.context_tokens - len(prompt)
        if room < 1:
            raise PromptTooLong(tokens=len(prompt), limit=runner.context_tokens - 1)
        self._compute_prompt(runner, job, prompt)
        sampling = generation.sampling
        seed = secrets.randbelow(SEEDS) if sampling.seed is None else sampling.seed % SEEDS
        runner.begin(replace(sampling, seed=seed))
        finish, count, first_at = self._speak(runner, job, most=min(generation.max_tokens, room))
        self._deliver(
            job,
            Ending(
                finish_reason=finish,
                prompt_tokens=len(prompt),
                completion_tokens=count,
                queue_ms=(started - job.queued_at) * 1000,
                first_token_ms=(first_at - job.queued_at) * 1000,
            ),
        )

    def _speak(self, runner: Runner, job: Job, *, most: int) -> tuple[FinishReason, int, float]:
        """Delivers the pieces of an answer of at most `most` tokens: why it ended, its tokens, and the
        instant of the first."""
        transcript = Transcript(job.generation.stop)
        first_at: float | None = None
        finish: FinishReason = "length"
        count = 0
        while count < most:
            token = runner.sample()
            count += 1
            first_at = self._clock() if first_at is None else first_at
            if runner.is_end(token):
                finish = "stop"
                break
            if shown := transcript.feed(runner.piece(token)):
                self._deliver(job, Piece(shown))
            if transcript.stopped:
                finish = "stop"
                break
            self._check(job)
            if count < most:
                self._decode(runner, [token])
        if shown := transcript.finish():
            self._deliver(job, Piece(shown))
        return finish, count, self._clock() if first_at is None else first_at

    def _compute_prompt(self, runner: Runner, job: Job, prompt: list[int]) -> None:
        """Computes what the model does not hold already, in steps."""
        same = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(self._held, prompt, strict=False))
        )
        # The last token is always computed: what follows is read from it.
        kept = runner.keep(min(same, len(prompt) - 1))
        self._held = self._held[:kept]
        for at in range(kept, len(prompt), self._step_tokens):
            self._check(job)
            self._decode(runner, prompt[at : at + self._step_tokens])

    def _decode(self, runner: Runner, tokens: list[int]) -> None:
        runner.decode(tokens)
        self._held += tokens

    # -- between steps --

    def _check(self, job: Job) -> None:
        if job.is_cancelled:
            raise Abandoned
        if self._is_closing:
            raise ModelUnavailable(STOPPING)
        if self._clock() > job.finish_by:
            raise DeadlineExceeded(queued=False)
        with self._changed:
            self._expire()

    def _expire(self) -> None:
        """Tells those who have waited too long. The caller holds the lock."""
        now = self._clock()
        for job in self._line.remove(lambda waiting: now > waiting.start_by):
            self._deliver(job, DeadlineExceeded(queued=True))

    def _down(self, reason: str) -> None:
        if reason != STOPPING:
            logger.error("model down: %s", reason)
        self._status = Status("down", reason)
        self._tell_waiting(ModelUnavailable(reason))

    def _tell_waiting(self, error: InferenceError) -> None:
        with self._changed:
            gone = self._line.remove(lambda job: True)
        for job in gone:
            self._deliver(job, error)

    @staticmethod
    def _deliver(job: Job, event: Piece | Ending | Exception) -> None:
        try:
            job.deliver(event)
        except RuntimeError:  # the caller's event loop is closed
            job.is_cancelled = True
