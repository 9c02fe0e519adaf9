"""`/v1/embeddings` and `/v1/moderations`."""

import base64
import struct

import pytest

from prompts import composition
from prompts.models import Prompt
from sanitization.policies import CustomRule, Policy
from sanitization.spans import Action
from tests.fakes import Parrot, house_of

pytestmark = pytest.mark.django_db(transaction=True)
TEXTS = ["I am ann@corp.com", "bob@corp.com and ann@corp.com"]


async def test_texts_are_sanitized_before_they_become_vectors(as_alice, parrot):
    response = await as_alice.post("embeddings", {"input": TEXTS, "model": "parrot"})
    assert response.status_code == 200, response.content
    sent = ["I am [EMAIL_1]", "[EMAIL_2] and [EMAIL_1]"]
    assert parrot.heard == sent
    spent = sum(map(len, sent))
    assert response.json() == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": number, "embedding": [float(len(text)), 0.0]}
            for number, text in enumerate(sent)
        ],
        "model": "parrot",
        "usage": {"prompt_tokens": spent, "total_tokens": spent},
    }
    row = await Prompt.objects.aget()
    assert (row.outcome, row.prompt, row.response) == ("answered", sent[1], "")
    assert [part["text"] for part in row.parts] == sent
    assert row.prompt_tokens == spent
    assert {finding["part"] for finding in row.findings} == {"/input/0", "/input/1"}


async def test_vectors_come_in_base64_where_a_client_wants_them_so(as_alice):
    response = await as_alice.post("embeddings", {"input": "hello", "encoding_format": "base64"})
    (data,) = response.json()["data"]
    assert struct.unpack("<2f", base64.b64decode(data["embedding"])) == (5.0, 0.0)


async def test_a_blocked_text_becomes_no_vector(as_alice, parrot, journal):
    composition.install(house_of(parrot, journal=journal, policy=Policy.build(block=("email",))))
    response = await as_alice.post("embeddings", {"input": TEXTS})
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "content_filter"
    assert parrot.heard == []
    assert (await Prompt.objects.aget()).outcome == "blocked"


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "input", "missing_required_parameter"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": ""}, "input", "invalid_value"),
        ({"input": [[1, 2]]}, "input[0]", "invalid_type"),
        ({"input": "x", "dimensions": 5}, "dimensions", "unsupported_parameter"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
        ({"input": ["x" * 60_000] * 2}, "input", "string_above_max_length"),
    ],
)
async def test_what_cannot_be_embedded_is_refused(as_alice, parrot, body, param, code):
    response = await as_alice.post("embeddings", body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert parrot.heard == []


async def test_a_moderation_says_what_the_policy_finds_and_stores_nothing(as_alice, parrot):
    response = await as_alice.post(
        "moderations", {"input": ["hello", TEXTS[0]], "model": "omni-moderation-latest"}
    )
    assert response.status_code == 200, response.content
    body = response.json()
    assert body["id"].startswith("modr-")
    assert body["model"].startswith("default@")
    clean, found = body["results"]
    assert clean["flagged"] is False
    assert not any(clean["categories"].values())
    assert found["flagged"] is True
    assert found["categories"] == {"pii": True, "secret": False, "attack": False, "custom": False}
    assert found["category_scores"]["pii"] > 0.5
    (finding,) = found["findings"]
    assert (finding["rule"], finding["start"], finding["end"], finding["action"]) == ("email", 5, 17, "mask")
    assert parrot.heard == []
    assert await Prompt.objects.acount() == 0
    assert "ann@" not in response.content.decode()


async def test_an_operators_own_rule_is_a_category_too(as_alice, journal):
    policy = Policy(custom=(CustomRule("bird", "word", "bluebird", Action.FLAG),))
    composition.install(house_of(Parrot(), journal=journal, policy=policy))
    texts = [{"type": "text", "text": "project bluebird"}]
    (result,) = (await as_alice.post("moderations", {"input": texts})).json()["results"]
    assert result["categories"]["custom"] is True
    assert result["findings"][0]["rule"] == "custom_bird"


async def test_an_image_cannot_be_moderated(as_alice):
    image = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    response = await as_alice.post("moderations", {"input": [image]})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "input[0]"
