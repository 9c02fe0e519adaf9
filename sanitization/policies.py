"""
A policy: what is done about each rule's findings. It knows nothing of how they are found.

`sanitization.documents` reads one from JSON and says what is wrong with it; what is made here by code is only
checked for what would make no sense at all.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from sanitization.rules import default_action
from sanitization.spans import Action, Direction

HtmlMode = Literal["markdown", "html", "off"]
HTML_MODES: tuple[HtmlMode, ...] = get_args(HtmlMode)
Reach = Literal["any", "listed"]
REACHES: tuple[Reach, ...] = get_args(Reach)
LinkReach = Literal["any", "plain", "listed"]
LINK_REACHES: tuple[LinkReach, ...] = get_args(LinkReach)
CustomKind = Literal["word", "phrase", "pattern"]
CUSTOM_KINDS: tuple[CustomKind, ...] = get_args(CustomKind)
CustomDirection = Literal["prompt", "answer", "both"]
CUSTOM_DIRECTIONS: tuple[CustomDirection, ...] = get_args(CustomDirection)

EVERY_RULE = "*"
CUSTOM_PREFIX = "custom_"
# The least score of a finding, unless a policy sets another for its rule: what is rather so than not.
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class CustomRule:
    """What an operator wants found: a word, a phrase or an RE2 pattern. Its rule id is `custom_<id>`.

    `sanitization.custom` says what the text may be, and finds it.
    """

    id: str
    kind: CustomKind
    text: str
    action: Action = Action.MASK
    direction: CustomDirection = "both"
    ignore_case: bool = True

    @property
    def rule(self) -> str:
        return f"{CUSTOM_PREFIX}{self.id}"

    def as_document(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind,
            "text": self.text,
            "action": self.action.value,
            "direction": self.direction,
            "ignore_case": self.ignore_case,
        }


@dataclass(frozen=True)
class Policy:
    """Two policies with the same content have the same `revision`, so it may stand in cache keys.

    prompt, answer   rule to action, for the rules that are not treated by their own default
    thresholds       rule to the least score (0 to 1) that makes a span a finding; THRESHOLD for the others
    allow            rule, or `*` for all, to values that are never findings. They are compared folded and
                     without case; one that begins or ends with `*` matches any value that ends or begins so
    custom           the operator's own rules
    html             how answers are shown, so how their markup is cleaned
    restore          whether callers get their own values back; not those of the rules in `unrestored`
    origins          where links and images of an answer may point: `https://example.org`,
                     `https://*.example.org`. `images` that are not listed become links; `links` that
                     are not listed lose their query (`plain`) or their address (`listed`). `any` asks nothing
    tools            tool to the arguments in which values may be restored
    system_prompt    the operator's own, which answers must not repeat
    """

    slug: str = "default"
    prompt: Mapping[str, Action] = field(default_factory=dict)
    answer: Mapping[str, Action] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    allow: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    custom: tuple[CustomRule, ...] = ()
    html: HtmlMode = "markdown"
    restore: bool = True
    unrestored: frozenset[str] = frozenset()
    origins: tuple[str, ...] = ()
    links: LinkReach = "plain"
    images: Reach = "listed"
    tools: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    system_prompt: str = field(default="", repr=False)
    revision: str = field(init=False)

    def __post_init__(self) -> None:
        if self.html not in HTML_MODES:
            raise ValueError(f"html must be one of {', '.join(HTML_MODES)}")
        for name in ("prompt", "answer", "thresholds", "allow", "tools"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        own = {one.rule: one for one in self.custom}
        if len(own) < len(self.custom):
            raise ValueError("two custom rules have the same id")
        named = {*self.prompt, *self.answer, *self.thresholds, *self.allow, *self.unrestored}
        if strange := sorted(rule for rule in named - own.keys() if rule.startswith(CUSTOM_PREFIX)):
            raise ValueError(f"no custom rule of this policy is called {', '.join(strange)}")
        object.__setattr__(self, "_custom", own)
        content = json.dumps(self.as_document(), sort_keys=True).encode()
        object.__setattr__(self, "revision", hashlib.sha256(content).hexdigest()[:16])

    @classmethod
    def build(
        cls,
        *,
        slug: str = "default",
        off: Iterable[str] = (),
        flag: Iterable[str] = (),
        mask: Iterable[str] = (),
        hash: Iterable[str] = (),
        block: Iterable[str] = (),
        html: HtmlMode = "markdown",
        restore: bool = True,
    ) -> "Policy":
        """One policy for both directions from lists of rule names; a later list wins over an earlier."""
        actions = dict.fromkeys(off, Action.OFF)
        actions |= dict.fromkeys(flag, Action.FLAG)
        actions |= dict.fromkeys(mask, Action.MASK)
        actions |= dict.fromkeys(hash, Action.HASH)
        actions |= dict.fromkeys(block, Action.BLOCK)
        return cls(slug=slug, prompt=actions, answer=actions, html=html, restore=restore)

    def action(self, direction: Direction, rule: str) -> Action:
        """What is done about this rule's findings: as listed, else as the rule itself says."""
        listed = (self.prompt if direction == "prompt" else self.answer).get(rule)
        if listed is not None:
            return listed
        own: CustomRule | None = self._custom.get(rule)  # type: ignore[attr-defined]
        if own is None:
            return default_action(direction, rule)
        return own.action if own.direction in (direction, "both") else Action.OFF

    def threshold(self, rule: str) -> float:
        return self.thresholds.get(rule, THRESHOLD)

    def as_document(self) -> dict[str, Any]:
        """The content as JSON, without the slug; `documents.read` makes the same policy of it."""
        return {
            "prompt": {rule: action.value for rule, action in self.prompt.items()},
            "answer": {rule: action.value for rule, action in self.answer.items()},
            "thresholds": dict(self.thresholds),
            "allow": {rule: list(values) for rule, values in self.allow.items()},
            "custom": [one.as_document() for one in self.custom],
            "html": self.html,
            "restore": self.restore,
            "unrestored": sorted(self.unrestored),
            "origins": list(self.origins),
            "links": self.links,
            "images": self.images,
            "tools": {tool: list(arguments) for tool, arguments in self.tools.items()},
            "system_prompt": self.system_prompt,
        }
