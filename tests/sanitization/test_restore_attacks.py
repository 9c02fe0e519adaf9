"""
What a model, or the caller's own value, could do with restoring: carry markup, leave through a link, break
JSON, turn into something else. Each case is tried with every cut in two.
"""

import html
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.restore import Restorer
from tests.sanitization.samples import CHAIN, TEXT, VALUES, texts

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "image": "![x](https://evil.example/?q=1)",
    "link": "](https://evil.example/)[",
    "autolink": "<https://evil.example/>",
    "fence": "```\n~~~\n`",
    "attribute": "\" onload='x' ",
    "json": '"}, {"admin": true, "x": "\\',
    "lines": "a\nb\r\nc\td",
    "ansi": "\x1b[31mred\x1b]0;t\x07",
    "placeholder": "[EMAIL_1] EMAIL_1 [email 1]",
    "entity": "&lt;b&gt; &amp;",
    "half": "\ud800",
    "separator": "\u2028",
    "email": "ann@x.io",
}

# Terminals obey these, so they are not restored.
EXPECTED = HOSTILE | {"ansi": "[31mred]0;t", "half": ""}


def placeholders():
    made = Placeholders()
    for rule, value in HOSTILE.items():
        made.mint(rule, value)
    return made


def restore(text, mode):
    known = placeholders()
    whole = Restorer(known, mode).restore(text)
    for cut in range(len(text) + 1):
        halves = Restorer(known, mode)
        assert halves.feed(text[:cut]) + halves.feed(text[cut:]) + halves.finish() == whole
    return whole


@pytest.mark.parametrize("rule", HOSTILE)
@pytest.mark.parametrize("form", ["[{}_1]", "[{} 1]", "{}_1"])
def test_in_markdown_no_value_can_begin_markup_code_or_a_link(rule, form):
    restored = restore(f"see {form.format(rule.upper())}.", "markdown")
    value = restored.removeprefix("see ").removesuffix(".")
    assert not set("<[]`") & set(value)
    assert "~~~" not in value
    if rule not in ("entity",):
        assert html.unescape(value) == EXPECTED[rule]


@pytest.mark.parametrize("rule", HOSTILE)
def test_in_html_every_value_is_text(rule):
    value = restore(f"x [{rule.upper()}_1]", "html").removeprefix("x ")
    assert not set("<>\"'") & set(value)
    assert html.unescape(value) == EXPECTED[rule]


@pytest.mark.parametrize("rule", HOSTILE)
def test_where_nobody_renders_a_value_is_inserted_as_it_is(rule):
    assert restore(f"x [{rule.upper()}_1]", "off") == f"x {EXPECTED[rule]}"


DOCUMENTS = [
    '{"a": "[@]", "b": ["x [@].", {"[@]": -1.5e3}], "c": null}',
    '  [\n "\\u00e9 \\\\ [@] \\" [@]", true, 12 ]\n',
    '{"a": "{@}", "b": "[@ ]"}',
]


@pytest.mark.parametrize("mode", ["markdown", "html", "off"])
@pytest.mark.parametrize("rule", HOSTILE)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_an_answer_that_is_json_parses_to_the_structure_the_model_wrote(mode, rule, document):
    written = document.replace("@", f"{rule.upper()}_1")
    expected = html.escape(EXPECTED[rule]) if mode == "html" else EXPECTED[rule]
    read = json.loads(restore(written, mode))
    name = re.compile(rf"[\[{{]{rule.upper()}_1 ?[\]}}]")
    assert read == swapped(json.loads(written), lambda text: name.sub(lambda _: expected, text))


def swapped(value, change):
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [swapped(item, change) for item in value]
    if isinstance(value, dict):
        return {change(key): swapped(item, change) for key, item in value.items()}
    return value


@pytest.mark.parametrize("mode", ["markdown", "html", "off"])
@pytest.mark.parametrize(
    "document",
    [
        '{"u": "https:\\/\\/evil.example\\/?q=[EMAIL_1]"}',
        '{"u": "https:\\u002f\\u002fevil.example/[EMAIL_1]"}',
        '{"u": "www\\u002eevil.example/[email_1]"}',
        '{"u": "[t]\\u0028x [EMAIL_1]"}',
        '{"u": "![](\\nx [EMAIL_1])"}',
        '{"u": "<a \\u0068ref=\'[EMAIL_1]\'>"}',
        '{"u": "x", "[r]: [EMAIL_1]": 1}',
    ],
)
def test_in_a_json_string_an_escape_hides_no_link(mode, document):
    assert restore(document, mode) == document


