"""Server-sent events, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.remote.sse import EventStream, Malformed


def read(*chunks, max_bytes=1 << 16):
    """The events, and why it stopped."""
    stream, found = EventStream(max_bytes=max_bytes), []
    try:
        for chunk in chunks:
            for data in stream.feed(chunk):
                found.append(data)
    except Malformed as error:
        return found, error.why
    return found, ""


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data: a\n\ndata: b\n\n", ["a", "b"]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", ["a", "b", "c"]),
        (b"data:a\n\n", ["a"]),
        (b"data:  a\n\n", [" a"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b": a comment\n\ndata: a\n\n", ["a"]),
        (b"event: message\nid: 1\nretry: 5\ndata: a\n\n", ["a"]),
        (b"\xef\xbb\xbfdata: a\n\n", ["a"]),
        (b"data\n\n", [""]),
        (b"\n\n\n", []),
        (b"datas: a\n\n", []),
        (b"data: a", []),
        (b"data: a\n", []),
        ("data: é€😀\n\n".encode(), ["é€😀"]),
    ],
)
def test_events_are_read_as_the_standard_says(raw, events):
    assert read(raw) == (events, "")


def test_what_is_no_utf8_is_refused_after_the_last_good_event():
    assert read(b"data: a\n\ndata: \xff\n\ndata: b\n\n") == (["a"], "not UTF-8")
    assert read(b": \xff\n\ndata: a\n\n") == (["a"], "")


@pytest.mark.parametrize(
    "chunks",
    [
        [b"data: " + b"x" * 2000 + b"\n\n"],
        [b"x" * 10] * 200,
        [b"data: xxxxxxxx\n"] * 200,
        [b"data:\n"] * 2000,
        [b":" + b"x" * 5000],
    ],
)
def test_an_event_has_a_largest_size(chunks):
    assert read(*chunks, max_bytes=1000) == ([], "too long")


def test_ten_megabytes_without_an_end_are_refused_long_before_they_are_held():
    stream = EventStream(max_bytes=1 << 20)
    for _ in range(16):
        list(stream.feed(b"x" * (64 << 10)))
    with pytest.raises(Malformed):
        list(stream.feed(b"x"))


lines = st.lists(
    st.sampled_from(
        [
            b"data: a",
            b"data: \xc3\xa9",
            b"data:",
            b"data",
            b": c",
            b"event: e",
            b"",
            b"",
            b"x" * 30,
            b"data: \xff",
        ]
    ),
    max_size=12,
)
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.data())
def test_every_cut_gives_the_same_events(data):
    raw = b"".join(line + data.draw(ends) for line in data.draw(lines))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    chunks = [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert read(*chunks, max_bytes=64) == read(raw, max_bytes=64)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw):
    whole = read(raw, max_bytes=50)
    assert read(*(raw[at : at + 1] for at in range(len(raw))), max_bytes=50) == whole
