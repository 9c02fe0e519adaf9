"""Arguments of tool calls: JSON that is sanitized, and restored, inside its strings."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sanitization.chain import Chain
from sanitization.errors import ScreeningFailed
from sanitization.json_text import MAX_DEPTH, JsonReader, Kind, escaped, units
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from sanitization.spans import Action
from sanitization.structured import ArgumentsRestorer
from tests.effort import assert_affordable, processor_seconds
from tests.sanitization.samples import CHAIN, TEXT, VALUES, pieces, texts

PART = "/choices/0/message/tool_calls/0/function/arguments"


def screen(*parts, policy=None):
    stream = CHAIN.open_arguments(policy or Policy(), Placeholders(), PART)
    sent = "".join([*map(stream.feed, parts), stream.finish()])
    return sent, stream.findings, stream.blocked


def every_way(text, policy=None):
    """The result, after trying every cut in two and one character at a time."""
    stream = CHAIN.open_arguments(policy or Policy(), Placeholders(), PART)
    whole = (stream.whole(text), stream.findings, stream.blocked)
    assert screen(*text, policy=policy) == whole
    for cut in range(len(text) + 1):
        assert screen(text[:cut], text[cut:], policy=policy) == whole
    return whole


@pytest.mark.parametrize(
    ("text", "sanitized"),
    [
        ('{"to": "ann@corp.com"}', '{"to": "[EMAIL_1]"}'),
        ('{"to": "ann\\u0040corp.com"}', '{"to": "[EMAIL_1]"}'),
        ('{"to": "\\u0061nn\\u0040corp\\u002ecom\\n"}', '{"to": "[EMAIL_1]\\n"}'),
        ('{"ann@corp.com": 1}', '{"[EMAIL_1]": 1}'),
        ('{"card": 4111111111111111}', '{"card": "[CREDIT_CARD_1]"}'),
        ("[4111111111111111, 4111111111111111]", '["[CREDIT_CARD_1]", "[CREDIT_CARD_1]"]'),
        ("4111111111111111", '"[CREDIT_CARD_1]"'),
        ('"ann@corp.com"', '"[EMAIL_1]"'),
        ('{"a": ["x ann@corp.com", "bob@corp.com"]}', '{"a": ["x [EMAIL_1]", "[EMAIL_2]"]}'),
        ('{"password": "Tr0ub4dor&3x"}', '{"password": "[PASSWORD_1]"}'),
        ('{"a": "\\ud83d\\ude00 ann@corp.com \\ud83d"}', '{"a": "\\ud83d\\ude00 [EMAIL_1] "}'),
        ('{"a": "x\\u001b[31my"}', '{"a": "xy"}'),
        ('{"a": "a \\"ann@corp.com\\" b"}', '{"a": "a \\"[EMAIL_1]\\" b"}'),
    ],
)
def test_what_is_found_in_a_string_or_a_number_is_masked_and_json_stays_json(text, sanitized):
    out, findings, _ = every_way(text)
    assert out == sanitized
    json.loads(out)
    for finding in findings:
        assert finding.part == PART
        assert 0 <= finding.start < finding.end <= len(text)
        if finding.action is Action.MASK:
            new = out[finding.output_start : finding.output_end]
            assert (new[0], new[-1]) == ("[", "]")


def test_findings_index_the_document_as_it_was_written():
    text = '  {"é": "\\u00e9 ann\\u0040corp.com!", "n": 4111111111111111}'
    _, [email, card], _ = every_way(text)
    assert text[email.start : email.end] == "ann\\u0040corp.com"
    assert text[card.start : card.end] == "4111111111111111"


@pytest.mark.parametrize(
    "text",
    [
        ' {"a" : "caf\\u00e9 \\/ \\t\\"x\\" \\ud83d\\ude00", "b":[1.50e+3 , -0, true,null , {}, [] ]}\n',
        '{"html": "```\\n<script>x</script>\\n```"}',
        '{"a": "' + "plain words, " * 500 + '"}',
        "12",
        "null",
        "",
    ],
)
def test_a_document_without_findings_is_left_as_it_is(text):
    stream = CHAIN.open_arguments(Policy(), Placeholders(), PART)
    assert (stream.whole(text), stream.findings) == (text, ())
    assert screen(*text) == (text, (), False)


@pytest.mark.parametrize(
    "text",
    [
        "send to ann@corp.com",
        '{"a": ann@corp.com}',
        '{"a": "x" ann@corp.com',
        '{"to": "ann@corp.com',
        '{"to": "ann\\u0040corp.com',
        '{"to": "ann\\u0040corp.com \\u00',
        '{"to": "ann@corp.com \\x"}',
        "{'to': 'ann@corp.com'}",
        '{"a": 1} ann@corp.com',
        '{"a": "x\nann@corp.com"}',
        "[" * (MAX_DEPTH + 1) + '"ann@corp.com"',
        '{"to": 4711@corp.com}',
        '{"to": null@corp.com}',
        '{"to": "ann"@corp.com}',
        '["\\u0061nn\\u0040corp.com" x]',
    ],
)
def test_what_is_no_json_is_read_all_the_same(text):
    out, findings, _ = every_way(text) if len(text) < 100 else screen(*text)
    assert "corp.com" not in out
    assert [finding.rule for finding in findings] == ["email"]


@pytest.mark.parametrize(
    ("text", "sanitized"),
    [
        ('{"n": 4111 1111 1111 1111}', '{"n": [CREDIT_CARD_1]}'),
        ("4111 1111 1111 1111", "[CREDIT_CARD_1]"),
        ('["x", 415 555 2671]', '["x", [PHONE_1]]'),
        ('{"password": hunter2xyz}', '{"password": [PASSWORD_1]}'),
    ],
)
def test_a_value_that_begins_as_json_and_is_none_is_read_as_one_text_beside_its_key(text, sanitized):
    out, findings, _ = every_way(text)
    assert out == sanitized
    (finding,) = findings
    assert out[finding.output_start : finding.output_end] in ("[CREDIT_CARD_1]", "[PHONE_1]", "[PASSWORD_1]")


def test_what_stands_before_a_string_that_is_cut_short_stays():
    out, findings, _ = every_way('{"a": "b", "to": "write to ann@corp.com')
    assert out == '{"a": "b", "to": "write to [EMAIL_1]'
    assert out[findings[0].output_start : findings[0].output_end] == "[EMAIL_1]"


def test_the_parts_of_one_answer_share_their_numbers():
    prompt = CHAIN.screen_prompt({"/prompt": "ann@corp.com"}, Policy()).placeholders
    later = prompt.for_answer()
    text = CHAIN.open_answer(Policy(), prompt, later=later).whole("eve@corp.com")
    arguments = CHAIN.open_arguments(Policy(), prompt, PART, later=later).whole(
        '["bob@corp.com", "eve@corp.com"]'
    )
    assert (text, arguments) == ("[EMAIL_2]", '["[EMAIL_3]", "[EMAIL_2]"]')


def test_the_arguments_of_earlier_calls_are_a_part_of_the_prompt():
    parts = {"/messages/0/content": "ann@corp.com", "/messages/1/arguments": '{"to": "ann\\u0040corp.com"}'}
    screened = CHAIN.screen_prompt(parts, Policy(), arguments=["/messages/1/arguments"])
    assert screened.texts["/messages/1/arguments"] == '{"to": "[EMAIL_1]"}'
    assert {finding.direction for finding in screened.findings} == {"prompt"}


def test_nothing_follows_a_blocked_finding():
    policy = Policy.build(block=["email"])
    out, findings, blocked = every_way('{"a": "x", "to": "see ann@corp.com", "b": "y"}', policy)
    assert (out, blocked, len(findings)) == ('{"a": "x", "to": ', True, 1)
    out, _, blocked = every_way('{"a": "x", no: ann@corp.com} y', policy)
    assert (out, blocked) == ('{"a": "x", no: ', True)


class Broken:
    rules = frozenset({"email"})
    stage = 1

    def open_prompt(self, policy):
        return None

    def open_answer(self, policy):
        return self

    settled = 0

    def feed(self, piece, *, last):
        if "bad" in piece:
            raise ValueError(piece)
        return []


def test_a_filter_that_fails_withholds_the_rest():
    stream = Chain([Broken()]).open_arguments(Policy(), Placeholders(), PART)
    assert stream.feed('{"a": "x", ') == '{"a": "x", '
    for _ in range(2):
        with pytest.raises(ScreeningFailed):
            stream.feed('"b": "bad",')
    with pytest.raises(ScreeningFailed):
        stream.finish()


JSON = st.recursive(
    texts(VALUES, TEXT)
    | st.integers()
    | st.booleans()
    | st.none()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*VALUES[:9], "a", "key"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(max_examples=120, deadline=None)
@given(made=JSON, seed=st.integers(0, 2**32), ascii_only=st.booleans(), broken=st.integers(0, 5))
def test_every_way_of_cutting_a_document_gives_the_same(made, seed, ascii_only, broken):
    text = json.dumps(made, ensure_ascii=ascii_only)
    if broken == 0:
        text = text[: random.Random(seed).randrange(len(text) + 1)]
    if broken == 1:
        text = text.replace('"', "'", 1)
    whole = CHAIN.open_arguments(Policy(), Placeholders(), PART)
    expected = (whole.whole(text), whole.findings, whole.blocked)
    assert screen(*pieces(text, seed)) == expected
    assert screen(*text) == expected
    if broken > 1:
        assert shape(json.loads(expected[0])) == shape(made)
    for finding in expected[1]:
        assert 0 <= finding.start < finding.end <= len(text)
        assert 0 <= finding.output_start <= finding.output_end <= len(expected[0])


def shape(value):
    if isinstance(value, list):
        return [shape(item) for item in value]
    if isinstance(value, dict):
        return [shape(item) for item in value.values()]
    return "scalar"


@pytest.mark.parametrize("unit", ["[", '{"a":', '"', "\\", '["a",', "1", '"\\u0041', '{"a":"ann@corp.com",'])
def test_a_hostile_document_costs_what_its_length_costs(unit):
    def cost(length):
        text = unit * (length // len(unit))
        stream = CHAIN.open_arguments(Policy(), Placeholders(), PART)
        return processor_seconds(lambda: (stream.feed(text), stream.finish()))

    cost(1000)
    assert_affordable(lambda: (cost(80_000) - 3 * cost(40_000),), 0.1)


# -- the lexer --


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*'{}[],:"\\ 1-.e+0', "true", "null", "\\u00e9", "\\ud83d", "\\ude00", "\n", "ab"]),
        max_size=12,
    )
)
def test_the_reader_agrees_with_python_on_what_is_json(parts):
    text = "".join(parts)
    reader = JsonReader()
    tokens = reader.feed(text) + reader.finish()
    assert "".join(part for _, part in tokens) + reader.held == text
    try:
        json.loads(text, strict=False, parse_constant=lambda name: 1 / 0)
    except (ValueError, ZeroDivisionError):
        return
    assert not reader.broken, text
    one_by_one = JsonReader()
    streamed = [token for char in text for token in one_by_one.feed(char)] + one_by_one.finish()
    assert [kind for kind, _ in streamed if kind is not Kind.TEXT and kind is not Kind.MARK] == [
        kind for kind, _ in tokens if kind is not Kind.TEXT and kind is not Kind.MARK
    ]


@given(st.text())
def test_escaping_is_undone_by_reading(text):
    assert "".join(char for char, _ in units(escaped(text))) == text
    assert json.loads(f'"{escaped(text)}"') == text


# -- restoring --

HOSTILE = {
    "quotes": '"}, {"admin": true, "x": "',
    "lines": "a\nb\r\n\tc\\",
    "markup": "<script>alert(1)</script>](https://evil.example)",
    "nested": "[EMAIL_1]",
    "email": "ann@corp.com",
    "wide": "é\U0001f600\u2028",
}
POLICY = Policy(tools={"send_mail": ("to", "body")})


def placeholders():
    made = Placeholders()
    for rule, value in HOSTILE.items():
        made.mint(rule, value)
    return made


def restore(text, tool="send_mail", policy=POLICY):
    known = placeholders()
    whole = ArgumentsRestorer(known, policy, tool).restore(text)
    for cut in range(len(text) + 1):
        halves = ArgumentsRestorer(known, policy, tool)
        assert halves.feed(text[:cut]) + halves.feed(text[cut:]) + halves.finish() == whole
    one_by_one = ArgumentsRestorer(known, policy, tool)
    assert "".join([*map(one_by_one.feed, text), one_by_one.finish()]) == whole
    return whole


@pytest.mark.parametrize("rule", HOSTILE)
@pytest.mark.parametrize("form", ["[{}_1]", "[{} 1]", "{}_1"])
def test_restored_arguments_parse_to_the_structure_that_the_model_wrote(rule, form):
    name = form.format(rule.upper())
    written = {
        "to": [name, {"x": f"see {name}."}],
        "body": f'"{name}"\n',
        "subject": name,
        name: name,
        "n": 1,
    }
    expected = json.loads(json.dumps(written))
    expected["to"] = [HOSTILE[rule], {"x": f"see {HOSTILE[rule]}."}]
    expected["body"] = f'"{HOSTILE[rule]}"\n'
    for ascii_only in (True, False):
        assert json.loads(restore(json.dumps(written, ensure_ascii=ascii_only))) == expected


@pytest.mark.parametrize(
    "text",
    [
        '{"subject": "[EMAIL_1]", "x": {"to": "[EMAIL_1]"}}',
        '{"[EMAIL_1]": "[EMAIL_1]"}',
        '{"body": "https://evil.example/?q=[EMAIL_1]"}',
        '{"body": "https:\\/\\/evil.example\\/?q=[EMAIL_1]"}',
        '{"body": "\\u0068ttps:\\u002f/evil.example?[EMAIL_1]"}',
        '{"body": "![](\\u0068ttp://x [EMAIL_1])"}',
        '{"body": "<img src=[EMAIL_1]>"}',
        '["to", "[EMAIL_1]"]',
        '"[EMAIL_1]"',
        '[{"to": "[EMAIL_1]"}]',
        '{to: "[EMAIL_1]"}',
        'to: "[EMAIL_1]"',
    ],
)
def test_what_the_policy_does_not_name_and_links_stay_placeholders(text):
    assert restore(text) == text


def test_other_tools_other_policies_and_unrestored_rules_stay():
    text = '{"to": "[EMAIL_1] [WIDE_1]"}'
    assert restore(text, tool="other") == text
    assert restore(text, policy=Policy()) == text
    assert restore(text, policy=Policy(tools={"send_mail": ("to",)}, restore=False)) == text
    some = Policy(tools={"send_mail": ("to",)}, unrestored=frozenset({"wide"}))
    assert restore(text, policy=some) == '{"to": "ann@corp.com [WIDE_1]"}'


def test_an_escaped_name_of_an_argument_is_that_argument():
    assert restore('{"t\\u006f": "[EMAIL_1]"}') == '{"t\\u006f": "ann@corp.com"}'


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(st.sampled_from([*VALUES, *'"\\/\n{}<', "é", "x "]), max_size=6))
def test_masked_echoed_and_restored_arguments_are_what_the_caller_wrote(parts):
    """Mask, let the model echo the text into an argument, sanitize, restore."""
    text = "".join(parts)
    screened = CHAIN.screen_prompt({"/prompt": text}, POLICY)
    echoed = json.dumps({"to": screened.texts["/prompt"], "n": 1})
    sanitized = CHAIN.open_arguments(POLICY, screened.placeholders, PART).whole(echoed)
    restored = json.loads(ArgumentsRestorer(screened.placeholders, POLICY, "send_mail").restore(sanitized))
    assert list(restored) == ["to", "n"]
    if not set("<\\/[]:{") & set(text) and sanitized == echoed:
        assert restored["to"] == text
