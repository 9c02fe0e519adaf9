"""
What `backends.toml` says: plain values that do not change. A reload makes another table.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from inference.backends import ModelCard
from inference.remote.options import LOCAL, RemoteOptions


@dataclass(frozen=True, slots=True)
class Server:
    """One backend. `remote` is None for the models of this process. `max_concurrent` None: as many as come.
    `is_local`: no text leaves the operator's own machines. A `draining` one gets no new prompts.
    `probe_seconds` 0: it is not asked whether it is alive."""

    name: str
    kind: str
    remote: RemoteOptions | None = None
    max_concurrent: int | None = None
    probe_seconds: float = 10.0
    is_local: bool = False
    draining: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A model at a server, which knows it as `model`. Twice the `weight` is twice the work."""

    server: str
    model: str
    weight: float = 1.0
    revision: str = ""  # where its weights are not those of the other targets


@dataclass(frozen=True, slots=True)
class Model:
    """What callers ask for. `fallbacks` are the names of models that answer where no target can."""

    name: str
    targets: tuple[Target, ...]
    context_tokens: int
    revision: str = ""
    kind: Literal["chat", "embedding"] = "chat"
    fallbacks: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    _cards: dict[Target, ModelCard] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        named = " ".join(sorted({each.model for each in self.targets}))
        digest = hashlib.sha256(named.encode()).hexdigest()[:16]
        revisions = {each: each.revision or self.revision or digest for each in self.targets}
        cards = {
            each: ModelCard(self.name, revision, self.context_tokens, self.kind)
            for each, revision in revisions.items()
        }
        object.__setattr__(self, "_cards", cards)

    def card(self, target: Target | None = None) -> ModelCard:
        """Of the answers of a target, the first where None. Without a declared revision it is what the
        servers call the model: it changes when they are asked for another one."""
        return self._cards[target or self.targets[0]]


@dataclass(frozen=True, slots=True)
class Table:
    """`models`, the default first."""

    servers: tuple[Server, ...]
    models: tuple[Model, ...]

    @property
    def uses_local(self) -> bool:
        """Whether this process has to load models of its own."""
        return any(server.kind == LOCAL for server in self.servers)
