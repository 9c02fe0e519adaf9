"""The callers' clients of the served house."""

import json

import pytest
from django.test import AsyncClient
from django.utils import timezone

from prompts import posting
from prompts.models import HourlyTally


@pytest.fixture(autouse=True)
def patience_with_a_busy_machine(monkeypatch):
    """Whoever reads waits for what has ended to be counted, and a busy machine takes its time for it."""
    monkeypatch.setattr(posting, "PATIENCE_SECONDS", 60)


class Caller:
    """One user's client of `/prompt`."""

    def __init__(self, token):
        self.client = AsyncClient()
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def ask(self, prompt="hello", **more):
        return await self.post(json.dumps({"prompt": prompt, **more}))

    async def post(self, body, content_type="application/json"):
        return await self.client.post("/prompt", body, content_type=content_type, headers=self.headers)

    async def get(self, path="/prompt", **query):
        return await self.client.get(path, query, headers=self.headers)

    async def delete(self, path):
        return await self.client.delete(path, headers=self.headers)


@pytest.fixture
def as_alice(served, alice, token_of):
    return Caller(token_of(alice))


@pytest.fixture
def as_bob(served, bob, token_of):
    return Caller(token_of(bob))


@pytest.fixture
def as_nobody(served):
    return Caller(None)


@pytest.fixture
def asking(alice, bob):
    """Alice asked once, Bob twice, in this hour."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    shared = {"hour": hour, "model": "parrot", "outcome": "answered"}
    HourlyTally.objects.create(**shared, user_id=alice.pk, prompts=1, total_le_500=1, prompt_tokens=7)
    HourlyTally.objects.create(**shared, user_id=bob.pk, prompts=2, total_le_500=2, prompt_tokens=10)
    return alice, bob
