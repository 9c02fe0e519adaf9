"""Everything that answers a prompt, put together once for a process (`prompts.composition`)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from accounts.limits.reservations import Limits
from inference.backends import Backend
from prompts.asks import Ask
from prompts.caching.answers import AnswerCache
from prompts.caching.flights import Flights
from prompts.caching.replies import Replies
from prompts.conversations import Conversations
from prompts.journal import Journal
from prompts.outcomes import Conclusion
from prompts.pace import Pace
from sanitization.chain import Chain, Sanitized
from sanitization.policies import Policy


@dataclass(frozen=True, slots=True)
class House:
    """What the pipeline uses. `shares_answers` says whether kept answers are for all users, or each for its
    own; `keeps_for` are the policies under which all answers are kept, whatever their samplers."""

    chain: Chain
    policy_of: Callable[[Ask], Awaitable[Policy]]
    backend: Backend[Sanitized]
    journal: Journal
    cache: AnswerCache
    flights: Flights = field(default_factory=Flights)
    pace: Pace = field(default_factory=Pace)
    shares_answers: bool = False
    keeps_for: frozenset[str] = frozenset()
    replies: Replies | None = None
    conversations: Conversations | None = None
    limits: Limits | None = None
    listener: Callable[[Conclusion], None] | None = None  # hears how each prompt ended, and does not raise
