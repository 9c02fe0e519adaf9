"""
What a policy would have done to the newest prompts in the book: counts, never text.

The book holds sanitized text. What was masked then is judged by its finding: the policy says what it would do
about that rule at that score (its allow-lists cannot be asked: the value is gone). What was let through then
is screened again, which shows what the policy would find in addition.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from prompts.journal import Outcome
from prompts.models import Prompt
from sanitization.chain import Chain
from sanitization.errors import ScreeningFailed
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.spans import Action, Direction

MAX_ROWS = 10_000
DEFAULT_ROWS = 1_000
MAX_SECONDS = 10.0
_ALTERING = {Action.MASK, Action.HASH, Action.REMOVE}


@dataclass
class Counts:
    """Of the rows that were looked at. A row counts as `blocked`, else as `changed`, else as `flagged`.

    `blocked_then` is how many the policies of their time refused or cut off. `failed` could not be screened.
    `by_rule` has, for each rule, the findings by action, the rows they are in, and how many are `new`.
    `complete` is False where the time ran out first.
    """

    rows: int = 0
    blocked: int = 0
    changed: int = 0
    flagged: int = 0
    failed: int = 0
    blocked_then: int = 0
    complete: bool = True
    by_rule: dict[str, Counter[str]] = field(default_factory=dict)

    @property
    def rule_counts(self) -> list[dict[str, str | int]]:
        """For each rule its counts by action, `rows` and `new`, sorted by rule."""
        names = ["rows", "new", *(action.value for action in Action)]
        return [
            {"rule": rule, **{name: counter[name] for name in names}}
            for rule, counter in sorted(self.by_rule.items())
        ]

    def add(self, row: Prompt, found: list[tuple[str, Action, bool]]) -> None:
        """One row; rule, action and whether it is new, of each finding."""
        for rule, action, new in found:
            counter = self.by_rule.setdefault(rule, Counter())
            counter[action.value] += 1
            counter["new"] += new
        for rule in {rule for rule, action, _ in found if action is not Action.OFF}:
            self.by_rule[rule]["rows"] += 1
        actions = {action for _, action, _ in found}
        if Action.BLOCK in actions:
            self.blocked += 1
        elif actions & _ALTERING:
            self.changed += 1
        elif Action.FLAG in actions:
            self.flagged += 1


def dry_run(
    policy: Policy, chain: Chain, *, rows: int = DEFAULT_ROWS, seconds: float = MAX_SECONDS
) -> Counts:
    """Looks at the newest rows that have text, at most so many, for at most so long."""
    counts = Counts()
    until = time.monotonic() + seconds
    for row in Prompt.objects.filter(erased_at=None).order_by("-id")[:rows].iterator(chunk_size=100):
        if time.monotonic() > until:
            counts.complete = False
            break
        counts.rows += 1
        counts.blocked_then += row.outcome in (Outcome.BLOCKED, Outcome.TRUNCATED)
        try:
            found = [*_judged(policy, row.findings), *_screened(policy, chain, row)]
        except ScreeningFailed:
            counts.failed += 1
            continue
        counts.add(row, found)
    return counts


def _judged(policy: Policy, findings: list[Mapping[str, Any]]) -> Iterator[tuple[str, Action, bool]]:
    """What this policy would do about what was found then."""
    for finding in findings:
        direction: Direction = "prompt" if finding["direction"] == "prompt" else "answer"
        sure = finding.get("score", 1.0) >= policy.threshold(finding["rule"])
        action = policy.action(direction, finding["rule"]) if sure else Action.OFF
        yield finding["rule"], action, False


def _screened(policy: Policy, chain: Chain, row: Prompt) -> Iterator[tuple[str, Action, bool]]:
    """What this policy finds in what was let through then, and was not reported. Raises ScreeningFailed."""
    reported = {(one["part"], one["output_start"], one["output_end"], one["rule"]) for one in row.findings}
    prompt = chain.screen_prompt(row.texts, policy)
    found = [*prompt.findings]
    for part, answer in row.answers.items():
        stream = chain.open_answer(policy, Placeholders([answer]), part=part)
        stream.whole(answer)
        found += stream.findings
    for finding in found:
        if (finding.part, finding.start, finding.end, finding.rule) not in reported:
            yield finding.rule, finding.action, True
