"""
How good the detectors are on labelled texts: precision and recall for each rule.

A line is `{"text": …, "spans": [[start, end, NAME], …]}`, positions in code points. NAME is a rule or one of
its aliases (`EMAIL_ADDRESS`); a value of any other name counts as found whatever rule found it. Instead of
`text` a line may have `text_base64`, so that scanners of repositories leave made-up secrets alone, and
instead of names in the spans an `entity` or `rule` for all of them. A line with `label` 0 has no values; one
with null for spans and a number `n` has so many of them, nobody says where.

A value counts as found when one finding covers all of it, whatever else that covers. A finding that touches
no labelled span is false.
"""

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sanitization.chain import Chain
from sanitization.policies import Policy
from sanitization.rules import RULES
from sanitization.spans import Finding


class UnreadableLabels(ValueError):
    """A line that is none of the forms above."""


@dataclass(slots=True)
class Score:
    """Of one name: how many labelled values were found, how many not, and how many findings are false."""

    found: int = 0
    missed: int = 0
    false: int = 0

    @property
    def recall(self) -> float | None:
        return self.found / (self.found + self.missed) if self.found + self.missed else None

    @property
    def precision(self) -> float | None:
        return self.found / (self.found + self.false) if self.found + self.false else None

    @property
    def f1(self) -> float | None:
        if not self.recall or not self.precision:
            return None
        return 2 * self.recall * self.precision / (self.recall + self.precision)

    def as_dict(self) -> dict[str, int | float | None]:
        return {
            "found": self.found,
            "missed": self.missed,
            "false": self.false,
            "recall": self.recall,
            "precision": self.precision,
            "f1": self.f1,
        }


@dataclass(frozen=True, slots=True)
class Labelled:
    """One text and where its values are, by the name they were given."""

    line: int
    text: str = field(repr=False)
    spans: tuple[tuple[int, int, str], ...] = ()
    anywhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Miss:
    """A value that was not found, or a finding that is none."""

    line: int
    name: str
    start: int
    end: int
    kind: str


@dataclass(slots=True)
class Report:
    """`texts` counts all lines, `unknown` the labels that no rule is for."""

    texts: int = 0
    scores: dict[str, Score] = field(default_factory=lambda: defaultdict(Score))
    unknown: Counter[str] = field(default_factory=Counter)
    misses: list[Miss] = field(default_factory=list)


def read(lines: Iterable[bytes]) -> Iterator[Labelled]:
    """Raises UnreadableLabels with the number of the line."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _labelled(number, json.loads(line))
        except (KeyError, TypeError, ValueError, RecursionError):
            raise UnreadableLabels(f"Line {number} is no labelled text.") from None


def _labelled(number: int, record: Mapping[str, Any]) -> Labelled:
    text = record["text"] if "text" in record else base64.b64decode(record["text_base64"]).decode()
    whole = str(record.get("entity") or record.get("rule") or "")
    positive = record.get("label", 1) in (1, "1", True)
    spans = record.get("spans", ()) if positive else ()
    anywhere = (whole,) * int(record["n"]) if spans is None else ()
    named = tuple(
        (int(span[0]), int(span[1]), str(span[2]) if len(span) > 2 else whole) for span in spans or ()
    )
    if not isinstance(text, str) or not all((*anywhere, *(name for _, _, name in named))):
        raise ValueError
    return Labelled(number, text, named, anywhere)


def evaluate(texts: Iterable[Labelled], chain: Chain, policy: Policy) -> Report:
    """Goes over all texts, as prompts. Raises ScreeningFailed."""
    rules_of = _names(chain.rules)
    report = Report()
    for one in texts:
        report.texts += 1
        findings = chain.screen_prompt({"/text": one.text}, policy).findings
        for start, end, name in one.spans:
            wanted = rules_of.get(name.lower())
            if wanted is None:
                report.unknown[name] += 1
            hit = any(f.start <= start and f.end >= end for f in findings if _counts(f, wanted))
            score = report.scores[name]
            score.found += hit
            score.missed += not hit
            if not hit:
                report.misses.append(Miss(one.line, name, start, end, "missed"))
        if one.anywhere:
            _count_anywhere(one, findings, rules_of, report)
        else:
            _count_false(one, findings, rules_of, report)
    return report


def _count_anywhere(
    one: Labelled, findings: Iterable[Finding], rules_of: Mapping[str, frozenset[str]], report: Report
) -> None:
    name, values = one.anywhere[0], len(one.anywhere)
    wanted = rules_of.get(name.lower())
    if wanted is None:
        report.unknown[name] += values
    hits = min(values, sum(_counts(finding, wanted) for finding in findings))
    report.scores[name].found += hits
    report.scores[name].missed += values - hits
    if hits < values:
        report.misses.append(Miss(one.line, name, 0, len(one.text), "missed"))


def _counts(finding: Finding, wanted: frozenset[str] | None) -> bool:
    return wanted is None or finding.rule in wanted


def _count_false(
    one: Labelled, findings: Iterable[Finding], rules_of: Mapping[str, frozenset[str]], report: Report
) -> None:
    labelled_names = {name for _, _, name in one.spans}
    for finding in findings:
        if any(finding.start < end and start < finding.end for start, end, _ in one.spans):
            continue
        names = [name for name in labelled_names if finding.rule in rules_of.get(name.lower(), ())]
        name = names[0] if names else _label(finding.rule)
        report.scores[name].false += 1
        report.misses.append(Miss(one.line, name, finding.start, finding.end, "false"))


def _label(rule: str) -> str:
    known = RULES.get(rule)
    return known.aliases[0] if known and known.aliases else rule


def _names(rules: Iterable[str]) -> dict[str, frozenset[str]]:
    """Every name in lower case, with the rules that it stands for."""
    names: dict[str, set[str]] = defaultdict(set)
    for rule in rules:
        for name in (rule, *(RULES[rule].aliases if rule in RULES else ())):
            names[name.lower()].add(rule)
    return {name: frozenset(owners) for name, owners in names.items()}
