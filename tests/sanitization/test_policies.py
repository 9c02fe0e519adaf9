import pytest

from sanitization.controls import ControlFilter
from sanitization.markup import MarkupFilter
from sanitization.policies import CustomRule, Policy
from sanitization.spans import Action


def test_values_are_masked_and_bytes_and_markup_cleaned_by_default():
    policy = Policy()
    assert policy.action("prompt", "email") is Action.MASK
    assert policy.action("answer", "anything_new") is Action.MASK
    for rule in ControlFilter().rules | MarkupFilter().rules:
        assert policy.action("answer", rule) is Action.REMOVE


def test_a_policy_can_differ_by_direction():
    policy = Policy(prompt={"email": Action.BLOCK}, answer={"email": Action.FLAG})
    assert policy.action("prompt", "email") is Action.BLOCK
    assert policy.action("answer", "email") is Action.FLAG


def test_the_later_list_wins():
    policy = Policy.build(off="abcde", flag="bcde", mask="cde", hash="de", block="e")
    actions = [policy.action("prompt", rule) for rule in "abcde"]
    assert actions == [Action.OFF, Action.FLAG, Action.MASK, Action.HASH, Action.BLOCK]


def test_the_revision_follows_from_the_content_alone():
    assert Policy.build(off=["a", "b"]).revision == Policy.build(slug="x", off=["b", "a"]).revision
    revisions = {
        policy.revision
        for policy in (
            Policy(),
            Policy.build(off=["email"]),
            Policy.build(flag=["email"]),
            Policy(html="html"),
            Policy(restore=False),
            Policy(prompt={"email": Action.OFF}),
            Policy(answer={"email": Action.OFF}),
        )
    }
    assert len(revisions) == 7


def test_an_unknown_way_of_showing_answers_is_refused():
    with pytest.raises(ValueError, match="markdown"):
        Policy(html="bbcode")


def test_nobody_changes_a_policy_from_outside():
    actions = {"email": Action.OFF}
    policy = Policy(prompt=actions)
    actions["email"] = Action.BLOCK
    assert policy.action("prompt", "email") is Action.OFF
    with pytest.raises(TypeError):
        policy.prompt["email"] = Action.BLOCK


def test_actions_are_ordered_by_strength():
    names = [action.value for action in sorted(Action, key=lambda action: action.strength)]
    assert names == ["off", "flag", "mask", "hash", "remove", "block"]


def test_a_custom_rule_that_does_not_exist_cannot_be_named():
    with pytest.raises(ValueError, match="custom_bird"):
        Policy(prompt={"custom_bird": Action.BLOCK})
    bird = CustomRule("bird", "word", "bluebird")
    with pytest.raises(ValueError, match="same id"):
        Policy(custom=(bird, bird))
