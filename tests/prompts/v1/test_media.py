"""Images and recordings: refused, unless the policy lets what nobody has looked into pass."""

import json

import pytest

from inference.backends import MARK
from prompts import composition
from prompts.models import Prompt
from sanitization.policies import Policy
from sanitization.spans import Action
from tests.fakes import Parrot, Shelf, house_of
from tests.prompts.v1.test_refusals import PNG, image, recording

WAV = recording("UklGRg==")
LETTER = {"type": "text", "text": "Mail ann@corp.com"}
ASKED = [LETTER, image(PNG, detail="low"), {"type": "text", "text": "about this"}, WAV]


@pytest.fixture
def lets_pass(journal):
    """A house whose policy lets images and recordings pass, around a parrot that says nothing of them."""

    def served(backend=None, **more):
        flags = {"unscanned_image": Action.FLAG, "unscanned_audio": Action.FLAG}
        policy = Policy(prompt=flags)
        composition.install(house_of(backend or Parrot("Nice."), journal=journal, policy=policy, **more))

    yield served
    composition.install(None)


@pytest.mark.parametrize(("part", "rule"), [(image(PNG), "unscanned_image"), (WAV, "unscanned_audio")])
async def test_by_default_the_policy_refuses_them_and_the_book_says_so(as_alice, parrot, part, rule):
    response = await as_alice.chat([LETTER, part])
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "content_filter"
    assert rule in response.json()["error"]["message"]
    assert parrot.heard == []
    row = await Prompt.objects.aget()
    assert (row.outcome, row.rules) == ("blocked", ["email", rule])
    assert row.prompt == f"Mail [EMAIL_1]\n{MARK}"


async def test_what_the_policy_lets_pass_reaches_the_model_beside_sanitized_texts(as_alice, lets_pass):
    lets_pass(parrot := Parrot("Nice."))
    response = await as_alice.chat(ASKED)
    assert response.status_code == 200, response.content
    (message,) = parrot.generations[0].messages
    assert message.content == f"Mail [EMAIL_1]\n{MARK}\nabout this\n{MARK}"
    assert [(one.kind, one.type, one.detail) for one in message.media] == [
        ("image", "image/png", "low"),
        ("audio", "wav", None),
    ]
    row = await Prompt.objects.aget()
    assert (row.outcome, row.rules) == ("answered", ["email", "unscanned_audio", "unscanned_image"])
    places = {finding["rule"]: finding["part"] for finding in row.findings}
    assert places["unscanned_image"] == "/messages/0/content/1"
    assert "iVBORw" not in json.dumps([row.prompt, row.parts, row.findings])


async def test_responses_take_images_too(as_alice, lets_pass):
    lets_pass(parrot := Parrot("Nice."))
    content = [{"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": PNG}]
    response = await as_alice.post("responses", {"input": [{"role": "user", "content": content}]})
    assert response.status_code == 200, response.content
    assert parrot.generations[0].messages[0].media[0].type == "image/png"
    assert (await Prompt.objects.aget()).findings[0]["part"] == "/input/0/content/1"


async def test_another_image_is_another_answer(as_alice, lets_pass):
    lets_pass(parrot := Parrot("Nice."), cache=Shelf())
    other = "data:image/gif;base64,R0lGODlh"
    for url in (PNG, PNG, other):
        response = await as_alice.chat([LETTER, image(url)], temperature=0)
        assert response.status_code == 200
    assert len(parrot.generations) == 2
