"""
The filter chain: what every prompt and every answer goes through. `sanitization.stream` does the work; this
module puts filters, policy and placeholders together.

The chain is configured as Django's MIDDLEWARE is, by a list of dotted paths. An operator adds a filter by
writing a class (`sanitization.filters.Filter`) and naming it.
"""

import hashlib
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType

from sanitization import unscanned
from sanitization.ceiling import Ceiling
from sanitization.detectors import DETECTORS_VERSION
from sanitization.echo import with_canary
from sanitization.errors import ScreeningFailed
from sanitization.filters import Filter, Keyed, Scan
from sanitization.filters import Stage as StageName
from sanitization.fingerprints import Fingerprints
from sanitization.placeholders import Memory, Placeholders
from sanitization.policies import Policy
from sanitization.rules import version_of
from sanitization.rulings import Ruling
from sanitization.spans import Action, Direction, Finding
from sanitization.stages import NamedScan, Stage
from sanitization.stream import StreamSanitizer
from sanitization.structured import StructuredSanitizer
from sanitization.text import EMPTY, Sanitized, join

__all__ = ["EMPTY", "Chain", "Sanitized", "Screened", "StreamSanitizer"]

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Screened:
    """A prompt after the chain. `texts` has the parts that were given, sanitized also where one blocks."""

    texts: dict[str, Sanitized] = field(repr=False)
    findings: tuple[Finding, ...]
    blocked: bool
    placeholders: Placeholders

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules of all findings, each once, sorted."""
        return tuple(sorted({finding.rule for finding in self.findings}))

    @property
    def blocking_rules(self) -> tuple[str, ...]:
        """The rules for which a prompt is refused."""
        return tuple(sorted({f.rule for f in self.findings if f.action is Action.BLOCK}))


class Chain:
    """Filters in a row. Serves any number of texts at the same time.

    `version` changes when the detectors of this package or the list of filters change, so that an answer
    sanitized by other code is not taken for the same. A filter from elsewhere may have a `version` too.
    `key` makes fingerprints, hashes and canaries this service's own; without one they last as long as this
    object.
    `ceiling` makes the limit on the work for each text.
    """

    def __init__(
        self, filters: Sequence[Filter], *, key: bytes = b"", ceiling: Callable[[], Ceiling] = Ceiling
    ) -> None:
        self._key = key or secrets.token_bytes(32)
        self._filters = tuple(one.keyed(self._key) if isinstance(one, Keyed) else one for one in filters)
        self._ceiling = ceiling
        self._fingerprints = Fingerprints(self._key)
        names = [f"{_name(one)}:{getattr(one, 'version', '')}" for one in self._filters]
        rules = [f"{rule}:{version_of(rule)}" for rule in sorted(self.rules)]
        content = "\n".join([str(DETECTORS_VERSION), *names, *rules])
        self.version = hashlib.sha256(content.encode()).hexdigest()[:16]

    @classmethod
    def from_paths(cls, paths: Iterable[str], *, key: bytes = b"") -> "Chain":
        """The chain of these dotted paths; ImportError, AttributeError or TypeError if one is no filter."""
        return cls([load_filter(path) for path in paths], key=key)

    @property
    def rules(self) -> frozenset[str]:
        """Every rule that a policy may name."""
        return unscanned.IDS.union(*(one.rules for one in self._filters))

    def screen_prompt(
        self,
        parts: Mapping[str, str],
        policy: Policy,
        *,
        arguments: Collection[str] = (),
        memory: Memory | None = None,
        beside: Mapping[str, str] = NOTHING,
    ) -> Screened:
        """Sanitizes the parts of one prompt, in order; keys are JSON pointers to the fields they came from.
        The parts named in `arguments` are JSON: arguments of earlier tool calls. `memory` is of the earlier
        prompts of the conversation. `beside` are the pointers of what is no text: `image` or `audio`.

        Raises ScreeningFailed, which holds no text.
        """
        placeholders = Placeholders(parts.values(), memory=memory)
        ruling = Ruling("prompt", policy, placeholders, self._fingerprints, ends_at_block=False)
        texts: dict[str, Sanitized] = {}
        findings = [unscanned.finding(kind, part, policy) for part, kind in beside.items()]
        blocked = any(one.action is Action.BLOCK for one in findings)
        for part, text in parts.items():
            stream = self._structured(ruling, part) if part in arguments else self._open(ruling, part)
            texts[part] = stream.whole(text)
            findings += stream.findings
            blocked = blocked or stream.blocked
        return Screened(texts, tuple(findings), blocked, placeholders)

    def system_message(self, policy: Policy, own: Sanitized = EMPTY) -> Sanitized:
        """What the model is told to be: the operator's system prompt with its canary, then the caller's own.

        The operator's is configuration and not input, so it is not screened. It goes to the model and nowhere
        else.
        """
        if not policy.system_prompt.strip():
            return own
        operators = with_canary(policy.system_prompt, self._key, policy.slug)
        return join([Sanitized(f"{operators}\n\n" if own else operators), own])

    def open_answer(
        self,
        policy: Policy,
        placeholders: Placeholders,
        part: str = "/response",
        *,
        later: Placeholders | None = None,
    ) -> StreamSanitizer:
        """For one answer to the prompt that these placeholders belong to. The parts of one answer, its tool
        calls among them, share `later` (`placeholders.for_answer()`), so that they share their numbers.
        """
        return self._open(self._answer(policy, later or placeholders.for_answer()), part)

    def is_clean(self, policy: Policy, placeholders: Placeholders, text: str, start: int, end: int) -> bool:
        """Whether this text of an answer would leave as it is, and nothing is found that reaches into
        text[start:end]. False where a filter fails."""
        try:
            stream = self.open_answer(policy, placeholders)
            is_same = stream.whole(text) == text
        except ScreeningFailed:
            return False
        return is_same and all(one.end <= start or one.start >= end for one in stream.findings)

    def open_arguments(
        self,
        policy: Policy,
        placeholders: Placeholders,
        part: str,
        *,
        later: Placeholders | None = None,
    ) -> StructuredSanitizer:
        """For the arguments of one tool call in an answer: JSON, which stays JSON."""
        return self._structured(self._answer(policy, later or placeholders.for_answer()), part)

    def _answer(self, policy: Policy, later: Placeholders) -> Ruling:
        return Ruling("answer", policy, later, self._fingerprints, ends_at_block=True)

    def _structured(self, ruling: Ruling, part: str) -> StructuredSanitizer:
        ceiling = self._ceiling()  # one for all strings
        return StructuredSanitizer(lambda: self._open(ruling, part, ceiling))

    def _open(self, ruling: Ruling, part: str, ceiling: Ceiling | None = None) -> StreamSanitizer:
        scans: dict[StageName, list[NamedScan]] = {}
        for one in self._filters:
            scan = _scan(one, ruling.direction, ruling.policy)
            if scan is not None:
                scans.setdefault(one.stage, []).append(NamedScan(type(one).__name__, scan))
        ceiling = ceiling or self._ceiling()
        values = StageName.VALUES if ruling.direction == "answer" else None
        stages = [Stage(scans[name], ruling, ceiling, quotes=name is values) for name in sorted(scans)]
        return StreamSanitizer(stages, ruling, ceiling, part=part)


def load_filter(path: str) -> Filter:
    """The filter that this dotted path names."""
    module, _, name = path.rpartition(".")
    made: Filter = getattr(import_module(module), name)()
    for hook in ("rules", "stage", "open_prompt", "open_answer"):
        getattr(made, hook)
    return made


def _scan(one: Filter, direction: Direction, policy: Policy) -> Scan | None:
    try:
        return one.open_prompt(policy) if direction == "prompt" else one.open_answer(policy)
    except Exception:  # noqa: BLE001  # a filter that cannot begin has scanned nothing
        failure = ScreeningFailed(type(one).__name__)
    raise failure


def _name(one: Filter) -> str:
    return f"{type(one).__module__}.{type(one).__qualname__}"
