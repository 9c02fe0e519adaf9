"""What models say beside an answer: sanitized and restored as the answer is, and kept with it."""

import json

import pytest

from inference.backends import AsidePiece, CallPiece
from prompts import composition
from prompts.asides import MOST_ASIDES
from prompts.models import Prompt
from sanitization.policies import Policy
from tests.fakes import Parrot, Shelf, house_of
from tests.prompts.v1.conftest import chunks_of

pytestmark = pytest.mark.django_db(transaction=True)
SAID = [
    AsidePiece("reasoning", "He is [EMA"),
    AsidePiece("reasoning", "IL_1], not bob@co"),
    AsidePiece("reasoning", "rp.com."),
    "Yes",
    ".",
]


async def heard(response, *, stream):
    """Reasoning, refusal, content, finish reason."""
    if not stream:
        (choice,) = response.json()["choices"]
        message = choice["message"]
        said = [message.get(name) for name in ("reasoning_content", "refusal", "content")]
        return [text or "" for text in said], choice["finish_reason"]
    said, reason = ["", "", ""], None
    for chunk in (await chunks_of(response))[:-1]:
        (choice,) = chunk["choices"]
        reason = choice["finish_reason"]
        for at, name in enumerate(("reasoning_content", "refusal", "content")):
            said[at] += choice["delta"].get(name) or ""
    return said, reason


@pytest.mark.parametrize("stream", [False, True])
async def test_reasoning_is_sanitized_restored_and_kept_sanitized(as_alice, parrot, stream):
    parrot.words = SAID
    response = await as_alice.chat("I am ann@corp.com", stream=stream)
    said, reason = await heard(response, stream=stream)
    assert said == ["He is ann@corp.com, not [EMAIL_2].", "", "Yes."]
    assert reason == "stop"
    row = await Prompt.objects.aget()
    assert row.response == "Yes."
    assert row.choices[0]["asides"] == [
        {"part": "reasoning_content", "text": "He is [EMAIL_1], not [EMAIL_2]."}
    ]
    finding = next(one for one in row.findings if one["direction"] == "answer")
    assert finding["part"] == "/response/reasoning_content"
    kept = row.answers[finding["part"]]
    assert kept[finding["output_start"] : finding["output_end"]] == "[EMAIL_2]"
    assert "@" not in json.dumps([row.choices, row.response, row.prompt])
    read = (await as_alice.client.get(f"/prompt/{row.id}", headers=as_alice.headers)).json()
    assert read["choices"][0]["asides"] == row.choices[0]["asides"]


async def test_reasoning_comes_whole_before_the_answer_begins(as_alice, parrot):
    parrot.words = SAID
    chunks = (await chunks_of(await as_alice.chat("hi", stream=True)))[:-1]
    names = [name for chunk in chunks for name in chunk["choices"][0]["delta"] if name != "role"]
    names = names[names.index("reasoning_content") :]
    assert names == sorted(names, reverse=True), "reasoning_content, then content"


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_reasoned_later_is_a_text_of_its_own(as_alice, parrot, stream):
    parrot.words = [
        AsidePiece("reasoning", "bob@"),
        "So",
        AsidePiece("reasoning", "corp.com"),
        CallPiece(0, "f", "{}"),
        AsidePiece("reasoning", "eve@corp.com"),
    ]
    tools = [{"type": "function", "function": {"name": "f"}}]
    response = await as_alice.chat("hi", tools=tools, stream=stream)
    if not stream:
        assert (await heard(response, stream=stream))[0][0] == "bob@\n\ncorp.com\n\n[EMAIL_1]"
    else:
        await chunks_of(response)
    row = await Prompt.objects.aget()
    assert [aside["part"] for aside in row.choices[0]["asides"]] == [
        "reasoning_content",
        "reasoning_content/1",
        "reasoning_content/2",
    ]
    assert row.findings[0]["part"] == "/response/reasoning_content/2"
    assert row.answers["/response/reasoning_content/2"] == "[EMAIL_1]"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refusal_is_sanitized_and_is_no_content(as_alice, parrot, stream):
    parrot.words = [AsidePiece("refusal", "Not for bob@corp.com.")]
    response = await as_alice.chat("hi", stream=stream)
    assert (await heard(response, stream=stream))[0] == ["", "Not for [EMAIL_1].", ""]
    if not stream:
        message = response.json()["choices"][0]["message"]
        assert message["content"] is None
        asked = [{"role": "user", "content": "hi"}, message, {"role": "user", "content": "why?"}]
        parrot.words = "Because."
        assert (await as_alice.chat(messages=asked)).status_code == 200
        assert parrot.generations[-1].messages[1].content == "Not for [EMAIL_1]."


