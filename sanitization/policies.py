"""
A policy: what is done about each rule's findings. It knows nothing of how they are found.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from sanitization.spans import Action, Direction

HtmlMode = Literal["markdown", "html", "off"]
HTML_MODES: tuple[HtmlMode, ...] = get_args(HtmlMode)

# Values are masked unless a policy says otherwise. These are not values: a placeholder in their place
# would tell a reader nothing.
CLEANED = frozenset({"control_bytes", "markup"})


@dataclass(frozen=True)
class Policy:
    """`prompt` and `answer` name the rules that are not treated by default. `html` says how answers are
    shown, so how their markup is cleaned; `restore` whether callers get their own values back.

    `revision` follows from the content, so it may stand in cache keys.
    """

    slug: str = "default"
    prompt: Mapping[str, Action] = field(default_factory=dict)
    answer: Mapping[str, Action] = field(default_factory=dict)
    html: HtmlMode = "markdown"
    restore: bool = True
    revision: str = field(init=False)

    def __post_init__(self) -> None:
        if self.html not in HTML_MODES:
            raise ValueError(f"html must be one of {', '.join(HTML_MODES)}")
        for direction in ("prompt", "answer"):
            object.__setattr__(self, direction, MappingProxyType(dict(getattr(self, direction))))
        object.__setattr__(self, "revision", self._digest())

    @classmethod
    def build(
        cls,
        *,
        slug: str = "default",
        off: Iterable[str] = (),
        flag: Iterable[str] = (),
        block: Iterable[str] = (),
        html: HtmlMode = "markdown",
        restore: bool = True,
    ) -> "Policy":
        """One policy for both directions from lists of rule names; a later list wins over an earlier."""
        actions = dict.fromkeys(off, Action.OFF)
        actions |= dict.fromkeys(flag, Action.FLAG)
        actions |= dict.fromkeys(block, Action.BLOCK)
        return cls(slug=slug, prompt=actions, answer=actions, html=html, restore=restore)

    def action(self, direction: Direction, rule: str) -> Action:
        default = Action.REMOVE if rule in CLEANED else Action.MASK
        return (self.prompt if direction == "prompt" else self.answer).get(rule, default)

    def _digest(self) -> str:
        content = {
            "prompt": {rule: action.value for rule, action in self.prompt.items()},
            "answer": {rule: action.value for rule, action in self.answer.items()},
            "html": self.html,
            "restore": self.restore,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
