"""`logprobs` over HTTP, in the shapes of chat completions and completions, streamed and not."""

import pytest

from inference.backends import Piece, TokenLogprob
from prompts import composition
from prompts.models import Prompt
from sanitization.policies import Policy
from tests.fakes import Parrot, Shelf, house_of
from tests.prompts.v1.conftest import chunks_of

pytestmark = pytest.mark.django_db(transaction=True)
SAID = ["Hi", " ann", "@corp", ".com", ",", " yes", "."]


def words(*texts, top=("No", "4111 1111 1111 1111")):
    others = tuple(TokenLogprob(other.encode(), -3.0) for other in top)
    return [Piece(text, 0, (TokenLogprob(text.encode(), -0.25, others),)) for text in texts]


async def logprobs_of(response, *, streamed):
    """What each choice says of its tokens: lists of entries, and the texts."""
    if not streamed:
        choices = response.json()["choices"]
        return [choice["logprobs"] for choice in choices], choices
    found = {}
    chunks = (await chunks_of(response))[:-1]
    for choice in (one for chunk in chunks for one in chunk["choices"]):
        for name, listed in (choice["logprobs"] or {}).items():
            if listed:
                found.setdefault(choice["index"], {}).setdefault(name, []).extend(listed)
    return [found[number] for number in sorted(found)], chunks


@pytest.mark.parametrize("streamed", [False, True])
async def test_tokens_of_an_answer_have_openais_shape_and_say_nothing_that_it_does_not(
    as_alice, parrot, streamed
):
    parrot.words = words(*SAID)
    response = await as_alice.chat("hello", logprobs=True, top_logprobs=2, n=2, stream=streamed)
    (first, second), whole = await logprobs_of(response, streamed=streamed)
    assert first["content"][0] == {
        "token": "Hi",
        "logprob": -0.25,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "No", "logprob": -3.0, "bytes": [78, 111]}],
    }
    assert [entry["token"] for entry in first["content"]] == ["Hi", ",", " yes", "."]
    assert [entry["token"] for entry in second["content"]] == ["Hi", ",", " yes", "."]
    assert "corp" not in str(whole)
    assert "4111 1111" not in str(whole)
    assert parrot.generations[0].logprobs == 2
    assert "-0.25" not in str(vars(await Prompt.objects.aget())), "the book keeps no tokens"


@pytest.mark.parametrize("streamed", [False, True])
async def test_the_older_shape_has_its_lists(as_alice, parrot, streamed):
    parrot.words = words(*SAID)
    response = await as_alice.post(
        "completions", {"prompt": "I am ann@corp.com", "logprobs": 1, "stream": streamed}
    )
    (listed,), _ = await logprobs_of(response, streamed=streamed)
    assert listed["tokens"] == ["Hi", ",", " yes", "."]
    assert listed["token_logprobs"] == [-0.25] * 4
    assert listed["top_logprobs"] == [{"No": -3.0}] * 4
    assert listed["text_offset"] == [0, 12, 13, 17]


async def test_a_placeholder_that_is_turned_back_has_no_tokens(as_alice, parrot):
    parrot.words = words("Dear ", "[EMAIL", "_1]", "!")
    response = await as_alice.chat("I am ann@corp.com", logprobs=True)
    (choice,) = response.json()["choices"]
    assert choice["message"]["content"] == "Dear ann@corp.com!"
    assert [entry["token"] for entry in choice["logprobs"]["content"]] == ["Dear ", "!"]


async def test_without_being_asked_for_no_token_is_told_and_none_is_computed(as_alice, parrot):
    parrot.words = words(*SAID)
    for more in ({}, {"logprobs": False}, {"logprobs": None, "top_logprobs": 0}):
        assert (await as_alice.chat("hello", **more)).json()["choices"][0]["logprobs"] is None
    assert [asked.logprobs for asked in parrot.generations] == [None] * 3
    response = await as_alice.client.post(
        "/prompt", {"prompt": "hello"}, content_type="application/json", headers=as_alice.headers
    )
    assert "logprobs" not in response.json()


async def test_answers_with_tokens_are_not_kept(as_alice, journal):
    parrot = Parrot(words("Yes"))
    composition.install(house_of(parrot, journal=journal, cache=Shelf(), policy=Policy()))
    for _ in range(2):
        response = await as_alice.chat("hello", temperature=0, logprobs=True)
        assert response["x-gateway-cache"] == "off"
        assert response.json()["choices"][0]["logprobs"]["content"][0]["token"] == "Yes"
    await as_alice.chat("hello", temperature=0)
    assert len(parrot.generations) == 3
