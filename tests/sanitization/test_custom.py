"""Words, phrases and patterns of an operator's own."""

import random
import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sanitization.chain import Chain
from sanitization.custom import MAX_CHARS, MAX_NESTED, MAX_PATTERNS, CustomFilter, problem, problems
from sanitization.documents import read
from sanitization.errors import PolicyInvalid, ScreeningFailed
from sanitization.patterns import PatternFilter
from sanitization.placeholders import Placeholders
from sanitization.policies import CustomRule, Policy
from sanitization.spans import Action
from tests.effort import assert_affordable, processor_seconds
from tests.sanitization.samples import pieces

CHAIN = Chain([CustomFilter()])


def found(rule, text, chain=CHAIN):
    """What of the text the rule points at."""
    policy = Policy(custom=(rule,))
    findings = chain.screen_prompt({"/prompt": text}, policy).findings
    assert {finding.rule for finding in findings} <= {rule.rule}
    return [text[finding.start : finding.end] for finding in findings]


def word(text, **more):
    return CustomRule("x", "word", text, **more)


def phrase(text, **more):
    return CustomRule("x", "phrase", text, **more)


def pattern(text, **more):
    return CustomRule("x", "pattern", text, **more)


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        (word("Bluebird"), "Bluebird flies", ["Bluebird"]),
        (word("Bluebird"), "the bluebird.", ["bluebird"]),
        (word("Bluebird"), "BLUEBIRD", ["BLUEBIRD"]),
        (word("Bluebird"), "Bluebirds, xBluebird, Bluebird_2", []),
        (word("Bluebird"), "Bluebird-Bluebird/Bluebird", ["Bluebird"] * 3),
        (word("Bluebird", ignore_case=False), "Bluebird bluebird", ["Bluebird"]),
        (word("C++"), "C++ and C++17, not VC++", ["C++", "C++"]),
        (word("Müller"), "Frau Müller, MÜLLER, Muller", ["Müller", "MÜLLER"]),
        (word("Müller"), "Frau Mu\u0308ller, Müllers", ["Mu\u0308ller"]),
        (word("Mu\u0308ller"), "Frau Müller", ["Müller"]),
        (word("проект"), "Проект ПРОЕКТ проекты", ["Проект", "ПРОЕКТ"]),
        (word("ΟΔΟΣ"), "η οδος, ΟΔΟΣ", ["οδος", "ΟΔΟΣ"]),
        (
            word("한글"),
            "한글 \u1112\u1161\u11ab\u1100\u1173\u11af",
            ["한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"],
        ),
        (word("Bluebird"), "Вluе\u200bbird", ["Вluе\u200bbird"]),
        (word("Bluebird"), "Ｂｌｕｅｂｉｒｄ", ["Ｂｌｕｅｂｉｒｄ"]),
        (word("R&D"), "R&amp;D", ["R&amp;D"]),
        (phrase("red team"), "the red  team, Red\n\tTeams, red-team, redteam", ["red  team", "Red\n\tTeam"]),
        (phrase(" red   team "), "red team", ["red team"]),
        (
            phrase("red team"),
            "red\u00a0\u2003team red \u200b team",
            ["red\u00a0\u2003team", "red \u200b team"],
        ),
        (phrase("机密"), "这是机密文件", ["机密"]),
        (phrase("aa"), "aaaaa", ["aa", "aa"]),
        (phrase("🐦"), "a 🐦!", ["🐦"]),
        (pattern(r"PRJ-\d{3,5}"), "prj-123, PRJ-1234567", ["prj-123", "PRJ-12345"]),
        (pattern(r"\bPRJ-\d{3}\b", ignore_case=False), "PRJ-123 prj-123 XPRJ-123 PRJ-1234", ["PRJ-123"]),
        (pattern(r"straße|Zeile\s{1,5}\d"), "STRAßE Zeile \n7", ["STRAßE", "Zeile \n7"]),
        (pattern(r"а{3}"), "aaa", ["aaa"]),  # the pattern's is Cyrillic: both read the same
        (pattern(r"\[[]x]&\|"), "[]&|", ["[]&|"]),
        (pattern(r"[\[\-\-]b"), "[b -b", ["[b", "-b"]),
        (pattern(r"x–y"), "x-y x—y", ["x-y", "x—y"]),
    ],
)
def test_what_is_found(rule, text, expected):
    assert problem(rule) is None
    assert found(rule, text) == expected


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (pattern("a*"), "empty"),
        (pattern("(a|)"), "empty"),
        (pattern(r"\b"), "empty"),
        (pattern("a+"), "at most 256"),
        (pattern("a{257}"), "at most 256"),
        (pattern("(a{16}){17}"), "at most 256"),
        (pattern("^a"), "Anchors"),
        (pattern("a$"), "Anchors"),
        (pattern(r"(?:x|\Ay)"), "Anchors"),
        (pattern(r"(b(a\Z){1,2})"), "Anchors"),
        (pattern("(?=a)b"), "look-around"),
        (pattern(r"(a)\1"), "look-around"),
        (pattern("(?P<name>a)"), "Named groups"),
        (pattern("(a"), "no regular expression"),
        (pattern("a)|(b"), "no regular expression"),
        (pattern(r"\p{L}"), "no regular expression"),
        (pattern("a{,3}b"), "{0,n}"),
        (pattern("[[:alpha:]]"), "ambiguous"),
        (pattern("[a--b]"), "ambiguous"),
        (pattern("x[]&&a]"), "ambiguous"),
        (pattern("a{3}{2}"), "no regular expression"),
        (pattern("a{3}b**"), "no regular expression"),
        (pattern("(?a:x)"), "RE2"),
        (pattern("(?s)a"), "no regular expression"),
        (pattern("(?s:a)(?-s:b)"), "switched-off"),
        (pattern("a{1,3}+"), "atomic"),
        (pattern("(" * 400 + "a" + ")" * 400), "50 groups"),
        (pattern("a{99999999999999}"), "nested or repeated"),
        (pattern("ﬁ"), "folded"),
        (word("x" * 257), "256 characters"),
        (word("\u200b\u200d"), "no character"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_with_the_reason(rule, says):
    assert says in (problem(rule) or "")
    with pytest.raises(PolicyInvalid) as refused:
        read({"custom": [rule.as_document()]}, slug="x")
    assert list(refused.value.problems) == ["/custom/0/text"]


def test_a_policy_made_by_code_with_such_a_rule_lets_nothing_through():
    with pytest.raises(ScreeningFailed):
        CHAIN.screen_prompt({"/prompt": "hello"}, Policy(custom=(pattern("a+"),)))


def test_there_are_limits_to_how_much_is_looked_for():
    many = {number: replace(pattern("abc"), id=f"p{number}") for number in range(MAX_PATTERNS + 2)}
    assert list(problems(many)) == [MAX_PATTERNS, MAX_PATTERNS + 1]
    long = {
        number: replace(phrase(f"{number:0250}"), id=f"p{number}") for number in range(MAX_CHARS // 250 + 1)
    }
    assert list(problems(long)) == [MAX_CHARS // 250]


def test_words_that_end_in_one_another_are_limited():
    numbers = range(MAX_NESTED + 1)
    nested = {number: replace(phrase("a" * (number + 1)), id=f"p{number}") for number in numbers}
    assert list(problems(nested)) == [MAX_NESTED]
    del nested[0]
    assert problems(nested) == {}
    same = {number: replace(word("Bird"), id=f"p{number}") for number in numbers}
    assert len(problems(same)) == len(same)


def test_a_rule_acts_as_it_says_and_as_the_policy_says():
    rule = CustomRule("bird", "word", "bluebird", Action.BLOCK, "prompt")
    plain = Policy(custom=(rule,))
    assert CHAIN.screen_prompt({"/p": "a bluebird"}, plain).blocked
    assert CHAIN.open_answer(plain, Placeholders()).whole("a bluebird") == "a bluebird"
    masked = Policy(
        custom=(rule,), prompt={"custom_bird": Action.MASK}, answer={"custom_bird": Action.REMOVE}
    )
    screened = CHAIN.screen_prompt({"/p": "a bluebird, a Bluebird, a bluebird"}, masked)
    assert screened.texts["/p"] == "a [CUSTOM_BIRD_1], a [CUSTOM_BIRD_2], a [CUSTOM_BIRD_1]"
    assert CHAIN.open_answer(masked, Placeholders()).whole("a bluebird!") == "a !"
    allowed = Policy(custom=(rule,), allow={"custom_bird": ("BLUEBIRD",)})
    assert not CHAIN.screen_prompt({"/p": "a bluebird"}, allowed).findings


def test_two_rules_may_find_the_same_and_the_stronger_acts():
    rules = (
        CustomRule("a", "phrase", "blue", Action.FLAG),
        CustomRule("b", "word", "bluebird", Action.MASK),
        CustomRule("c", "pattern", "bird", Action.FLAG),
    )
    screened = CHAIN.screen_prompt({"/p": "a bluebird"}, Policy(custom=rules))
    assert screened.rules == ("custom_a", "custom_b", "custom_c")
    assert screened.texts["/p"] == "a [CUSTOM_B_1]"


def test_policies_do_not_share_rules():
    assert found(word("one"), "one two") == ["one"]
    assert found(word("two"), "one two") == ["two"]


LAW = Policy(
    custom=(
        CustomRule("a", "word", "ab"),
        CustomRule("b", "phrase", "b a b"),
        CustomRule("c", "phrase", "B A", ignore_case=False, action=Action.FLAG),
        CustomRule("d", "pattern", r"a\s{1,3}b{2,4}\b", action=Action.REMOVE),
        CustomRule("e", "word", "é a"),
        CustomRule("f", "phrase", "abab ab"),
        CustomRule("g", "pattern", "(?:ab|ba){1,9}c"),
    )
)
LETTERS = st.text(st.sampled_from("abABcé \u0301\u200b\n\t.&;#9\u00a0_Аl"), max_size=40)
PARTS = st.lists(
    st.sampled_from(["ab", "b a b", "B A", "&#97;", "  ", "b  a", "bb", "e\u0301 a", "c", "."]), max_size=12
)
TEXTS = LETTERS | PARTS.map("".join)


def screen(*given, policy=LAW):
    stream = CHAIN.open_answer(policy, Placeholders())
    sanitized = "".join([*(stream.feed(piece) for piece in given), stream.finish()])
    return sanitized, stream.findings, stream.blocked


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, seed=st.integers(0, 2**32))
@example(text="b   \n a b", seed=1)
@example(text="&#97;b &#x41;B", seed=2)
def test_every_way_of_cutting_a_stream_gives_the_same(text, seed):
    stream = CHAIN.open_answer(LAW, Placeholders())
    whole = stream.whole(text), stream.findings, stream.blocked
    assert screen(text) == whole
    assert screen(*text) == whole
    assert screen(*pieces(text, seed)) == whole
    for cut in range(len(text) + 1):
        assert screen(text[:cut], text[cut:]) == whole


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_nothing_is_let_out_that_is_part_of_a_finding(text):
    blocking = Policy(custom=tuple(replace(rule, action=Action.BLOCK) for rule in LAW.custom))
    whole, findings, _ = screen(text, policy=blocking)
    first = min((finding.start for finding in findings), default=len(text))
    stream, sent = CHAIN.open_answer(blocking, Placeholders()), ""
    for char in text:
        sent += stream.feed(char)
        assert text[:first].startswith(sent)
    assert whole == text[:first]


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_words_are_what_a_regular_expression_says_they_are(text):
    plain = text.replace("&", "").replace("\u0301", "").replace("\u200b", "").replace("А", "A")
    expected = [found.span() for found in re.finditer(r"(?i)(?<!\w)ab(?!\w)", plain)]
    findings = screen(plain, policy=Policy(custom=(word("ab"),)))[1]
    assert [(finding.start, finding.end) for finding in findings] == expected


def test_little_is_held_back():
    rules = tuple(CustomRule(f"w{n}", "word", text) for n, text in enumerate(names(3_000)))
    stream, prose, sent = CHAIN.open_answer(Policy(custom=rules), Placeholders()), PROSE * 3, 0
    held = []
    for number, char in enumerate(prose, start=1):
        sent += len(stream.feed(char))
        held.append(number - sent)
    assert sorted(held)[len(held) // 2] <= 4


PROSE = (
    "The quick brown fox jumps over the lazy dog, while the committee keeps asking for another report about "
    "the budget of the second quarter, and nobody remembers who had written the first one. "
)


def names(count):
    rng = random.Random(7)
    return sorted(
        {"".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(5, 12))) for _ in range(count)}
    )


def cost(policy, text):
    """Processor seconds of screening a text, once the policy is compiled."""
    CHAIN.screen_prompt({"/p": text}, policy)
    return processor_seconds(lambda: CHAIN.screen_prompt({"/p": text}, policy))


def test_ten_thousand_words_cost_little_more_than_ten():
    text = PROSE * 300
    many = Policy(custom=tuple(CustomRule(f"w{n}", "word", word) for n, word in enumerate(names(10_000))))
    assert_affordable(lambda: (cost(many, text),), len(text) * 200e-9)


@pytest.mark.parametrize("hostile", ["ab ", "b a ", "a", " ", "é ", "abab", "&#97", "e\u0301"])
def test_hostile_texts_cost_no_more_than_their_length(hostile):
    text = hostile * (200_000 // len(hostile))
    assert_affordable(lambda: (cost(LAW, text) - 4 * cost(LAW, text[:100_000]),), len(text) * 50e-9)


def test_the_chain_of_the_service_has_custom_rules(settings):
    chain = Chain.from_paths(settings.SANITIZATION_FILTERS)
    assert found(word("bluebird"), "a bluebird", chain) == ["bluebird"]
    assert Chain([PatternFilter(), CustomFilter()]).rules == Chain([PatternFilter()]).rules
