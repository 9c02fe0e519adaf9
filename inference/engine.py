"""
The loop: one thread that owns the model, the clock, the waiting line and the deliveries.

    submit ─► waiting line ─► [ the thread: slots, a step of the model, next tokens ] ─► deliver

Between any two steps it looks at whoever left, at deadlines, and at the end of the service; so a slot is free
within one step. What a step computes is the scheduler's business, how long it may take the pace's.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

from inference.backends import Generation, Status
from inference.errors import InferenceError, ModelUnavailable, PromptEmpty, PromptTooLong, QueueFull
from inference.figures import Figures
from inference.jobs import Job, WaitingLine
from inference.options import EngineOptions
from inference.runner import ModelBroken, Runner
from inference.serving import Serving
from inference.speaking import Event, Gone, Speaker
from inference.text import Transcript
from inference.tools.grammar import grammar_of
from inference.tools.notations import HERMES, Notation

logger = logging.getLogger("inference.engine")

STOPPING = "The service is shutting down."
LOADING = "The model is loading. Try again shortly."
RELOADING = "The model failed and is being loaded again. Try again shortly."
FAULT = "The engine stopped on a fault; the log says where. Restart the service."
# A broken model is loaded again after these pauses; one that breaks as often without having served for
# LONG_SECONDS in between stays down.
RELOAD_SECONDS = (0.0, 1.0, 5.0, 30.0)
LONG_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A generation that the model can take: its tokens, the grammar of its format or of its tools, and how
    calls of these will be written."""

    tokens: list[int]
    grammar: str
    most: int  # tokens of answer
    notation: Notation = HERMES


