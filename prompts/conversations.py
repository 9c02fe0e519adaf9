"""
What the prompts of one conversation share: which placeholder stands for which value, so that a value has the
same name in every turn. It is kept for a while, sealed, and only its own user can open it.

    turn ──► lock ──► open the sealed map ──► screen the prompt with it ──► seal and keep it ──► unlock
    answer's end ──► the same, to note the numbers that the answer used up

A map is encrypted and authenticated (AES-256-GCM) under a key that is derived from SECRET_KEY (HKDF, RFC
5869) for this purpose alone, with user and conversation as associated data: in another place, or for another
user, it cannot be opened. A map that is gone or cannot be opened is an empty one; numbers then begin again,
and what earlier answers called [EMAIL_1] is nothing to go by: nobody knows any more which numbers they had.

The lock is held while a prompt is screened, not while it is answered. It is a lease: of a process that died,
nothing stays locked.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from prompts.errors import ConversationBusy, ConversationsUnavailable
from sanitization.placeholders import Memory

logger = logging.getLogger("prompts.conversations")

LAYOUT = b"\x01"  # of what is sealed; another one cannot be opened
MAX_VALUES = 1000
MAX_BYTES = 256 << 10
LEASE_SECONDS = 30
WAIT_SECONDS = 2.0
POLL_SECONDS = 0.02
_NONCE = 12


class Store(Protocol):
    """The part of Django's cache that is used here."""

    async def aget(self, key: str) -> Any: ...

    async def aset(self, key: str, value: Any, timeout: float | None) -> None: ...

    async def aadd(self, key: str, value: Any, timeout: float | None) -> bool: ...

    async def adelete(self, key: str) -> bool: ...


class Seal:
    """Encrypts bytes for one place. `secret` is this service's; once it changes, nothing can be opened."""

    def __init__(self, secret: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"llm-gateway conversations 1")
        self._cipher = AESGCM(derived.derive(secret))

    def close(self, content: bytes, place: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return LAYOUT + nonce + self._cipher.encrypt(nonce, content, LAYOUT + place)

    def open(self, sealed: bytes, place: bytes) -> bytes | None:
        """The content; None if it was not sealed for this place, with this secret, or was changed."""
        if sealed[:1] != LAYOUT:
            return None
        nonce, content = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, content, LAYOUT + place)
        except (InvalidTag, ValueError):
            return None


class Turn:
    """One prompt's time alone with a conversation. What is in `memory` at the end is kept."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory


class Conversations:
    """The conversations of all users, in a store that several processes may share."""

    def __init__(self, store: Store, *, secret: bytes, keep_seconds: int) -> None:
        self._store = store
        self._seal = Seal(secret)
        self._keep_seconds = keep_seconds

    @asynccontextmanager
    async def turn(self, user_id: UUID, conversation_id: UUID) -> AsyncIterator[Turn]:
        """Raises ConversationBusy if other prompts hold the conversation too long, and
        ConversationsUnavailable if the store is away.
        """
        place = user_id.bytes + conversation_id.bytes
        name = f"{user_id}:{conversation_id}"
        async with self._alone(f"conversation-lock:{name}") as is_ours:
            sealed = await self._ask(self._store.aget, f"conversation:{name}")
            turn = Turn(self._opened(sealed, place))
            before = turn.memory
            yield turn
            if turn.memory == before:
                return
            if not await is_ours():  # it took longer than the lease, and somebody else may have begun
                raise ConversationBusy
            content = json.dumps(bounded(turn.memory).as_document()).encode()
            sealed = self._seal.close(content, place)
            await self._ask(self._store.aset, f"conversation:{name}", sealed, self._keep_seconds)

    @asynccontextmanager
    async def _alone(self, lock: str) -> AsyncIterator[Callable[[], Any]]:
        """Holds the lock; yields a call that says whether it is still held."""
        token = secrets.token_hex(16)
        deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
        while not await self._ask(self._store.aadd, lock, token, LEASE_SECONDS):
            if asyncio.get_running_loop().time() > deadline:
                raise ConversationBusy
            await asyncio.sleep(POLL_SECONDS)

        async def is_ours() -> bool:
            return bool(await self._ask(self._store.aget, lock) == token)

        try:
            yield is_ours
        finally:
            if await is_ours():
                await self._ask(self._store.adelete, lock)

    def _opened(self, sealed: Any, place: bytes) -> Memory:
        content = self._seal.open(sealed, place) if isinstance(sealed, bytes) else None
        if content is None:
            if sealed is not None:
                logger.warning("conversation cannot be opened; it begins anew")
            return Memory()
        return Memory.from_document(json.loads(content))

    @staticmethod
    async def _ask(call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return await call(*arguments)
        except Exception as error:  # noqa: BLE001  (each client library has errors of its own)
            logger.warning("conversations away", extra={"kind": type(error).__name__})
        raise ConversationsUnavailable


def bounded(memory: Memory) -> Memory:
    """Without the values that were not named for longest, where there are too many or they are too long.
    Their numbers are not given to others.
    """
    kept, size = [], 0
    for entry in reversed(memory.entries[-MAX_VALUES:]):
        size += len(json.dumps(entry))
        if size > MAX_BYTES:
            break
        kept.append(entry)
    return Memory(tuple(reversed(kept)), memory.following)
