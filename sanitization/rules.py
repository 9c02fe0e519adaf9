"""
What rules there are, and what each does when no policy says otherwise. Knows nothing of how they are found.

A rule is declared by the module that finds it, when that module is imported. Rule ids are public vocabulary:
they stand in policies, in the journal and in placeholders.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sanitization.spans import Action, Direction


class Category(StrEnum):
    """What kind of thing a rule finds."""

    PII = "pii"
    SECRET = "secret"  # noqa: S105  # a kind of rule
    ATTACK = "attack"
    ANSWER = "answer"
    UNSCANNED = "unscanned"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Rule:
    """`prompt` and `answer` are the default actions. `aliases` are names that other tools use for the same
    thing. `version` is raised when what the rule finds changes.
    """

    id: str
    category: Category
    summary: str
    prompt: Action = Action.MASK
    answer: Action = Action.MASK
    aliases: tuple[str, ...] = ()
    version: int = 1

    @property
    def advisory(self) -> bool:
        """Off unless a policy asks for it: it guesses more than it knows."""
        return self.prompt is Action.OFF and self.answer is Action.OFF

    def default(self, direction: Direction) -> Action:
        return self.prompt if direction == "prompt" else self.answer


RULES: dict[str, Rule] = {}


def declare(*rules: Rule) -> None:
    """Adds rules. Declaring the same one again changes nothing; another one under its id is a TypeError."""
    for rule in rules:
        if RULES.setdefault(rule.id, rule) != rule:
            raise TypeError(f"two rules are called {rule.id}")


def default_action(direction: Direction, rule: str) -> Action:
    """What is done about a finding that no policy mentions. A rule that nobody declared is masked."""
    known = RULES.get(rule)
    return known.default(direction) if known else Action.MASK


def version_of(rule: str) -> int:
    known = RULES.get(rule)
    return known.version if known else 1


def is_cleaned(rule: str) -> bool:
    """Whether what this rule finds is no value but something to clean away, such as markup."""
    known = RULES.get(rule)
    return known is not None and known.category is Category.ANSWER


def catalogue(ids: Collection[str]) -> list[dict[str, object]]:
    """The rules of these ids as JSON, sorted by category and id; for operators."""
    known = sorted((RULES[id] for id in ids if id in RULES), key=lambda rule: (rule.category, rule.id))
    return [
        {
            "rule": rule.id,
            "category": rule.category.value,
            "description": rule.summary,
            "default": {"prompt": rule.prompt.value, "answer": rule.answer.value},
            "advisory": rule.advisory,
            "aliases": list(rule.aliases),
            "version": rule.version,
        }
        for rule in known
    ]