class Engine:
    """Loads a model with `load` on its own thread and answers jobs with it. Started once."""

    def __init__(
        self,
        load: Callable[[], Runner],
        options: EngineOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.options = options or EngineOptions()
        self._load = load
        self._clock = clock
        self._line = WaitingLine(places=self.options.places, most_tokens=self.options.queue_tokens)
        self._changed = threading.Condition()
        self._status = Status("loading")
        self._is_closing = False
        self._stop_by = math.inf
        self._runner: Runner | None = None
        self._borrowers = 0
        self._figures = Figures()
        self._serving: Serving | None = None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    # -- from any thread --

    def start(self) -> None:
        """Begins to load; returns at once."""
        self._thread.start()

    def status(self) -> Status:
        return self._status

    def figures(self) -> Figures:
        """A copy of what was counted."""
        figures, serving = replace(self._figures), self._serving
        figures.waiting_jobs, figures.waiting_tokens = len(self._line), self._line.tokens
        if serving is not None:
            serving.add_gauges(figures)
        return figures

    def prepare(self, generation: Generation[str]) -> Prepared:
        """Turns a conversation into tokens and a format into a grammar; long ones take a while.

        Raises ModelUnavailable, PromptTooLong, PromptEmpty, GenerationFailed (the template takes no such
        conversation), and FormatRefused.
        """
        with self._borrowed() as runner:
            if generation.text is not None:
                tokens = runner.tokens_of_text(generation.text)
            else:
                tokens = runner.tokens_of(generation.messages, generation.tools, generation.tool_use)
            if not tokens:
                raise PromptEmpty
            room = runner.context_tokens - len(tokens)
            if room < 1:
                raise PromptTooLong(tokens=len(tokens), limit=runner.context_tokens - 1)
            grammar = grammar_of(generation, runner.notation, runner.compile)
            return Prepared(tokens, grammar, most=min(generation.max_tokens, room), notation=runner.notation)

    def prepare_embedding(self, text: str) -> list[int]:
        """The tokens of a text for an embedding model. Raises ModelUnavailable, PromptTooLong and
        PromptEmpty."""
        with self._borrowed() as runner:
            tokens = runner.tokens_of_text(text)
            if not tokens:
                raise PromptEmpty
            limit = min(runner.context_tokens, runner.step_tokens)
            if len(tokens) > limit:
                raise PromptTooLong(tokens=len(tokens), limit=limit)
            return tokens

    def submit(
        self,
        generation: Generation[str],
        prepared: Prepared,
        deliver: Callable[[Event], None],
        *,
        choice: int = 0,
    ) -> Job:
        """Puts a job into the waiting line. Raises ModelUnavailable or QueueFull, at once."""
        speaker = Speaker(
            deliver,
            sampling=generation.sampling,
            grammar=prepared.grammar,
            transcript=Transcript(generation.stop),
            choice=choice,
            logprobs=generation.logprobs,
        )
        job = Job(
            list(prepared.tokens),
            most=prepared.most,
            caller=generation.caller,
            speaker=speaker,
            scope=generation.caller if self.options.prefix_scope == "user" else "",
            is_batch=generation.priority == "batch",
        )
        return self._put(job, patience=generation.deadline_seconds)

    def submit_embedding(self, tokens: list[int], deliver: Callable[[Event], None], *, caller: str) -> Job:
        """Asks for the vector of a text. Raises ModelUnavailable or QueueFull, at once."""
        return self._put(Job(tokens, most=0, caller=caller, speaker=Speaker(deliver)), patience=None)

    def cancel(self, job: Job) -> None:
        """The caller left. A waiting job is gone at once, a running one before the next step."""
        job.is_cancelled = True
        with self._changed:
            if self._line.remove(lambda waiting: waiting is job and not waiting.speaker.has_begun):
                self._figures.cancelled += 1
            self._changed.notify()

    def close(self, *, drain_seconds: float | None = None) -> None:
        """Lets the jobs in progress end within `drain_seconds` (the options', where None), tells those who
        wait at once, and frees the model."""
        patience = self.options.drain_seconds if drain_seconds is None else drain_seconds
        with self._changed:
            self._is_closing = True
            self._stop_by = self._clock() + patience
            self._changed.notify_all()
        self._tell_waiting(ModelUnavailable(STOPPING))
        if self._thread.is_alive():
            self._thread.join(patience + 10)

    def _put(self, job: Job, *, patience: float | None) -> Job:
        now = self._clock()
        with self._changed:
            if self._is_closing:
                raise ModelUnavailable(STOPPING)
            if self._runner is None:
                raise ModelUnavailable(self._status.reason or LOADING)
            if not self._line.has_room(len(job.tokens)):
                self._figures.refused += 1
                raise QueueFull(retry_after_seconds=self._wait_seconds())
            job.queued_at = now
            job.finish_by = now + min(
                self.options.timeout_seconds, math.inf if patience is None else patience
            )
            job.start_by = min(now + self.options.queue_seconds, job.finish_by)
            self._line.put(job)
            self._changed.notify()
        return job

    def _wait_seconds(self) -> int:
        """Until everybody who waits now will have been answered, at the speed measured so far."""
        seconds = self._serving.seconds_of_line() if self._serving else 1.0
        return min(max(1, math.ceil(seconds)), math.ceil(self.options.queue_seconds) or 1)

    @contextmanager
    def _borrowed(self) -> Iterator[Runner]:
        """The runner, which is not closed meanwhile."""
        with self._changed:
            if self._runner is None or self._is_closing:
                raise ModelUnavailable(STOPPING if self._is_closing else self._status.reason or LOADING)
            runner = self._runner
            self._borrowers += 1
        try:
            yield runner
        finally:
            with self._changed:
                self._borrowers -= 1
                self._changed.notify_all()

    # -- the thread --

    def _run(self) -> None:
        failures = 0
        while (runner := self._loaded()) is not None:
            began = self._clock()
            reason = self._serve(runner)
            if reason is None:
                break
            failures = 1 if self._clock() - began > LONG_SECONDS else failures + 1
            if failures >= len(RELOAD_SECONDS):
                self._down(reason)
                return
            self._figures.reloads += 1
            self._status = Status("loading", RELOADING)
            if self._is_closed_within(RELOAD_SECONDS[failures]):
                break
        if self._is_closing:
            self._down(STOPPING)

    def _loaded(self) -> Runner | None:
        """The model, or None with the reason in the status."""
        try:
            return self._load()
        except ModelBroken as broken:
            self._down(broken.reason)
        except Exception:
            logger.exception("model not loaded")
            self._down("The model could not be loaded; the log says where it failed.")
        return None

    def _serve(self, runner: Runner) -> str | None:
        """Answers until the service ends (None) or the model breaks (the reason)."""
        serving = Serving(
            runner,
            self._line,
            self.options,
            lock=self._changed,
            figures=self._figures,
            clock=self._clock,
        )
        reason = None
        try:
            serving.warm_up()
            with self._changed:
                self._runner, self._serving = runner, serving
            self._status = Status("ready")
            while self._has_work(serving):
                serving.arrange()
                serving.step()
            serving.keep_prefixes()
        except ModelBroken as broken:
            logger.exception("model broken")
            reason = broken.reason
        except Exception:  # whatever ends this thread must show: behind a dead one, callers wait for ever
            logger.exception("engine stopped")
            reason = FAULT
        self._discard(runner, serving, ModelUnavailable(reason or STOPPING))
        return reason

    def _has_work(self, serving: Serving) -> bool:
        """Waits for some; False at the end of the service."""
        with self._changed:
            while True:
                if self._is_closing and (not serving.is_busy or self._clock() >= self._stop_by):
                    return False
                if serving.is_busy or len(self._line):
                    return True
                self._changed.wait(1.0)

    def _is_closed_within(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._is_closing, seconds)

    def _discard(self, runner: Runner, serving: Serving, error: InferenceError) -> None:
        """Fails what had begun, waits for threads that are reading the model, and frees it."""
        with self._changed:
            self._runner = self._serving = None
            begun = self._line.remove(lambda job: job.speaker.has_begun)
            self._changed.wait_for(lambda: not self._borrowers)
        serving.fail_all(error, begun)
        runner.close()

    def _down(self, reason: str) -> None:
        if reason != STOPPING:
            logger.error("model down: %s", reason)
        with self._changed:
            self._runner = None
            self._status = Status("down", reason)
        self._tell_waiting(ModelUnavailable(reason))

    def _tell_waiting(self, error: InferenceError) -> None:
        with self._changed:
            gone = self._line.remove(lambda job: not job.speaker.has_begun)
        tell(gone, error)


def tell(jobs: Sequence[Job], error: Exception) -> None:
    """Ends these jobs with an error."""
    for job in jobs:
        with suppress(Gone):
            job.speaker.tell(error)
        job.speaker.close()
