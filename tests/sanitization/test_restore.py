import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanitization.placeholders import Placeholders
from sanitization.restore import _CALM_EVENT, _EVENT, _MARKS, _NAME, Restorer

HOSTILE = "a`b<script>[x](y)~~~&\"'"


def placeholders():
    made = Placeholders()
    made.mint("email", "ann_smith@x.io")
    made.mint("email", "bob@x.io")
    made.mint("url_password", HOSTILE)
    made.mint("note", "[EMAIL_1]")
    return made


def restore(text, mode="markdown"):
    whole = Restorer(placeholders(), mode).restore(text)
    one_by_one = Restorer(placeholders(), mode)
    assert "".join([one_by_one.feed(char) for char in text] + [one_by_one.finish()]) == whole
    return whole


@pytest.mark.parametrize("mode", ["markdown", "html", "off"])
@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("Hi [EMAIL_1]!", "Hi ann_smith@x.io!"),
        ("[EMAIL_1][EMAIL_2]", "ann_smith@x.iobob@x.io"),
        ("[[EMAIL_1]] ([EMAIL_2])", "[ann_smith@x.io] (bob@x.io)"),
        ("[EMAIL_1]: yes", "ann_smith@x.io: yes"),
        ("- [EMAIL_1]: yes [EMAIL_2]", "- ann_smith@x.io: yes bob@x.io"),
        ("list[0]: [EMAIL_1]", "list[0]: ann_smith@x.io"),
        ("[EMAIL_1](x)", "ann_smith@x.io(x)"),
        ("mailto:[EMAIL_1]", "mailto:ann_smith@x.io"),
        ("a < b [EMAIL_1]", "a < b ann_smith@x.io"),
        ("see https://x.example/ and [EMAIL_1]", "see https://x.example/ and ann_smith@x.io"),
        ("[t](u) [EMAIL_1]", "[t](u) ann_smith@x.io"),
        ("[t](u\n\n[EMAIL_1]", "[t](u\n\nann_smith@x.io"),
        ("[x]: u\n[EMAIL_1]", "[x]: u\nann_smith@x.io"),
        ("<b>[EMAIL_1]</b>", "<b>ann_smith@x.io</b>"),
        ("[EMAIL_[EMAIL_1]", "[EMAIL_ann_smith@x.io"),
    ],
)
def test_a_placeholder_of_the_prompt_becomes_the_callers_value(mode, text, restored):
    assert restore(text, mode) == restored


@pytest.mark.parametrize("mode", ["markdown", "html", "off"])
@pytest.mark.parametrize(
    "text",
    [
        "[EMAIL_3] [email_3] EMAIL_3 [EMAIL_12]",
        "https://x.example/?q=[EMAIL_1]",
        "x//[EMAIL_1]",
        "www.x.example/[EMAIL_1]",
        "WWW.[EMAIL_1]",
        "[t](https://x.example/[EMAIL_1])",
        "![](x.example/[EMAIL_1])",
        "[t](x 'title [EMAIL_1]')",
        "[t](x(y)[EMAIL_1])",
        "[t](x\\)[EMAIL_1])",
        "[t](\r\n[EMAIL_1])",
        "[FOO](x/[EMAIL_1])",
        "[x]: /u/[EMAIL_1]",
        "  [x]:\n/u/[EMAIL_1]",
        "- [x]: /u/[EMAIL_1]",
        '<a href="[EMAIL_1]">',
        "<a\n[EMAIL_1]>",
        "</[EMAIL_1]>",
    ],
)
def test_a_placeholder_stays_where_a_value_could_leak_or_come_alive(mode, text):
    assert restore(text, mode) == text


def test_a_restored_value_is_never_looked_at_again():
    assert restore("[NOTE_1]", "off") == "[EMAIL_1]"


def test_a_value_is_text_in_every_mode():
    assert restore("x [URL_PASSWORD_1]", "off") == f"x {HOSTILE}"
    assert restore("x [URL_PASSWORD_1]", "html") == "x a`b&lt;script&gt;[x](y)~~~&amp;&quot;&#x27;"
    assert restore("x [URL_PASSWORD_1]") == "x a&#96;b&#60;script>&#91;x&#93;(y)&#126;&#126;&#126;&\"'"


def test_behind_an_angle_bracket_only_an_address_is_restored():
    assert restore("Ann <[EMAIL_1]>") == "Ann <ann_smith@x.io>"
    assert restore("<[URL_PASSWORD_1]>") == "<[URL_PASSWORD_1]>"
    assert restore("Ann <[EMAIL_1]>", "html") == "Ann <[EMAIL_1]>"


def test_only_a_possible_placeholder_is_held_back():
    restorer = Restorer(placeholders(), "markdown")
    assert restorer.feed("so [EMA") == "so "
    assert restorer.feed("IL") == ""
    assert restorer.feed("S] [EMAIL_") == "[EMAILS] "
    assert restorer.feed("2") == ""
    assert restorer.feed("] [EMAIL_3") == "bob@x.io [EMAIL_3"
    assert restorer.feed("[") == ""
    assert restorer.feed("] EMAIL_1") == "[] "
    assert restorer.feed(".") == ""
    assert restorer.finish() == "ann_smith@x.io."


def test_without_values_everything_passes_at_once():
    restorer = Restorer(Placeholders(), "markdown")
    assert restorer.feed("[EMAIL_1") == "[EMAIL_1"
    assert restorer.finish() == ""


def test_the_repr_shows_no_value():
    assert "bob" not in repr(Restorer(placeholders(), "off"))


@settings(max_examples=500, deadline=None)
@given(
    st.lists(st.sampled_from([*"aA_1 w./()[]{}<>!?:\n\t［】【", "\\)", "www.", "EMAIL_1", "<p"])).map("".join)
)
def test_names_and_marks_are_found_where_each_of_them_alone_would_be(text):
    """What looks for their first characters knows them all."""
    for events, blanks in ((_EVENT, r"\s"), (_CALM_EVENT, r"\n\r\v\f\x1c-\x1f")):
        each = re.compile(f"{_NAME}|{_MARKS.format(blanks)}", re.ASCII)
        assert [one.span() for one in events.finditer(text)] == [one.span() for one in each.finditer(text)]
