"""API keys: shown once, scoped, replaced with an overlap, gone when revoked."""

import json
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from accounts import keys, services
from accounts.models import ApiKeySecret, User
from prompts import composition
from prompts.asks import Ask
from prompts.composition import policy_of
from prompts.models import Prompt
from sanitization.library import Sanitizer
from tests.fakes import Parrot, house_of
from tests.prompts.conftest import Caller

pytestmark = pytest.mark.django_db


def get(path, secret):
    return Client().get(path, headers={"Authorization": f"Bearer {secret}"})


def post(path, token, body):
    return Client().post(
        path, json.dumps(body), content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )


def test_a_secret_has_a_form_that_a_typing_error_breaks():
    secret = keys.new_secret()
    assert keys.is_secret(secret)
    assert len(secret) == 50
    for n in range(4, 50):
        other = "A" if secret[n] != "A" else "B"
        assert not keys.is_secret(secret[:n] + other + secret[n + 1 :]), n
    assert not keys.is_secret(secret + "0")


def test_our_own_detector_finds_every_key_and_no_mistyped_one():
    sanitizer = Sanitizer()
    for _ in range(50):
        secret = keys.new_secret()
        found = sanitizer.prompt(f"my key is {secret}, thanks")
        assert found.text == "my key is [LLM_GATEWAY_KEY_1], thanks"
        assert "llm_gateway_key" in [finding.rule for finding in found.findings]
        wrong = secret[:-1] + ("A" if secret[-1] != "A" else "B")
        assert "llm_gateway_key" not in [f.rule for f in sanitizer.prompt(f"it is {wrong}").findings]


def test_a_key_is_shown_once_and_kept_as_a_keyed_hash(alice, token_of):
    made = post("/api/keys", token_of(alice), {"name": "build", "scopes": ["prompt", "read"]})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert keys.is_secret(secret)
    row = ApiKeySecret.objects.get()
    assert secret.startswith(row.prefix)
    assert len(row.prefix) == 12
    assert secret not in str(vars(row)) + str(vars(row.key))
    listed = get("/api/keys", token_of(alice)).json()
    assert "secret" not in listed[0]
    assert listed[0]["secrets"][0]["prefix"] == row.prefix
    assert listed[0]["scopes"] == ["prompt", "read"]


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["admin"]},
        {"name": ""},
        {"expiresAt": "2020-01-01T00:00:00Z"},
        {"models": [5]},
        {"budget": 5},
    ],
)
def test_a_wrong_key_is_refused_by_field(alice, token_of, change):
    answer = post("/api/keys", token_of(alice), {"name": "x", "scopes": ["read"]} | change)
    assert answer.status_code == 400
    assert next(iter(change)) in answer.json()["errors"]


def test_a_key_reaches_what_its_scopes_name_and_nothing_else(alice):
    _, reading = keys.create(alice, name="r", scopes=["read"])
    _, asking = keys.create(alice, name="p", scopes=["prompt"])
    assert get("/prompt", reading).status_code == 200
    assert get("/auth/profile", reading).json()["email"] == "alice@example.org"
    refused = get("/prompt", asking)
    assert (refused.status_code, refused.json()["code"]) == (403, "key-scope")
    assert "read" in refused.json()["detail"]
    assert post("/prompt", reading, {"prompt": "hello"}).status_code == 403
    for path in ("/api/keys", "/auth/sessions", "/api/policies", "/api/users"):
        assert get(path, reading).status_code == 403


@pytest.mark.parametrize("path", ["/auth/password", "/api/keys"])
def test_no_key_makes_keys_or_changes_the_password(alice, path):
    _, secret = keys.create(alice, name="all", scopes=["prompt", "models", "read"])
    assert post(path, secret, {}).json()["code"] == "key-scope"


def test_rotating_lets_the_older_secret_live_for_the_overlap(alice, token_of):
    key, first = keys.create(alice, name="x", scopes=["read"])
    answer = post(f"/api/keys/{key.pk}/rotate", token_of(alice), {"overlapSeconds": 60})
    second = answer.json()["secret"]
    assert answer.json()["id"] == str(key.pk)
    assert (get("/prompt", first).status_code, get("/prompt", second).status_code) == (200, 200)
    ApiKeySecret.objects.filter(digest=keys.digest(first)).update(expires_at=timezone.now())
    third = post(f"/api/keys/{key.pk}/rotate", token_of(alice), {"overlapSeconds": 0}).json()["secret"]
    assert [get("/prompt", secret).status_code for secret in (first, second, third)] == [401, 401, 200]


