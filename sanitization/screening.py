"""
Screens texts from a file as the gateway would: one text, or JSON lines. For the command line.

Lines go through one at a time, so a file of any length takes the memory of its longest line. A line that is
no JSON object with a text, and a text that could not be scanned, becomes a line with `error` and without
text: the others are not lost, and nothing that was not scanned gets out.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sanitization.chain import Chain
from sanitization.errors import ScreeningFailed
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.rules import RULES, Category
from sanitization.spans import Action, Direction, Finding


@dataclass(frozen=True, slots=True)
class Screening:
    """What became of one text. Where it is blocked, `text` ends before what blocks an answer, and is what a
    prompt would have been.
    """

    text: str
    findings: tuple[Finding, ...]
    blocked: bool


@dataclass(slots=True)
class Counts:
    """Of the lines that went through."""

    texts: int = 0
    findings: int = 0
    blocked: int = 0
    errors: int = 0


def with_every_rule(policy: Policy, chain: Chain) -> Policy:
    """The policy with the rules turned on that are off by default, and masking, and with the findings that
    nothing but their form speaks for. What a policy lists stays.
    """
    weak = (rule for rule in chain.rules if rule in RULES and RULES[rule].category is Category.PII)
    off = {rule for rule in chain.rules if rule in RULES and RULES[rule].advisory}
    return replace(
        policy,
        prompt=dict.fromkeys(off, Action.MASK) | dict(policy.prompt),
        answer=dict.fromkeys(off, Action.MASK) | dict(policy.answer),
        thresholds=dict.fromkeys(weak, 0.0) | dict(policy.thresholds),
    )


def screen(chain: Chain, policy: Policy, text: str, direction: Direction) -> Screening:
    """Raises ScreeningFailed."""
    if direction == "prompt":
        screened = chain.screen_prompt({"/text": text}, policy)
        return Screening(screened.texts["/text"], screened.findings, screened.blocked)
    stream = chain.open_answer(policy, Placeholders([text]), part="/text")
    sanitized = stream.whole(text)
    return Screening(sanitized, stream.findings, stream.blocked)


def screen_lines(
    lines: Iterable[bytes], chain: Chain, policy: Policy, direction: Direction, counts: Counts
) -> Iterator[str]:
    """One JSON line for each line that is not blank, in the same order."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        counts.texts += 1
        answer = _screen_line(line, number, chain, policy, direction)
        counts.errors += "error" in answer
        counts.findings += len(answer.get("findings", ()))
        counts.blocked += answer.get("blocked", False)
        yield json.dumps(answer)


def _screen_line(
    line: bytes, number: int, chain: Chain, policy: Policy, direction: Direction
) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError):
        return {"id": None, "error": f"Line {number} is not JSON in UTF-8."}
    if not isinstance(record, dict) or not isinstance(record.get("text"), str):
        known = record.get("id") if isinstance(record, dict) else None
        return {"id": known, "error": f"Line {number} is not a JSON object with a text."}
    try:
        result = screen(chain, policy, record["text"], direction)
    except ScreeningFailed:
        return {"id": record.get("id"), "error": f"The text of line {number} could not be scanned."}
    return {
        "id": record.get("id"),
        "text": result.text,
        "findings": [_brief(finding) for finding in result.findings],
        "blocked": result.blocked,
    }


def _brief(finding: Finding) -> dict[str, str | int | float]:
    entry = finding.as_dict()
    del entry["direction"], entry["part"]
    return entry
