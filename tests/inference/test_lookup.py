"""Guessing what an answer says next."""

from inference.lookup import RETRY_TOKENS, Lookup


def test_what_followed_before_is_guessed_again():
    assert Lookup().guess([1, 2, 3, 4, 5, 9, 1, 2, 3], 3) == [4, 5, 9]


def test_the_newest_place_counts():
    assert Lookup().guess([1, 2, 7, 1, 2, 8, 1, 2], 1) == [8]


def test_a_longer_run_counts_for_more_than_a_newer_one():
    assert Lookup().guess([1, 2, 3, 7, 0, 2, 3, 8, 1, 2, 3], 1) == [7]


def test_nothing_is_guessed_from_nothing():
    assert Lookup().guess([], 4) == []
    assert Lookup().guess([1], 4) == []
    assert Lookup().guess([1, 2, 3, 4], 4) == []


def test_it_learns_as_the_answer_grows():
    lookup, tokens = Lookup(), [1, 2, 3, 4]
    assert lookup.guess(tokens, 2) == []
    tokens += [1, 2]
    assert lookup.guess(tokens, 2) == [3, 4]


def test_wrong_guesses_lower_what_is_expected_and_right_ones_raise_it():
    lookup = Lookup()
    before = lookup.acceptance
    lookup.note(guessed=3, right=0)
    assert lookup.acceptance < before
    for _ in range(50):
        lookup.note(guessed=2, right=2)
    assert lookup.acceptance > 0.95


def test_an_answer_that_stopped_guessing_tries_again_now_and_then():
    lookup, tokens = Lookup(), [1, 2, 3] * 3
    assert lookup.guess(tokens, 2)
    tries = 0
    for _ in range(3 * RETRY_TOKENS):
        tokens.append(tokens[-3])
        tries += bool(lookup.guess(tokens, 0))
    assert tries == 3
