"""The matcher agrees with a plain reading of the grammar, and gives up hostile ones before they cost much."""

import re
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.errors import FormatRefused
from inference.gbnf import parse
from inference.matching import Matcher

LONG = 1_000_000


def is_matched(grammar, text, *, cut=1):
    """Whether the whole text is one of the grammar's, fed in pieces of `cut` bytes."""
    matcher, raw = Matcher(parse(grammar)), text.encode()
    for at in range(0, len(raw), cut):
        piece = raw[at : at + cut]
        if not matcher.allows(piece):
            return False
        matcher.accept(piece)
    return matcher.can_end


@pytest.mark.parametrize(
    ("grammar", "good", "bad"),
    [
        ('root ::= "yes" | "no"', ["yes", "no"], ["", "ye", "yesno", "Yes"]),
        ('root ::= "a"*', ["", "a", "aaaa"], ["b", "ab"]),
        ('root ::= "ab"+', ["ab", "abab"], ["", "aba"]),
        ('root ::= "a"? "b"', ["b", "ab"], ["a", "aab"]),
        ('root ::= "a"{2}', ["aa"], ["a", "aaa"]),
        ('root ::= "a"{2,}', ["aa", "aaaaa"], ["a"]),
        ('root ::= "a"{ 1 , 3 }', ["a", "aa", "aaa"], ["", "aaaa"]),
        ('root ::= "a"{0,2}', ["", "a", "aa"], ["aaa"]),
        ("root ::= [a-c_-]+", ["abc", "-", "a_b"], ["d", ""]),
        ("root ::= [^a-c]", ["d", "é", "-"], ["a", ""]),
        (r'root ::= [\]\\"] "\x41\u00e9\U0001F642\n"', ['"Aé🙂\n', "]Aé🙂\n"], ["Aé🙂\n"]),
        ("root ::= .", ["a", "é", "日", "🙂"], ["", "ab"]),
        ('root ::= ( "a" |\n "b"\n)* # a comment\n\n', ["", "abba"], ["c"]),
        ('root ::= item ("," item)*\nitem ::= [0-9]+', ["1", "12,3"], ["1,", ","]),
        ('root ::= "(" root ")" | "x"', ["x", "((x))"], ["(x", "((x)"]),
        ('root ::= ws "x"\nws ::= ([ \\t] ws)?', ["x", "  x"], [" "]),
        ('root ::= ("a"?)* "b"', ["b", "aab"], ["", "c"]),
        ('root ::= "" | "a"', ["", "a"], ["aa"]),
        ("root ::= [^\\x80-\\U0010FFFF]", ["a"], ["é", "日"]),
        ("root ::= [α-ω]{2}", ["αω"], ["a", "αa"]),
    ],
)
def test_a_grammar_matches_what_it_says(grammar, good, bad):
    for text in good:
        assert all(is_matched(grammar, text, cut=cut) for cut in (1, 2, 3, 100)), text
    for text in bad:
        assert not any(is_matched(grammar, text, cut=cut) for cut in (1, 2, 3, 100)), text


@st.composite
def expressions(draw, depth=3):
    """A grammar's right side, and the same as a regular expression."""
    if depth == 0:
        text = draw(st.sampled_from(["a", "b", "ab", "é"]))
        return f'"{text}"', text
    kind = draw(st.sampled_from(["sequence", "alternatives", "repetition", "class", "leaf"]))
    if kind == "leaf":
        return draw(expressions(depth=0))
    if kind == "class":
        return draw(st.sampled_from([("[a-b]", "[a-b]"), ("[^a]", "[^a]"), ("[bé]", "[bé]")]))
    first, second = draw(expressions(depth=depth - 1)), draw(expressions(depth=depth - 1))
    if kind == "sequence":
        return f"({first[0]}) ({second[0]})", f"(?:{first[1]})(?:{second[1]})"
    if kind == "alternatives":
        return f"({first[0]} | {second[0]})", f"(?:{first[1]}|{second[1]})"
    sign = draw(st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{1,}"]))
    return f"({first[0]}){sign}", f"(?:{first[1]}){sign}"


@settings(max_examples=100, deadline=None)
@given(expressions(), st.text(alphabet="abé", max_size=7), st.integers(1, 4))
def test_the_matcher_agrees_with_regular_expressions_however_the_text_is_cut(pair, text, cut):
    grammar, pattern = pair
    assert is_matched(f"root ::= {grammar}", text, cut=cut) == bool(re.fullmatch(pattern, text, re.DOTALL))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=6))
def test_what_is_no_utf8_is_never_allowed(raw):
    matcher = Matcher(parse("root ::= .*"))
    try:
        raw.decode()
        is_text = True
    except UnicodeDecodeError:
        is_text = False
    allowed = bool(raw) and matcher.allows(raw)
    if allowed:
        matcher.accept(raw)
    assert (allowed and matcher.can_end) == (is_text and bool(raw))


