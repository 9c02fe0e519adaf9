import json

import pytest

from sanitization.documents import read
from sanitization.errors import PolicyInvalid
from sanitization.policies import CustomRule, Policy
from sanitization.spans import Action

WHOLE = Policy(
    slug="support",
    prompt={"email": Action.HASH, "custom_bluebird": Action.BLOCK},
    answer={"phone": Action.OFF},
    thresholds={"phone": 0.8, "email": 0.0},
    allow={"*": ("*@example.org",), "email": ("ann@example.com",)},
    custom=(CustomRule("bluebird", "word", "Bluebird", Action.FLAG, "prompt", ignore_case=False),),
    html="html",
    restore=False,
    unrestored=frozenset({"email", "phone"}),
    origins=("https://example.org", "https://*.example.org:8443"),
    links="listed",
    images="any",
    tools={"send_mail": ("to", "cc")},
    system_prompt="You are a helpful parrot.",
)
KNOWN = {"email", "phone"}


@pytest.mark.parametrize("policy", [Policy(), WHOLE])
def test_a_policy_survives_the_way_through_json(policy):
    document = json.loads(json.dumps(policy.as_document()))
    again = read(document, slug=policy.slug, known=KNOWN)
    assert again == policy
    assert again.revision == policy.revision


def test_every_field_changes_the_revision():
    whole = WHOLE.as_document()
    plain = Policy().as_document() | {"custom": whole["custom"]}  # other fields name its rule
    revisions = {read(plain | {name: whole[name]}, slug="x").revision for name in whole}
    assert len(revisions) == len(whole)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        ("{}", ""),
        ({"promt": {}}, "/promt"),
        ({"a/b~": 1}, "/a~1b~0"),
        ({"prompt": []}, "/prompt"),
        ({"prompt": {"email": "erase"}}, "/prompt/email"),
        ({"prompt": {"email": ["mask"]}}, "/prompt/email"),
        ({"prompt": {"emial": "mask"}}, "/prompt/emial"),
        ({"answer": {"custom_x": "mask"}}, "/answer/custom_x"),
        ({"thresholds": {"email": 1.1}}, "/thresholds/email"),
        ({"thresholds": {"email": float("nan")}}, "/thresholds/email"),
        ({"thresholds": {"email": True}}, "/thresholds/email"),
        ({"thresholds": {"emial": 0.5}}, "/thresholds/emial"),
        ({"allow": {"email": "ann@example.com"}}, "/allow/email"),
        ({"allow": {"email": ["**"]}}, "/allow/email/0"),
        ({"allow": {"email": [" "]}}, "/allow/email/0"),
        ({"allow": {"emial": ["x"]}}, "/allow/emial"),
        ({"custom": {}}, "/custom"),
        ({"custom": [{"id": "a", "kind": "word"}]}, "/custom/0/text"),
        ({"custom": [{"id": "A b", "kind": "word", "text": "x"}]}, "/custom/0/id"),
        ({"custom": [{"id": "a", "kind": "regex", "text": "x"}]}, "/custom/0/kind"),
        ({"custom": [{"id": "a", "kind": "word", "text": "x", "why": 1}]}, "/custom/0/why"),
        ({"custom": [{"id": "a", "kind": "word", "text": "x"}] * 2}, "/custom/1/id"),
        ({"custom": [{"id": "a", "kind": "word", "text": "\0"}]}, "/custom/0/text"),
        ({"custom": [1]}, "/custom/0"),
        ({"html": "bbcode"}, "/html"),
        ({"restore": "yes"}, "/restore"),
        ({"unrestored": ["emial"]}, "/unrestored/0"),
        ({"origins": ["example.org"]}, "/origins/0"),
        ({"origins": ["https://example.org/path"]}, "/origins/0"),
        ({"origins": ["javascript://x"]}, "/origins/0"),
        ({"links": True}, "/links"),
        ({"tools": {"send": "to"}}, "/tools/send"),
        ({"system_prompt": "\ud800"}, "/system_prompt"),
        ({"system_prompt": "x" * 50_001}, "/system_prompt"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(document, pointer):
    with pytest.raises(PolicyInvalid) as caught:
        read(document, slug="x", known=KNOWN)
    assert list(caught.value.problems) == [pointer]
    assert caught.value.problems[pointer].endswith(".")


def test_all_problems_are_told_at_once():
    with pytest.raises(PolicyInvalid) as caught:
        read({"html": 1, "restore": 1, "links": 1}, slug="x")
    assert set(caught.value.problems) == {"/html", "/restore", "/links"}