@pytest.mark.parametrize("stream", [False, True])
async def test_a_policy_that_blocks_ends_the_answer_in_its_reasoning(as_alice, journal, stream):
    policy = Policy.build(block=("email",))
    for words in (["It is bob@corp.com, ", "so."], ["It is bob@corp.com"]):
        parrot = Parrot([*(AsidePiece("reasoning", text) for text in words), "Yes.", "Yes."])
        composition.install(house_of(parrot, journal=journal, policy=policy))
        said, reason = await heard(await as_alice.chat("hi", stream=stream), stream=stream)
        assert said == ["It is ", "", ""], "nothing follows, in whichever text"
        assert reason == "content_filter"
    assert {row.outcome async for row in Prompt.objects.all()} == {"truncated"}


@pytest.mark.parametrize("stream", [False, True])
async def test_what_may_become_a_placeholder_is_shown_where_reasoning_ends(as_alice, parrot, stream):
    parrot.words = [AsidePiece("reasoning", "He is [EMAIL"), "Yes."]
    response = await as_alice.chat("I am ann@corp.com", stream=stream)
    assert (await heard(response, stream=stream))[0] == ["He is [EMAIL", "", "Yes."]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_kept_answer_has_its_reasoning(as_alice, journal, stream):
    composition.install(house_of(parrot := Parrot(SAID), journal=journal, cache=Shelf(), policy=Policy()))
    for state in ("miss", "hit"):
        response = await as_alice.chat("I am ann@corp.com", temperature=0, stream=stream)
        assert response["x-gateway-cache"] == state
        said, _ = await heard(response, stream=stream)
        assert said == ["He is ann@corp.com, not [EMAIL_2].", "", "Yes."]
    assert len(parrot.generations) == 1
    rows = [row.choices async for row in Prompt.objects.all()]
    assert rows[0] == rows[1]


async def test_earlier_reasoning_reaches_the_model_sanitized(as_alice, parrot):
    messages = [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "ho", "reasoning_content": "It is ann@corp.com."},
        {"role": "user", "content": "ann@corp.com?"},
    ]
    await as_alice.chat(messages=messages, reasoning_effort="low", verbosity="high")
    (asked,) = parrot.generations
    assert [message.reasoning for message in asked.messages] == [None, "It is [EMAIL_1].", None]
    assert (asked.reasoning_effort, asked.verbosity) == ("low", "high")
    assert "ann@" not in json.dumps((await Prompt.objects.aget()).parts)


async def test_a_server_that_never_stops_to_change_its_mind_fails(as_alice, parrot):
    both = [AsidePiece("reasoning", "Yes."), AsidePiece("refusal", "No.")]
    parrot.words = both * MOST_ASIDES
    assert (await as_alice.chat("hi")).status_code == 503
    parrot.words = [AsidePiece("reasoning", "Hm."), "So."] * 2 * MOST_ASIDES
    assert (await as_alice.chat("hi")).status_code == 200


async def test_prompt_shows_the_answer_alone_while_it_streams(as_alice, parrot):
    parrot.words = SAID
    body = json.dumps({"prompt": "hi", "stream": True})
    response = await as_alice.client.post(
        "/prompt", body, content_type="application/json", headers=as_alice.headers
    )
    raw = b"".join([chunk async for chunk in response.streaming_content]).decode()
    deltas = [event for event in raw.split("\n\n") if event.startswith("event: delta")]
    assert "Yes" in str(deltas)
    assert "He is" not in str(deltas)
