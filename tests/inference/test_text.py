"""From bytes to text that may be shown."""

from hypothesis import given
from hypothesis import strategies as st

from inference.text import Transcript


def shown(pieces, stop=()):
    transcript = Transcript(stop)
    return [*(transcript.feed(piece) for piece in pieces), transcript.finish()]


def test_a_character_is_never_split():
    assert shown(["é".encode()[:1], "é".encode()[1:]]) == ["", "é", ""]
    emoji = "🙂".encode()
    assert shown([emoji[:1], emoji[1:3], emoji[3:]]) == ["", "", "🙂", ""]


def test_bytes_that_are_no_character_are_replaced():
    assert "".join(shown([b"a\xff", b"b", b"\xf0\x9f"])) == "a\ufffdb\ufffd"


def test_a_stop_string_is_found_across_pieces_and_not_shown():
    assert shown([b"one ", b"tw", b"o three"], ["two"]) == ["one ", "", "", ""]


def test_what_only_looked_like_a_stop_string_is_shown():
    assert shown([b"one tw", b"ig"], ["two"]) == ["one ", "twig", ""]


def test_the_stop_string_that_is_complete_first_ends_the_text():
    assert "".join(shown([b"xabcd"], ["abcd", "bc"])) == "xa"
    assert "".join(shown([b"xab", b"cd"], ["abcd", "bc"])) == "xa"


def test_nothing_is_shown_after_a_stop():
    transcript = Transcript(["."])
    assert transcript.feed(b"end. more") == "end"
    assert transcript.stopped
    assert transcript.feed(b"more") == transcript.finish() == ""


@given(st.text(alphabet="ab.é🙂"), st.lists(st.text(alphabet="ab.", min_size=1), max_size=2), st.data())
def test_how_the_bytes_are_cut_never_matters(text, stop, data):
    raw = text.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    ends = [end for end in range(len(text) + 1) if text[:end].endswith(tuple(stop))]
    expected = text
    if ends:
        expected = min((text[: ends[0]].removesuffix(each) for each in stop), key=len)
    assert "".join(shown(pieces, stop)) == expected
