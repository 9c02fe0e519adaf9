import pytest

from sanitization.policies import Policy
from sanitization.spans import Action
from tests.sanitization.samples import CHAIN, screen


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("a\x1b]0;title\x07b", "ab"),
        ("a\x1b]8;;https://x.example\x1b\\link\x1b]8;;\x1b\\", "alink"),
        ("a\x1bPq#0\x1b\\b", "ab"),
        ("a\x9b1mb\x9d2;t\x9cc", "abc"),
        ("a\x1b(Bb\x1b7c", "abc"),
        ("a\x00b\x07c\x08d\x7fe\x85f", "abcdef"),
        ("tab\tline\r\nend\n", "tab\tline\r\nend\n"),
        ("\x1b", ""),
        ("\x1b[", "["),
        ("\x1b]unterminated", "]unterminated"),
        ("\x1b]" + "x" * 1001 + "\x07", "]" + "x" * 1001),
        ("half \ud83d pair", "half  pair"),
        ("whole \U0001f600", "whole \U0001f600"),
    ],
)
def test_what_a_terminal_would_obey_is_stripped(text, clean):
    assert screen(text)[0] == clean
    assert screen(*text)[0] == clean


def test_a_tag_that_appears_when_control_bytes_go_is_seen():
    assert screen("<\x00script>alert(1)</\x1b[0mscript>")[0] == "&lt;script>alert(1)&lt;/script>"


def test_a_value_that_appears_when_an_escape_sequence_goes_is_masked():
    assert screen("ann\x1b[1m@exam\x07ple.com")[0] == "[EMAIL_1]"


def test_control_bytes_follow_the_policy():
    assert screen("a\x07", policy=Policy.build(off=["control_bytes"]))[0] == "a\x07"
    text, [finding], _ = screen("a\x07", policy=Policy.build(flag=["control_bytes"]))
    assert (text, finding.action) == ("a\x07", Action.FLAG)


def test_a_prompt_keeps_its_control_bytes_but_cannot_hide_a_value_behind_one():
    screened = CHAIN.screen_prompt({"/prompt": "a\x1b[0m b\x07c@example.com"}, Policy())
    assert screened.texts["/prompt"] == "a\x1b[0m [EMAIL_1]"
