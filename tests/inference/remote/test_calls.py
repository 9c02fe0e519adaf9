"""Calls of tools as servers stream them, well and badly."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.backends import CallPiece
from inference.errors import CallUnfit
from inference.remote.calls import MOST_WAITING_CHARS, Calls
from inference.remote.sse import Malformed

NAMES = {"get", "get_weather", "send_mail"}


def piece(index=0, name=None, arguments=None, **more):
    function = {"name": name, "arguments": arguments}
    made = {"index": index, "function": {key: text for key, text in function.items() if text is not None}}
    return {key: value for key, value in made.items() if value is not None} | more


def heard(*deltas, **more):
    """Each call as [name, arguments], and how many pieces each event brought."""
    calls = Calls(NAMES, **more)
    brought = [calls.feed(list(delta) if isinstance(delta, tuple) else [delta]) for delta in deltas]
    brought.append(calls.finish())
    made = []
    for one in (one for pieces in brought for one in pieces):
        if one.name:
            assert one.call == len(made), "a new call ends the one before it"
            made.append([one.name, one.arguments])
        else:
            assert one.call == len(made) - 1
            made[-1][1] += one.arguments
    assert calls.count == len(made)
    return made, [len(pieces) for pieces in brought]


def test_a_call_leaves_while_it_comes():
    deltas = [
        piece(0, "send_mail", "", id="c1", type="function"),
        piece(0, None, '{"to":'),
        piece(0, None, "1}"),
    ]
    assert heard(*deltas) == ([["send_mail", '{"to":1}']], [1, 1, 1, 0])


CASES = {
    "one after another": [
        piece(0, "get", "{}", id="a"), piece(1, "send_mail", '{"a"', id="b"), piece(1, None, ":1}"),
    ],
    "mixed": [
        piece(0, "get", "", id="a"), piece(1, "send_mail", '{"a', id="b"), piece(0, None, "{"),
        piece(1, None, '":1'), piece(0, None, "}"), piece(1, None, "}"),
    ],
    "in one event": [(piece(0, "get", "{}"), piece(1, "send_mail", '{"a":1}'))],
    "a name in pieces": [
        piece(0, "ge"), piece(0, "t"), piece(0, None, "{}"), piece(1, "send", None),
        piece(1, "_mail", '{"a":1}'),
    ],
    "arguments before the name": [
        piece(0, None, "{"), piece(0, None, "}"), piece(0, "get"), piece(1, None, '{"a":1}'),
        piece(1, "send_mail"),
    ],
    "every index 0": [piece(0, "get", "{}", id="a"), piece(0, "send_mail", '{"a":1}', id="b")],
    "every index 0 and no id": [piece(0, "get", "{}"), piece(0, "send_mail", '{"a":1}')],
    "no index": [
        piece(None, "get", "{}", id="a"), piece(None, "send_mail", '{"a":', id="b"), piece(None, None, "1}"),
    ],
    "no index and no id": [piece(None, "get", "{}"), piece(None, "send_mail", '{"a":1}')],
    "name and id repeated": [
        piece(0, "get", "{", id="a"), piece(0, "get", "}", id="a"), piece(0, "get", "", id="a"),
        piece(1, "send_mail", '{"a":', id="b"), piece(1, "send_mail", "1}", id="b"),
    ],
    "indexes that begin elsewhere": [piece(7, "get", "{}"), piece(3, "send_mail", '{"a":1}')],
    "null wherever it may stand": [
        {"index": 0, "id": None, "type": None, "function": {"name": "get", "arguments": None}},
        {"index": 0, "function": {"name": None, "arguments": "{}"}}, {"index": 0, "function": None},
        piece(1, "send_mail", '{"a":1}'),
    ],
}  # fmt: skip


@pytest.mark.parametrize("deltas", CASES.values(), ids=CASES)
def test_calls_are_put_in_order_however_a_server_sends_them(deltas):
    assert heard(*deltas)[0] == [["get", "{}"], ["send_mail", '{"a":1}']]


def test_the_second_call_waits_for_the_first_and_no_longer():
    deltas = [
        piece(0, "send_mail", "{"),
        piece(1, "send_mail", '{"b":'),
        piece(0, None, "}"),
        piece(1, None, "1}"),
    ]
    assert heard(*deltas)[1] == [2, 0, 3, 1, 0]


def test_what_is_no_json_goes_on_as_the_model_wrote_it():
    deltas = [piece(0, "send_mail", '{"to": ann@'), piece(1, "get", "{}"), piece(0, None, "x.io} or so")]
    assert heard(*deltas)[0] == [["send_mail", '{"to": ann@x.io} or so'], ["get", "{}"]]


def test_of_calls_that_are_not_wanted_only_the_first_is_read():
    deltas = [piece(0, "get", "{"), piece(1, "send_mail", "{}"), piece(0, None, "}")]
    assert heard(*deltas, is_parallel=False)[0] == [["get", "{}"]]


def test_half_characters_in_arguments_are_put_together():
    deltas = [piece(0, "send_mail", '{"a":"\ud83d'), piece(0, None, '\ude00"}')]
    assert heard(*deltas)[0] == [["send_mail", '{"a":"😀"}']]


@pytest.mark.parametrize(
    "deltas",
    [
        [piece(0, "delete_all", "{}")],
        [piece(0, "send", "{}")],
        [piece(0, "send_mail\ud800", "{}")],
        [piece(0, "get", "{}"), piece(1, "delete_all")],
    ],
)
def test_a_call_of_a_tool_that_was_not_offered_is_the_models_fault(deltas):
    with pytest.raises(CallUnfit):
        heard(*deltas)


@pytest.mark.parametrize(
    "deltas",
    [
        ["call"],
        [5],
        [None],
        [piece("0", "get")],
        [piece(-1, "get")],
        [piece(True, "get")],
        [piece(0, 5)],
        [piece(0, "get", {"a": 1})],
        [piece(0, "get", id=7)],
        [{"index": 0, "function": "get"}],
        [piece(0, "get", "{}", type="custom")],
        [piece(0, None, "{}")],
        [piece(0, "get", "{", id="a"), piece(0, "send_mail", "}", id="a")],
        [piece(0, "get", "{}"), piece(1, "get", "{"), piece(0, None, '{"more": 1}')],
        [piece(number, "get", "{}") for number in range(129)],
        [piece(0, "get", "{")] + [piece(1, "get" if not n else None, "x" * 1000) for n in range(1100)],
    ],
)
def test_what_cannot_be_a_call_is_malformed(deltas):
    with pytest.raises(Malformed):
        heard(*deltas)


def test_calls_are_a_list_or_nothing():
    calls = Calls(NAMES)
    assert calls.feed(None) == calls.feed([]) == calls.finish() == []
    with pytest.raises(Malformed):
        calls.feed({"0": {}})


def test_what_waits_has_a_bound_and_what_leaves_has_none():
    streamed = [piece(0, "send_mail", "{")] + [piece(0, None, "x" * 5000) for _ in range(300)]
    assert len(heard(*streamed)[0][0][1]) > MOST_WAITING_CHARS


values = st.dictionaries(st.text(max_size=5), st.text(max_size=8) | st.integers(), max_size=3)


@given(st.lists(st.tuples(st.sampled_from(sorted(NAMES)), values), max_size=4), st.randoms())
def test_any_cut_and_any_mixture_gives_the_same_calls(asked, random):
    wanted = [[name, json.dumps(arguments)] for name, arguments in asked]
    queues = []
    for number, (name, arguments) in enumerate(wanted):
        cuts = sorted(random.randint(0, len(arguments)) for _ in range(random.randint(0, 3)))
        parts = [arguments[a:b] for a, b in zip([0, *cuts], [*cuts, len(arguments)], strict=True)]
        queues.append([piece(number, name, parts[0])] + [piece(number, None, part) for part in parts[1:]])
    deltas, begun = [], 0  # calls begin in order
    while left := [number for number, queue in enumerate(queues) if queue]:
        number = random.choice([one for one in left if one <= begun])
        deltas.append(queues[number].pop(0))
        begun = max(begun, number + 1)
    assert heard(*deltas)[0] == wanted


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "index": st.sampled_from([0, 1, None, "x"]),
                "id": st.sampled_from(["a", "b", "", None, 3]),
                "function": st.fixed_dictionaries(
                    {},
                    optional={
                        "name": st.sampled_from(["get", "send_mail", "ge", "t", "", None, 3]),
                        "arguments": st.sampled_from(["{}", "{", "}", '"', "x", "", None, {}]),
                    },
                ),
            },
        ),
        max_size=8,
    )
)
def test_whatever_comes_the_pieces_are_in_order_or_refused(deltas):
    with suppress(Malformed, CallUnfit):
        heard(*deltas)


def test_pieces_name_their_choice():
    assert Calls(NAMES, choice=3).feed([piece(0, "send_mail", "{}")]) == [
        CallPiece(0, "send_mail", choice=3),
        CallPiece(0, "", "{}", 3),
    ]
