"""Which slot holds the beginning of a prompt."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inference.prefixes import Prefixes

TOKENS = st.lists(st.integers(0, 2), max_size=12)
DOING = st.one_of(
    st.tuples(st.just("set"), st.integers(0, 4), TOKENS),
    st.tuples(st.just("append"), st.integers(0, 4), st.integers(0, 2)),
    st.tuples(st.just("cut"), st.integers(0, 4), st.integers(0, 12)),
    st.tuples(st.just("drop"), st.integers(0, 4), st.none()),
)


def shared(ours, asked):
    count = 0
    while count < min(len(ours), len(asked)) and ours[count] == asked[count]:
        count += 1
    return count


def distinct(held):
    """How many nodes a plain trie of these sequences has."""
    return len({tuple(tokens[: n + 1]) for tokens in held.values() for n in range(len(tokens))})


@settings(max_examples=300, deadline=None)
@given(st.lists(DOING, max_size=40), st.lists(TOKENS, min_size=1, max_size=4))
def test_it_always_knows_what_a_plain_comparison_finds(doings, questions):
    index, held = Prefixes(), {}
    for what, slot, with_what in doings:
        if what == "set":
            index.set(slot, with_what)
            held[slot] = list(with_what)
        elif what == "append" and held.get(slot):
            index.append(slot, with_what)
            held[slot].append(with_what)
        elif what == "cut":
            index.cut(slot, with_what)
            held[slot] = held.get(slot, [])[:with_what]
        elif what == "drop":
            index.drop(slot)
            held[slot] = []
        assert index.tokens == distinct(held)
    for asked in questions:
        expected = {slot: shared(tokens, asked) for slot, tokens in held.items() if shared(tokens, asked)}
        assert index.match(asked) == expected


def test_scopes_never_see_each_other():
    index = Prefixes()
    index.set(0, [1, 2, 3], scope="alice")
    assert index.match([1, 2, 3], scope="bob") == {}
    assert index.match([1, 2, 3]) == {}
    assert index.match([1, 2, 9], scope="alice") == {0: 2}


def test_nothing_is_left_of_a_scope_that_is_gone():
    index = Prefixes()
    index.set(0, [1, 2, 3], scope="alice")
    index.drop(0)
    assert not index._roots
    assert not index._ends