def test_the_first_bytes_leave_out_no_allowed_token():
    for grammar in ("root ::= [a-f]", "root ::= [é-ü]", "root ::= [^a]", 'root ::= "日"', "root ::= ."):
        matcher = Matcher(parse(grammar))
        ascii_bits, leading, following = matcher.first_bytes()
        for byte in range(256):
            may = ascii_bits >> byte & 1 if byte < 128 else leading if byte >= 0xC0 else following
            assert may or not matcher.allows(bytes([byte]))


def test_a_long_answer_forgets_what_it_no_longer_needs(monkeypatch):
    monkeypatch.setattr("inference.matching.MOST_REMEMBERED", 500)
    grammar = 'root ::= "[" root ("," root)* "]" | [0-9]+'
    matcher = Matcher(parse(grammar))
    matcher.accept(b"[")
    for at in range(2000):
        matcher.accept(f"[[{at}],{at}],".encode())
    matcher.accept(b"1]")
    assert matcher.can_end


# -- hostile grammars --


def chained(count, link):
    return "\n".join(["root ::= r0", *(link(at) for at in range(count)), f'r{count} ::= "x"'])


HOSTILE = {
    "left recursion": 'root ::= root "a" | "b"',
    "left recursion behind what may be empty": 'root ::= a root "x" | "y"\na ::= b\nb ::= "" | "z"',
    "left recursion in a group": 'root ::= ("a"? root)* "b"',
    "left recursion round about": "root ::= a\na ::= b\nb ::= c\nc ::= a",
    "deep nesting": "root ::= " + "(" * 100_000 + '"a"' + ")" * 100_000,
    "unclosed nesting": "root ::= " + "(" * 100_000,
    "too many repetitions": 'root ::= "a"{3000}',
    "a repetition of nothing": "root ::= *",
    "a repetition of an empty text": 'root ::= ""{5}',
    "an endless number": 'root ::= "a"{' + "9" * 100_000 + "}",
    "a megabyte": 'root ::= "' + "a" * LONG + '"',
    "an open text": 'root ::= "' + '\\"' * 100_000,
    "an open class": "root ::= [" + "\\]" * 100_000,
    "a bad escape": r'root ::= "\q"',
    "half an escape": r'root ::= "\u12"',
    "no root": 'start ::= "a"',
    "an undefined rule": "root ::= other",
    "a NUL": 'root ::= "\0"',
    "a control token": "root ::= <[0]>",
    "nothing": "",
    "no grammar": "Please answer with yes or no.",
    "exponential beginnings": chained(40, lambda at: f'r{at} ::= r{at + 1} "a" | r{at + 1} "b"'),
    "many names": "\n".join(f'r{at} ::= "a"' for at in range(100_000)),
    "many operations": "root ::= " + '"ab" ' * 45_000 * 5,
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_grammar_is_refused_at_once_and_nothing_of_it_is_repeated(name):
    started = time.thread_time()
    with pytest.raises(FormatRefused) as caught:
        Matcher(parse(HOSTILE[name]))
    assert time.thread_time() - started < 3
    assert len(caught.value.reason) < 120
    assert "please" not in caught.value.reason.lower()


@pytest.mark.parametrize(
    "grammar",
    [
        'root ::= "a" root "b" | "a" root "c" | "a"',
        'root ::= "a" | ' + " | ".join(f'"a" root "{at}"' for at in range(1000)),
        "root ::= (" + " | ".join(f'"a" "{at}"?' for at in range(500)) + ")* root? ",
        'root ::= ("a" | "a" "a" | "aaa")* "b"',
        'root ::= [^b]* root2 "b"\nroot2 ::= ("a"* "a"*){50}',
        'root ::= "a"{0,500} "a"{0,500} "b"',
    ],
)
def test_a_grammar_that_explodes_later_is_given_up_or_followed_quickly(grammar):
    started = time.thread_time()

    def follow():
        matcher = Matcher(parse(grammar))
        for _ in range(3000):
            matcher.accept(b"a")

    with suppress(FormatRefused):
        follow()
    assert time.thread_time() - started < 20


@settings(max_examples=400, deadline=None)
@given(st.text(alphabet='root:=|()[]{}*+?.,"\\^-# \nax019<!é\0', max_size=60))
def test_any_text_is_a_grammar_or_refused(text):
    try:
        matcher = Matcher(parse(f"root ::= {text}"))
        for byte in b"aax":
            if not matcher.allows(bytes([byte])):
                break
            matcher.accept(bytes([byte]))
    except FormatRefused:
        pass
