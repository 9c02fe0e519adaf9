"""
Where the answer comes from to a request that carries an Idempotency-Key: from the first one like it, if that
was answered, or is being answered. Whatever the samplers are, and whatever is said about the cache.

What failed, what its caller left, and what the policy refused, is nobody's reply: the next one tries anew.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

from inference.backends import ModelCard
from prompts.caching.answers import CachedAnswer
from prompts.caching.claims import Terms
from prompts.caching.flights import Flight, Plan
from prompts.caching.replies import Replies, Reply, call_id, mark_of, must_be
from prompts.calls import Call
from prompts.errors import IdempotencyKeyBusy
from prompts.generating import Generating
from prompts.sources import Source, Texts, answer_of


@dataclass(frozen=True, slots=True)
class Retried:
    """A request that may have been sent before: where its reply is kept, the mark of its body, and the reply
    that was there before it was screened."""

    replies: Replies
    name: str
    body: str
    found: Reply | None


class RetrySource(Source):
    """A `Source` that gives the same answer again."""

    def __init__(self, retried: Retried, *asked: Any) -> None:
        super().__init__(*asked)
        self._retried = retried

    def make_ready(self) -> None:
        """Nothing: it may be somebody else's answer."""

    async def texts(self) -> Texts:
        """The same, and raises IdempotencyKeyReused and IdempotencyKeyBusy."""
        key, cache = self._own_key, self._house.cache
        self._course.cache = "miss" if key else "off"
        plan, reply = self._reply_plan(), self._fitting(self._retried.found)
        if reply is not None:
            return self._found(reply)
        may_be_read = self._ask.cache == "use" and not self._house.flights.find(plan.key)
        if key and may_be_read and (known := await cache.get(key)) is not None:
            await self._put(known, self._course.card)
            return self._again(known, "hit")
        return self._together(plan)

    def _reply_plan(self) -> Plan[Reply]:
        body = self._retried.body
        return Plan(
            key=f"replies:{self._retried.name}",
            make=self._make_for_all,
            look=self._look,
            keep=self._keep_both,
            terms=Terms(body, partial(must_be, body), IdempotencyKeyBusy()),
            id=self._course.id,
        )

    async def _look(self) -> Reply | None:
        return self._fitting(await self._retried.replies.find(self._retried.name, self._retried.body))

    def _fitting(self, reply: Reply | None) -> Reply | None:
        """None for a reply to a request that came out otherwise when it was screened."""
        return reply if reply is not None and reply.sent == self._sent else None

    @property
    def _sent(self) -> str:
        return mark_of(self._setting.screened, self._house.chain.version, self._ask)

    async def _keep_both(self, made: Generating) -> None:
        await self._keep(made)
        cut = tuple(choice.number for choice in made.choices if choice.is_blocked)
        await self._put(answer_of(made), made.card, cut)

    async def _put(self, answer: CachedAnswer, card: ModelCard, cut: tuple[int, ...] = ()) -> None:
        reply = Reply(self._retried.body, self._sent, self._course.id, card, answer, cut)
        await self._retried.replies.put(self._retried.name, reply)

    def _joined(self, flight: Flight[Reply]) -> None:
        must_be(self._retried.body, flight.plan.terms.said)
        super()._joined(flight)
        assert flight.plan.id is not None
        self._course.id, self._course.idempotency = flight.plan.id, "replayed"

    async def _found(self, found: Reply) -> Texts:
        course = self._course
        course.id, course.card, course.idempotency = found.id, found.card, "replayed"
        for number in found.cut:
            self._choices[number].is_blocked = True
        async for choice, heard in self._again(found.answer, "hit"):
            yield choice, heard

    def _call(self, choice: int, number: int, name: str) -> Call:
        call = super()._call(choice, number, name)
        call.id = call_id(self._course.id, choice, number)
        return call
