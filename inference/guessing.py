"""
Whose next tokens are guessed before a step, and how many.

    what was said before ──► `lookup` guesses      what a step costs ──► `pace` says how many pay

A guess must not change an answer. Without flash attention several tokens at once are summed up in another
order than one, so nothing is guessed there; nor by a model that cannot forget a wrong guess.
"""

from collections.abc import Sequence

from inference.figures import Figures
from inference.jobs import Job
from inference.lookup import Lookup
from inference.pace import Pace
from inference.runner import Runner

MOST_GUESSES = 8


class Guesses:
    """Those of all answers of one model. Belongs to the engine's thread."""

    def __init__(self, runner: Runner, pace: Pace, figures: Figures, *, is_wanted: bool) -> None:
        self._runner = runner
        self._pace = pace
        self._figures = figures
        self._is_on = is_wanted and runner.can_cut and not runner.look_tokens
        self._lookups: dict[Job, Lookup] = {}

    def draft(self, running: Sequence[Job]) -> None:
        """Lets answers in progress guess, where that pays; not beside a prompt, which has better use for the
        time."""
        speaking = [job for job in running if not job.is_prefilling]
        is_time = self._is_on and len(speaking) == len(running)
        for job in speaking:
            job.draft = self._guess(job, len(speaking)) if is_time else []

    def _guess(self, job: Job, streams: int) -> list[int]:
        room = min(job.most - job.speaker.count, self._runner.context_tokens - len(job.tokens)) - 1
        most = min(MOST_GUESSES, room, self._runner.step_tokens // streams - 1)
        if most < 1 or not self._pace.guess_length(1.0, decode_tokens=streams, most=1):
            return []
        lookup = self._lookups.setdefault(job, Lookup())
        length = self._pace.guess_length(lookup.acceptance, decode_tokens=streams, most=most)
        return lookup.guess(job.tokens, length)

    def note(self, job: Job, *, guessed: int, right: int) -> None:
        """How many of the tokens that were guessed for this answer were said."""
        self._figures.guessed_tokens += guessed
        self._figures.right_guesses += right
        self._lookups[job].note(guessed=guessed, right=right)

    def forget(self, job: Job) -> None:
        """This answer has ended."""
        self._lookups.pop(job, None)
