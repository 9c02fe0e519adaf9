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
        ("half \ud800", "half \ufffd"),
        ("müller 用户", "müller 用户"),
    ],
)
def test_what_reads_alike_is_alike(text, folded):
    assert fold(text)[0] == folded


def test_plain_text_is_not_copied():
    text = "nothing to fold here"
    assert fold(text) == (text, None)
    assert fold(text)[0] is text


def test_nothing_composes_across_characters():
    assert fold("e\u0301")[0] == "e\u0301"
    assert fold("é")[0] == "é"


@given(text=EVERYTHING, seed=st.integers(0, 2**32))
def test_every_character_knows_where_it_stood_however_the_text_came(text, seed):
    whole, grown = Normalized(), Normalized()
    whole.append(text)
    dropped = 0
    for piece in pieces(text, seed):
        grown.append(piece)
        count = len(grown.text) // 2
        grown.drop(count)
        dropped += count
    assert grown.text == whole.text[dropped:]
    for index in range(len(grown.text) + 1):
        assert grown.place(index) == whole.place(dropped + index)
    for index in range(1, len(whole.text)):
        assert whole.text[index] in fold(text[whole.place(index)])[0]