def test_what_json_strings_hold_ends_with_them():
    text = '{"u": "https://x.example/", "e": "[EMAIL_1]"}'
    assert restore(text, "markdown") == text.replace("[EMAIL_1]", "ann@x.io")


@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("[JSON_1] is it", f"{HOSTILE['json']} is it"),
        ('["a", [JSON_1]]', f'["a", {HOSTILE["json"]}]'),
        ('{"a": "\\x [JSON_1]"', f'{{"a": "\\x {HOSTILE["json"]}"'),
        ('{"a" "[JSON_1]"', f'{{"a" "{HOSTILE["json"]}"'),
        ('{"a": 01, "[JSON_1]"', f'{{"a": 01, "{HOSTILE["json"]}"'),
        ('so {"a": "[JSON_1]"}', f'so {{"a": "{HOSTILE["json"]}"}}'),
        ('{"a": 1} "[JSON_1]"', f'{{"a": 1}} "{HOSTILE["json"]}"'),
    ],
)
def test_what_is_no_json_is_plain_text_from_there_on(text, restored):
    assert restore(text, "off") == restored


def test_a_broken_string_does_not_end_the_link_in_it():
    text = '{"a": "https://x.example/\\x[EMAIL_1]"}'
    assert restore(text, "off") == text


@pytest.mark.parametrize("mode", ["markdown", "html", "off"])
@pytest.mark.parametrize(
    "frame",
    [
        "](https://x/?{})",
        "![](a {})",
        "<https://x/{}>",
        "<img src={}>",
        "[x]: {}",
        "//{}",
        '{{"a": "//{}"}}',
        "www.x?{}",
    ],
)
@pytest.mark.parametrize("rule", HOSTILE)
def test_no_value_leaves_through_a_link(mode, frame, rule):
    text = frame.format(f"[{rule.upper()}_1]")
    assert restore(text, mode) == text


@pytest.mark.parametrize("mode", ["markdown", "html", "off"])
def test_a_value_that_looks_like_another_ones_placeholder_stays_what_it_is(mode):
    known = Placeholders()
    known.mint("note", "EMAIL_1")
    known.mint("email", "ann@x.io")
    assert Restorer(known, mode).restore("[NOTE_1] [EMAIL_1]") == "EMAIL_1 ann@x.io"


laws = settings(max_examples=150, deadline=None)
PLAIN = texts(VALUES, TEXT).filter(lambda text: not set("/[]\\:wW{<`~&") & set(text))


@laws
@given(text=PLAIN)
def test_restoring_undoes_masking_in_every_mode(text):
    """Where the text holds no link, bracket, code or entity that would make restoring careful."""
    screened = CHAIN.screen_prompt({"/prompt": text}, Policy())
    masked, known = screened.texts["/prompt"], screened.placeholders
    assert Restorer(known, "off").restore(masked) == text
    assert Restorer(known, "markdown").restore(masked) == text
    assert html.unescape(Restorer(known, "html").restore(masked)) == text


@laws
@given(
    document=st.recursive(
        st.text('ab[]_1EMAIL{}<>/:\\"\n\u00e9\U0001f600', max_size=12) | st.integers() | st.none(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("ab[EMAIL_1]", max_size=9), inner, max_size=3)
        ),
        max_leaves=6,
    ).filter(lambda made: isinstance(made, list | dict)),
    ascii_only=st.booleans(),
    mode=st.sampled_from(["markdown", "html", "off"]),
)
def test_json_stays_json_and_keeps_its_shape(document, ascii_only, mode):
    written = json.dumps(document, ensure_ascii=ascii_only)
    known = Placeholders()
    known.mint("email", '"\\\n<x>')
    restorer = Restorer(known, mode)
    streamed = "".join([*map(restorer.feed, written), restorer.finish()])
    assert streamed == Restorer(known, mode).restore(written)
    assert shape(json.loads(streamed)) == shape(document)


def shape(value):
    if isinstance(value, list):
        return [shape(item) for item in value]
    return (
        sorted((len(value), str(shape(item))) for item in value.values())
        if isinstance(value, dict)
        else type(value)
    )
