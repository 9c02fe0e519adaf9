"""
Answers to requests that carry an Idempotency-Key, for whoever did not get the first one and asks again.

What is kept is the sanitized answer, whatever its samplers, under keyed hashes of the caller's key and of the
body: neither is kept itself. The second request is screened as the first was, which makes the same
placeholders of its own values, and those are put back into its own copy. Where it comes out otherwise (other
detectors, a conversation that was forgotten), the kept answer is not its answer. Another version of the
policy has other replies.
"""

import hashlib
import hmac
import json
import logging
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from inference.backends import ModelCard
from prompts.asks import Ask, Idempotency
from prompts.caching.answers import CachedAnswer, read_answer
from prompts.caching.stores import Store, StoreAway
from prompts.errors import IdempotencyKeyReused, RequestRefused
from sanitization.chain import Screened

logger = logging.getLogger("prompts.caching")

MAX_KEY_CHARS = 255
LAYOUT = 1  # of the stored JSON; another one is not read


@dataclass(frozen=True, slots=True)
class Reply:
    """`body` is the mark of the request's, `sent` of what it became when it was screened. `id` is the row of
    the request that was answered first, `cut` the numbers of the choices that the policy cut off."""

    body: str
    sent: str
    id: UUID
    card: ModelCard
    answer: CachedAnswer
    cut: tuple[int, ...] = ()


class Replies:
    """Neither `find` nor `put` fails where the store is away; `works` says that it is."""

    def __init__(self, store: Store, *, keep_seconds: int, max_bytes: int) -> None:
        self._store = store
        self._keep_seconds = keep_seconds
        self._max_bytes = max_bytes

    @property
    def works(self) -> bool:
        return self._store.works

    async def find(self, name: str, body: str) -> Reply | None:
        """Raises IdempotencyKeyReused where it is another body's."""
        try:
            raw = await self._store.get(f"replies:{name}")
            reply = None if raw is None else _read(json.loads(raw))
        except StoreAway:
            return None
        except (ValueError, TypeError, LookupError) as error:
            logger.warning("reply damaged", extra={"kind": type(error).__name__})
            return None
        if reply is not None:
            must_be(body, reply.body)
        return reply

    async def put(self, name: str, reply: Reply) -> None:
        fields = {"layout": LAYOUT, **asdict(reply), "id": reply.id.hex}
        content = json.dumps(fields).encode()
        try:
            if len(content) <= self._max_bytes:
                await self._store.put(f"replies:{name}", content, self._keep_seconds)
        except StoreAway:
            logger.warning("reply not kept")


def name_of(ask: Ask, policy: str) -> str:
    """What the reply to this is kept under. The key is one user's, by whichever credential he comes."""
    assert ask.idempotency is not None
    return f"{ask.user_id.hex}:{policy}:{ask.idempotency.key}"


def must_be(body: str, kept: str) -> None:
    """Raises IdempotencyKeyReused."""
    if not hmac.compare_digest(body, kept):
        raise IdempotencyKeyReused


def mark_of(screened: Screened, chain_version: str, ask: Ask) -> str:
    """The same for two requests whose answers fit each other. The placeholders of a conversation keep their
    meaning from one prompt to the next, and grow."""
    state = "" if ask.conversation_id else screened.placeholders.state
    content = json.dumps([chain_version, [*screened.texts.items()], state])
    return hashlib.sha256(content.encode()).hexdigest()


def idempotency_of(key: str, path: str, body: bytes, *, secret: bytes) -> Idempotency:
    """Raises RequestRefused for what is no key."""
    if not 1 <= len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        sentence = f"`Idempotency-Key` must have 1 to {MAX_KEY_CHARS} printable ASCII characters."
        raise RequestRefused(sentence, param="Idempotency-Key")

    def mark(*parts: bytes) -> str:
        return hmac.new(
            secret, b"\0".join((b"llm-gateway idempotency 1", *parts)), hashlib.sha256
        ).hexdigest()

    return Idempotency(mark(b"key", key.encode()), mark(b"body", path.encode(), body))


def call_id(reply: UUID, choice: int, number: int) -> str:
    """Of a call in an answer that may be given again: the same each time."""
    return f"call_{hashlib.sha256(f'{reply}:{choice}:{number}'.encode()).hexdigest()[:24]}"


def _read(fields: dict[str, Any]) -> Reply | None:
    if fields.pop("layout") != LAYOUT:
        return None
    reply = Reply(**fields)
    return replace(
        reply,
        id=UUID(fields["id"]),
        card=ModelCard(**fields["card"]),
        answer=read_answer(fields["answer"]),
        cut=tuple(fields["cut"]),
    )
