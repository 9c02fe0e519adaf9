"""Which server takes a conversation: laws, with seeds."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends import Generation, Message, Sampling
from inference.routing.choosing import BOUND, SLACK_TOKENS, Option, beginning_of, digest_of, pick, ranked


def options(*names, tokens=0, weight=1.0):
    return [Option(name, weight, tokens) for name in names]


def conversation(*said, model="m"):
    roles = ("system", "user", "assistant", "user")
    messages = tuple(Message(role, text) for role, text in zip(roles, said, strict=False))
    return Generation(messages, model, 10, Sampling(0.0), "alice", "r")


BEGINNINGS = [digest_of(str(number)) for number in range(4000)]


def test_the_turns_of_a_conversation_begin_alike():
    first = beginning_of(conversation("You help.", "Hi"))
    assert first == beginning_of(conversation("You help.", "Hi", "Hello!", "How are you?"))
    assert first != beginning_of(conversation("You help.", "Hello"))
    assert first != beginning_of(conversation("You help.", "Hi", model="other"))


def test_a_conversation_stays_where_it_is():
    here = pick(BEGINNINGS[0], options("a", "b", "c"))
    assert all(pick(BEGINNINGS[0], options(*names)) == here for names in (("c", "b", "a"), ("b", "a", "c")))


def test_conversations_spread_by_weight():
    servers = [*options("a", "b"), *options("c", weight=2.0)]
    counts = Counter(pick(each, servers).name for each in BEGINNINGS)
    assert counts["c"] == pytest.approx(2000, rel=0.1)
    assert counts["a"] == pytest.approx(1000, rel=0.15)


def test_a_server_that_leaves_moves_its_own_conversations_only():
    before = {each: ranked(each, options("a", "b", "c"))[0].name for each in BEGINNINGS}
    after = {each: ranked(each, options("a", "b"))[0].name for each in BEGINNINGS}
    assert all(after[each] == name for each, name in before.items() if name != "c")
    moved = Counter(after[each] for each, name in before.items() if name == "c")
    assert moved["a"] == pytest.approx(moved["b"], rel=0.2)


def test_a_server_with_too_much_to_do_passes_a_conversation_on():
    here = pick(BEGINNINGS[0], options("a", "b")).name
    other = "b" if here == "a" else "a"
    busy = [Option(here, 1.0, SLACK_TOKENS), Option(other, 1.0, 0)]
    assert pick(BEGINNINGS[0], busy).name == here
    busy = [Option(here, 1.0, SLACK_TOKENS + 1), Option(other, 1.0, 0)]
    assert pick(BEGINNINGS[0], busy).name == other


@given(
    st.binary(min_size=16, max_size=16),
    st.lists(st.tuples(st.floats(0.1, 10), st.integers(0, 10**6)), min_size=1, max_size=8),
)
def test_nobody_gets_more_than_his_share_and_a_little(beginning, given_servers):
    servers = [Option(str(number), *each) for number, each in enumerate(given_servers)]
    taken = pick(beginning, servers)
    share = sum(each.tokens for each in servers) / sum(each.weight for each in servers)
    least = min(each.tokens / each.weight for each in servers)
    assert taken.tokens / taken.weight <= max(BOUND * share, least + SLACK_TOKENS) or len(servers) == 1


@pytest.mark.parametrize("seed", range(5))
def test_load_stays_even_when_one_beginning_is_everybodys(seed):
    chance, tokens = random.Random(seed), dict.fromkeys("abcd", 0)
    for _ in range(2000):
        beginning = BEGINNINGS[0] if chance.random() < 0.8 else chance.choice(BEGINNINGS)
        taken = pick(beginning, [Option(name, 1.0, owed) for name, owed in tokens.items()])
        tokens[taken.name] += chance.randint(50, 2000)
    assert max(tokens.values()) <= BOUND * sum(tokens.values()) / 4 + SLACK_TOKENS + 2000