def test_a_key_dies_by_revoking_by_time_and_with_its_owner(alice, bob, token_of):
    key, secret = keys.create(alice, name="x", scopes=["read"])
    assert get("/prompt", secret).status_code == 200
    revoke = Client().delete
    assert (
        revoke(f"/api/keys/{key.pk}", headers={"Authorization": f"Bearer {token_of(bob)}"}).status_code == 404
    )
    assert get("/prompt", secret).status_code == 200
    hers = {"Authorization": f"Bearer {token_of(alice)}"}
    assert revoke(f"/api/keys/{key.pk}", headers=hers).status_code == 204
    assert get("/prompt", secret).status_code == 401
    _, brief = keys.create(alice, name="y", scopes=["read"], expires_at=timezone.now() - timedelta(seconds=1))
    assert get("/prompt", brief).status_code == 401
    _, orphan = keys.create(alice, name="z", scopes=["read"])
    assert get("/prompt", orphan).status_code == 200
    services.set_active(User.objects.filter(pk=alice.pk), active=False)
    assert get("/prompt", orphan).status_code == 401


def test_a_password_change_leaves_keys_alone(alice):
    """They are no sessions: a program would stop at night because its owner changed a password."""
    _, secret = keys.create(alice, name="x", scopes=["read"])
    services.set_password(alice, "An0ther!pass-word")
    assert get("/prompt", secret).status_code == 200


def test_an_administrator_lists_and_revokes_keys_of_others(alice, root, token_of):
    key, secret = keys.create(alice, name="x", scopes=["read"])
    office = {"Authorization": f"Bearer {token_of(root)}"}
    assert Client().get(f"/api/users/{alice.pk}/keys", headers=office).json()[0]["id"] == str(key.pk)
    assert Client().delete(f"/api/users/{alice.pk}/keys/{key.pk}", headers=office).status_code == 204
    assert get("/prompt", secret).status_code == 401


async def test_a_program_asks_with_its_key(served, alice, parrot):
    key, secret = await sync_to_async(keys.create)(alice, name="x", scopes=["prompt"])
    answer = await Caller(secret).ask("hello")
    assert answer.status_code == 201
    row = await Prompt.objects.aget(user=alice)
    assert row.key_id == key.pk  # the book tells by which key


async def test_a_key_with_a_list_of_models_asks_no_other(served, alice, parrot):
    create = sync_to_async(keys.create)
    _, other = await create(alice, name="x", scopes=["prompt"], model_names=["gpt-9"])
    refused = await Caller(other).ask("hello")
    assert (refused.status_code, refused.json()["code"]) == (403, "model-not-allowed")
    assert "gpt-9" in refused.json()["detail"]
    assert parrot.heard == []
    _, fitting = await create(alice, name="y", scopes=["prompt"], model_names=["parrot"])
    assert (await Caller(fitting).ask("hello")).status_code == 201


async def test_a_key_has_the_policy_that_is_assigned_to_it(alice, transactional_db):
    from sanitization.services import activate, add_revision, assign, create_policy

    key, _ = await sync_to_async(keys.create)(alice, name="x", scopes=["prompt"])
    policy = await sync_to_async(create_policy)(slug="strict")
    revision = await sync_to_async(add_revision)(policy, document={"prompt": {"email": "block"}})
    await sync_to_async(activate)(revision)
    await sync_to_async(assign)(kind="key", subject=str(key.pk), policy=policy)
    with_key = Ask(user_id=alice.pk, request_id="", key_id=key.pk)
    without = Ask(user_id=alice.pk, request_id="")
    assert (await policy_of(with_key)).slug == "strict"
    assert (await policy_of(without)).slug == "default"


def test_under_v1_a_key_reaches_what_its_scopes_and_models_name(alice):
    composition.install(house_of(Parrot()))
    try:
        _, lists = keys.create(alice, name="l", scopes=["models"])
        _, asks = keys.create(alice, name="a", scopes=["prompt"], model_names=["other"])
        _, other = keys.create(alice, name="o", scopes=["models"], model_names=["other"])
        asked = {"messages": [{"role": "user", "content": "hello"}]}
        assert [model["id"] for model in get("/v1/models", lists).json()["data"]] == ["parrot"]
        assert get("/v1/models", other).json()["data"] == []
        assert get("/v1/models/parrot", other).status_code == 404
        assert post("/v1/chat/completions", lists, asked).json()["error"]["code"] == "key_scope"
        bodies = {"chat/completions": asked, "completions": {"prompt": "x"}, "embeddings": {"input": "x"}}
        for path, body in bodies.items():
            refused = post(f"/v1/{path}", asks, body)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "model_not_allowed"), path
        assert not Prompt.objects.exists()
    finally:
        composition.install(None)
