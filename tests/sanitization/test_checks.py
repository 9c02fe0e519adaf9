import pytest
from django.core.checks import run_checks
from django.test import override_settings

from sanitization.checks import check_filters, check_policy


def ids(messages):
    return [message.id for message in messages]


def test_the_settings_as_they_come_are_fine():
    assert check_filters() == check_policy() == []


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"SANITIZATION_FILTERS": ["no.such.Filter"]}, ["sanitization.E001"]),
        ({"SANITIZATION_FILTERS": ["sanitization.patterns.DetectorScan"]}, ["sanitization.E001"]),
        ({"SANITIZATION_FILTERS": []}, ["sanitization.E001"]),
        ({"POLICY_OFF": ("email", "e-mail")}, ["sanitization.E002"]),
        ({"POLICY_FLAG": ("nothing",), "POLICY_BLOCK": ("nobody",)}, ["sanitization.E002"] * 2),
        ({"POLICY_HTML": "bbcode"}, ["sanitization.E003"]),
        ({"POLICY_OFF": ("email",), "POLICY_BLOCK": ("email",)}, ["sanitization.E004"]),
        ({"POLICY_HASH": ("email",), "POLICY_MASK": ("email",)}, ["sanitization.E004"]),
        ({"POLICY_OFF": ("markup",), "POLICY_BLOCK": ("control_bytes", "credit_card")}, []),
    ],
)
def test_a_mistake_in_the_settings_is_named(settings, expected):
    with override_settings(**settings):
        messages = run_checks(tags=["sanitization"])
        assert ids(messages) == expected
        assert all(message.hint for message in messages)


def test_the_hint_for_an_unknown_rule_lists_the_rules():
    with override_settings(POLICY_OFF=("e_mail",)):
        [message] = check_policy()
    assert "e_mail" in message.msg
    assert " email," in message.hint
    assert "markup" in message.hint
