"""Tokens of an answer: none says what was taken out of it, and where nothing was, they are the answer."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends import Piece, TokenLogprob
from prompts.choices import Choice
from prompts.logprobs import AROUND, LEAST, Alignment
from sanitization.chain import Chain
from sanitization.filters import DEFAULT_FILTERS
from sanitization.policies import Policy
from sanitization.restore import Restorer
from sanitization.spans import Action

CHAIN = Chain.from_paths(DEFAULT_FILTERS, key=b"0" * 32)
CARD = "4111 1111 1111 1111"
MAIL = "bob@corp.com"
PROMPT = {"/prompt": "I am ann@corp.com"}
FILLER = " The weather is fine today, and so are we, all of us in this old house by the sea."


def token(text, *others, logprob=-0.5):
    raw = text if isinstance(text, bytes) else text.encode()
    return TokenLogprob(raw, logprob, tuple(TokenLogprob(other.encode(), -2.0) for other in others))


def answered(pieces, *, policy=None, streamed=True, calls=None):
    """A choice that said these pieces, (text, tokens) each, to its end, and the deltas."""
    policy = policy or Policy()
    placeholders = CHAIN.screen_prompt(PROMPT, policy).placeholders
    choice = Choice(0, lambda: Restorer(placeholders, policy.html), streamed=streamed)
    choice.open(partial(CHAIN.open_answer, policy, placeholders), calls)
    choice.follow_tokens(partial(CHAIN.is_clean, policy, placeholders))
    deltas = []
    for text, tokens in pieces:
        if not choice.is_blocked:
            deltas += map(choice.restore, choice.hear(Piece(text, 0, tuple(tokens))))
    deltas += [choice.restore(heard) for heard in choice.rest()] + choice.restore_rest()
    return choice, [delta for delta in deltas if delta is not None]


def said(*tokens):
    """A piece for each token, in UTF-8 whole characters."""
    return [(one.raw.decode(), [one]) for one in tokens]


def spelled(choice):
    return b"".join(shown.token.raw for shown in choice.shown.tokens)


def tops(choice):
    return [[other.raw.decode() for other in shown.token.top] for shown in choice.shown.tokens]


def test_where_nothing_is_found_the_tokens_are_the_answer():
    choice, deltas = answered(said(token("Yes", "Yes", "No"), token(","), token(" it"), token(" is.")))
    assert spelled(choice) == b"Yes, it is."
    assert [shown.offset for shown in choice.shown.tokens] == [0, 3, 4, 7]
    assert tops(choice) == [["Yes", "No"], [], [], []]
    assert "".join(delta.text for delta in deltas) == "Yes, it is."
    assert tuple(shown for delta in deltas for shown in delta.tokens) == choice.shown.tokens


def test_tokens_of_what_was_found_are_withheld_and_those_around_it_are_not():
    choice, _ = answered(
        said(token("Mail"), token(" bob"), token("@corp"), token(".com"), token(" or"), token(" not"))
    )
    assert choice.shown.text == "Mail [EMAIL_2] or not"
    assert spelled(choice) == b"Mail or not"
    assert [shown.offset for shown in choice.shown.tokens] == [0, 14, 17]


def test_a_token_that_reaches_into_what_was_found_is_withheld():
    choice, _ = answered(said(token("Mail bob@"), token("corp.com now"), token(".")))
    assert choice.shown.text == "Mail [EMAIL_2] now."
    assert spelled(choice) == b"."


def test_placeholders_and_what_comes_back_for_them_are_withheld():
    choice, _ = answered(
        said(token("Dear ["), token("EMAIL"), token("_1"), token("]"), token("!"), token(" Hi"))
    )
    assert choice.shown.text == "Dear ann@corp.com! Hi"
    assert spelled(choice) == b"! Hi"
    assert [shown.offset for shown in choice.shown.tokens] == [17, 18]


def test_a_block_ends_the_tokens_too():
    policy = Policy(answer={"email": Action.BLOCK})
    choice, _ = answered(said(token("Mail "), token(MAIL), token(" now")), policy=policy)
    assert spelled(choice) == b"Mail "


def test_parts_of_a_character_are_shown_with_it():
    raw = "a😀b".encode()
    tokens = [token(raw[:2]), token(raw[2:4]), token(raw[4:])]
    choice, _ = answered([("a😀b", tokens)])
    assert spelled(choice) == raw
    assert [shown.offset for shown in choice.shown.tokens] == [0, 1, 1]


HIDES = {
    "alone": [token("So: ", CARD), token("no")],
    "in place of its token": [token("411"), token("X", "1", "Y"), token(" 1111 1111 1111")],
    "with the text behind it": [token("b", "bob@"), token("corp.com")],
    "with the text before it": [token("4111 1111 1111 111"), token("X", "1")],
    "one after another": [token("bob", "bob@", "corp.com"), token(" x")],
    "rank by rank": [token("So ", "bob@"), token("we", "corp"), token(" go", ".com")],
    "behind its token": [token("bob@", "corp.com", "x"), token(" no")],
}


@pytest.mark.parametrize("tokens", HIDES.values(), ids=HIDES)
@pytest.mark.parametrize("streamed", [True, False])
def test_alternatives_do_not_say_what_the_answer_may_not(tokens, streamed):
    choice, _ = answered(said(*tokens, token(FILLER)), streamed=streamed)
    readings = readings_of(choice)
    for value in (CARD, MAIL):
        assert not any(value in reading for reading in readings), tops(choice)


def readings_of(choice):
    """What somebody could read in what was shown: tokens, alternatives rank by rank, both as they stand, and
    the answer with an alternative in the place of a token."""
    tokens, text = choice.shown.tokens, choice.shown.text
    readings = ["".join(part(shown) for shown in tokens) for part in (_own, _others, _all)]
    for rank in range(max((len(shown.token.top) for shown in tokens), default=0)):
        readings.append(
            "".join(_text(shown.token.top[rank]) for shown in tokens if rank < len(shown.token.top))
        )
    for shown in tokens:
        before, behind = text[: shown.offset], text[shown.offset + len(_own(shown)) :]
        readings += [f"{before}{_text(other)}{behind}" for other in shown.token.top]
    return readings


def _text(token):
    return token.raw.decode("utf-8", "replace")


def _own(shown):
    return _text(shown.token)


def _others(shown):
    return "".join(map(_text, shown.token.top))


def _all(shown):
    return _own(shown) + _others(shown)


def test_harmless_alternatives_are_shown_beside_harmful_ones():
    choice, _ = answered(said(token("I say", CARD, " We", MAIL, " You"), token(FILLER, " 1", " 2", " 3")))
    assert tops(choice) == [[" We", " You"], [" 1", " 2", " 3"]]


def test_alternatives_wait_for_the_text_behind_them_and_tokens_without_any_do_not():
    words = [token(f"w{at} ", "x") for at in range(AROUND)]
    _, deltas = answered(said(*words))
    assert deltas[0].tokens == ()
    assert sum(len(delta.tokens) for delta in deltas[:-1]) > AROUND // 2
    _, deltas = answered(said(*(token(f"word{at} ") for at in range(9))))
    assert sum(len(delta.tokens) for delta in deltas[:-1]) > 4


def test_what_json_cannot_say_is_said_as_openai_does():
    choice, _ = answered(said(token("a", "b", logprob=float("-inf")), token("c", logprob=float("nan"))))
    assert [shown.token.logprob for shown in choice.shown.tokens] == [LEAST, LEAST]


# -- where tokens stand --


def aligned(*pieces):
    alignment = Alignment()
    return [
        (one.raw, start, end) for text, tokens in pieces for one, start, end in alignment.feed(text, tokens)
    ]


def test_tokens_may_come_before_their_text_and_after_it():
    ahead = aligned(("", [token("ab")]), ("a", [token("c")]), ("bc", []))
    behind = aligned(("abc", []), ("", [token("ab"), token("c")]))
    assert ahead == behind == [(b"ab", 0, 2), (b"c", 2, 3)]


def test_tokens_that_are_not_in_the_text_are_dropped():
    assert aligned(("abc", [token("x"), token("ab"), token(""), token("zz"), token("c")])) == [
        (b"ab", 0, 2),
        (b"c", 2, 3),
    ]


def test_text_without_tokens_is_passed_over():
    assert aligned(("Hello ", []), ("you", [token("you")])) == [(b"you", 6, 9)]
    assert aligned(("é", [token(b"\xff")]), ("you", [token("you")])) == [(b"you", 1, 4)]


# -- laws --


def sanitized(text):
    """What the chain leaves of it: a card in a longer row of digits is none."""
    return CHAIN.open_answer(Policy(), CHAIN.screen_prompt(PROMPT, Policy()).placeholders).whole(text)


PARTS = st.lists(
    st.sampled_from(
        [
            CARD,
            MAIL,
            "[EMAIL_1]",
            " and ",
            "é",
            "😀",
            "\n",
            "x@",
            "4111",
            "<b>",
            "`",
            "https://x.example/?q=1",
            ".",
        ]
    ),
    max_size=6,
).map("".join)
ALTERNATIVES = st.sampled_from(
    ["4111", " 1111", "1", "bob", "@", "corp", ".com", "bob@corp", CARD, MAIL, "x", " "]
)


@given(PARTS, st.randoms(use_true_random=False), st.lists(ALTERNATIVES, min_size=8, max_size=8))
@settings(max_examples=80, deadline=None)
def test_however_an_answer_is_cut_no_token_says_what_was_found(text, random, alternatives):
    raw = text.encode()
    cuts = sorted({random.randint(0, len(raw)) for _ in range(random.randint(0, 12))} - {0, len(raw)})
    tokens = [
        token(raw[a:b], *random.sample(alternatives, random.randint(0, 3)))
        for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)
    ]
    pieces, sent = [], 0
    for at, one in enumerate(tokens):  # text comes when its characters are whole, or later
        so_far = b"".join(each.raw for each in tokens[: at + 1]).decode("utf-8", "ignore")
        if at + 1 == len(tokens) or random.random() < 0.7:
            pieces.append((so_far[sent:], [one]))
            sent = len(so_far)
        else:
            pieces.append(("", [one]))
    choice, deltas = answered(pieces, streamed=random.random() < 0.7)
    readings, seen = readings_of(choice), choice.shown.text
    for value in (CARD, MAIL):
        said_in = [reading for reading in readings if value in reading and value not in seen]
        assert not any(value not in sanitized(reading) for reading in said_in)
    assert not any("ann@corp.com" in reading for reading in readings[:3])
    for shown in choice.shown.tokens:
        assert _own(shown) in choice.shown.text or "\ufffd" in _own(shown)
    if choice.shown.text == text:
        assert spelled(choice) == raw
    assert "".join(delta.text for delta in deltas) == choice.shown.text
