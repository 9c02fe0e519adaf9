from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanitization.normalize import Normalized, fold
from tests.sanitization.samples import EVERYTHING, pieces


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("plain, with\ttabs\r\n", "plain, with\ttabs\r\n"),
        ("a\u200bb\u00adc\u202ed\ufe0fe\U000e0041f", "abcdef"),
        ("a\x00b\x1bc\x7fd\x9be", "abcde"),
        ("a\u00a0b\u2003c\u3000d\u2028e", "a b c d\ne"),
        ("1‐2‑3–4—5−6", "1-2-3-4-5-6"),
        ("ＡＢ＠ｅｘ．ｃｏｍ", "AB@ex.com"),
        ("٣१๓", "313"),
        ("аесорху АВЕКМНОРСТХ", "aecopxy ABEKMHOPCTX"),
        ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo"),
        ("ﬁ…", "fi..."),
        ("‘a’ “b”", "'a' \"b\""),
        ("ᴀɴɴ 🅐🅱 ɑ ᏔᎪ", "ann AB a WA"),
        ("4\ufe0f\u20e3 \u277b\u2475\u2488\u00b2 a\u1dc4b\u20ddc\ufe20", "4 6212 abc"),
        ("№7", "#7"),
        ("half \ud800", "half \ufffd"),
        ("müller 用户", "müller 用户"),
    ],
)
def test_what_reads_alike_is_alike(text, folded):
    assert fold(text)[0] == folded


def test_colours_of_a_terminal_are_not_there_however_they_are_cut():
    text = "a\x1b[31m10.0\x1b[0;1m.0.1\x1b[m b\x1b[ \x1b]c"
    for cut in range(len(text) + 1):
        copy = Normalized()
        copy.append(text[:cut])
        copy.append(text[cut:], last=True)
        assert copy.text == "\na10.0.0.1 b[ ]c"
        assert [copy.place(at) for at in (1, 2, 6, 10)] == [0, 6, 16, 23]


def test_plain_text_is_not_copied():
    text = "nothing to fold here"
    assert fold(text) == (text, None)
    assert fold(text)[0] is text


def test_nothing_composes_across_characters():
    assert fold("e\u0301 4\u0336") == ("e 4", [0, 2, 3])
    assert fold("é")[0] == "é"


@given(text=EVERYTHING, seed=st.integers(0, 2**32))
def test_every_character_knows_where_it_stood_however_the_text_came(text, seed):
    whole, grown = Normalized(), Normalized()
    whole.append(text, last=True)
    dropped = 0
    for piece in pieces(text, seed):
        grown.append(piece)
        count = len(grown.text) // 2
        grown.drop(count)
        dropped += count
    grown.append("", last=True)
    assert grown.text == whole.text[dropped:]
    for index in range(len(grown.text) + 1):
        assert grown.place(index) == whole.place(dropped + index)
    for index in range(1, len(whole.text)):
        assert whole.text[index] in fold(unescape(text[whole.place(index) : whole.end(index)]))[0]


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("ann&#64;x &#x40;&#X40; &commat;", "ann@x @@ @"),
        ("&#64x &#64", "@x @"),
        ("1&nbsp;2&ZeroWidthSpace;3&#8203;4", "1 234"),
        ("&amp;#64;", "&#64;"),
        ("AT&T a&b; &nosuch; &#9999999; &", "AT&T a&b; &nosuch; &#9999999; &"),
        ("&#xff21;&fflig;", "Aff"),
        ("&#0;&#xd800;", "&#0;&#xd800;"),
    ],
)
def test_a_character_reference_reads_as_its_character_however_it_is_cut(text, copy):
    for cut in range(len(text) + 1):
        grown = Normalized()
        grown.append(text[:cut])
        assert grown.settled >= cut - 34
        grown.append(text[cut:], last=True)
        assert grown.text == "\n" + copy
        assert grown.settled == len(text)


def test_a_finding_covers_the_whole_of_a_character_reference():
    copy = Normalized()
    copy.append("x &#97;nn&#64;example.co&#x6d;!", last=True)
    start = copy.text.index("ann")
    end = copy.text.index("!") - 1
    assert (copy.place(start), copy.end(end)) == (2, 30)


def test_what_is_dropped_is_forgotten_with_its_places():
    for odd in ("\u200b", "㎏", "&#64;", "&", "а", "\ud800"):
        copy = Normalized()
        for _ in range(100):
            copy.append(odd * 1000)
            copy.drop(len(copy.text) - 1)
        assert len(copy._at) < 10_000


def test_no_sequence_takes_the_first_letter_of_a_value_along():
    copy = Normalized()
    copy.append("\x1b[AKIA \x1b[4111 \x1b[1;31\x1b", last=True)
    assert copy.text == "\n[AKIA [4111 [1;31"
