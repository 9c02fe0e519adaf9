"""
Who is asking, once that has been decided, and what this caller may do. Knows no HTTP and no tokens.

    Caller      a user, by a session or by a key
    permits     does a caller's key reach this far?  (a session reaches everywhere its user may go)
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from accounts.errors import MayNotAsk, ModelNotAllowed, OutOfScope
from accounts.limits.quotas import Bound

if TYPE_CHECKING:
    from accounts.models import User


class Scope(StrEnum):
    """What a key may be used for. Everything else takes a session."""

    PROMPT = "prompt"
    MODELS = "models"
    READ = "read"


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What an API key allows. No `models` means every model."""

    id: UUID
    scopes: frozenset[str]
    models: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Caller:
    """A user who has been let in, by `session_id` or by `key`. `user` is as of a few seconds ago at most.
    `bounds` are the limits that he is held to: as a user, then those of the key."""

    user_id: UUID
    may_ask: bool
    session_id: UUID | None = None
    key: KeyFacts | None = None
    bounds: tuple[Bound, ...] = ()
    user: "User" = field(repr=False, compare=False, kw_only=True)

    @property
    def pk(self) -> UUID:
        """The user's id."""
        return self.user_id

    @property
    def key_id(self) -> UUID | None:
        return self.key.id if self.key else None

    def permits(self, scope: Scope | str | None) -> None:
        """Raises OutOfScope where a key does not reach; None is what no key reaches. Raises MayNotAsk where
        the user may not ask the model."""
        if self.key is not None and (scope is None or scope not in self.key.scopes):
            raise OutOfScope(scope or "")
        if scope == Scope.PROMPT and not self.may_ask:
            raise MayNotAsk

    def permits_model(self, name: str) -> None:
        """Raises ModelNotAllowed for a model that the key's list does not name."""
        if self.key is not None and self.key.models and name not in self.key.models:
            raise ModelNotAllowed(tuple(sorted(self.key.models)))

    def sees_model(self, name: str) -> bool:
        """Whether a list of models shows this one to the caller."""
        return self.key is None or not self.key.models or name in self.key.models
