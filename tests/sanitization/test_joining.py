"""Many findings that stand close together become few."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sanitization.joining import FREE, GAP, LONGEST, Joiner

UNITS = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 1, GAP, GAP + 1]),
        st.sampled_from([1, 2, LONGEST // 2]),
        st.sampled_from("ab"),
        st.sampled_from(["", "!"]),
    ),
    max_size=40,
)


def _laid_out(units):
    """The spans of a text, and the text: a gap, then what is found, again and again."""
    spans, at = [], FREE * 2
    for gap, size, rule, replacement in units:
        spans.append((at + gap, at + gap + size, rule, replacement))
        at += gap + size
    return spans, "".join(chr(0x4E00 + place % 997) for place in range(at + 5))


@settings(deadline=None)
@given(UNITS, st.booleans(), st.integers(0, 40))
def test_many_spans_at_once_are_joined_as_one_by_one(units, mixes, cut):
    spans, text = _laid_out(units)
    crowd = [(2 * number, 2 * number + 1, "a", "") for number in range(FREE)]

    one_by_one, expected, done = Joiner(mixes=mixes), [], 0
    for start, end, rule, replacement in [*crowd, *spans]:
        expected += one_by_one.keep(text[done:start]) + one_by_one.add(start, end, rule, replacement)
        done = end
    expected += one_by_one.keep(text[done:]) + one_by_one.close()

    together = Joiner(mixes=mixes)
    middle = spans[cut][0] if cut < len(spans) else len(text)
    found = together.take(crowd, text, 0, FREE * 2, base=0)
    found += together.take(spans[:cut], text[FREE:], FREE * 2, middle, base=FREE)
    found += together.take(spans[cut:], text, middle, len(text), base=0)
    assert found + together.close() == expected
