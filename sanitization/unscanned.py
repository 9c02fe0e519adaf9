"""
What is no text, so that nobody can look into it: images and recordings in a prompt. That there was one is a
finding. It goes to the model only where the policy says `flag`; whatever else it says refuses the prompt.
"""

from sanitization.policies import Policy
from sanitization.rules import Category, Rule, declare, version_of
from sanitization.spans import Action, Finding

RULES = {
    "image": Rule(
        "unscanned_image",
        Category.UNSCANNED,
        "An image in a prompt, which nobody has looked into: only `flag` lets it pass.",
        prompt=Action.BLOCK,
        answer=Action.OFF,
    ),
    "audio": Rule(
        "unscanned_audio",
        Category.UNSCANNED,
        "A recording in a prompt, which nobody has listened to: only `flag` lets it pass.",
        prompt=Action.BLOCK,
        answer=Action.OFF,
    ),
}
declare(*RULES.values())
IDS = frozenset(rule.id for rule in RULES.values())


def finding(kind: str, part: str, policy: Policy) -> Finding:
    """Of one that stands at this pointer. Raises KeyError for a kind that nobody knows."""
    rule = RULES[kind].id
    action = Action.FLAG if policy.action("prompt", rule) is Action.FLAG else Action.BLOCK
    return Finding(rule, "prompt", part, 0, 0, 0, 0, action, 1.0, version_of(rule))
