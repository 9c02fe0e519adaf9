"""Clients of OpenAI's API around the served house of the tests beside this folder."""

import json

import pytest
from django.test import AsyncClient


class OpenAICaller:
    """One user's client of `/v1`."""

    def __init__(self, token):
        self.client = AsyncClient()
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def post(self, path, body, **headers):
        return await self.client.post(
            f"/v1/{path}",
            body if isinstance(body, str | bytes) else json.dumps(body),
            content_type="application/json",
            headers={**self.headers, **headers},
        )

    async def get(self, path):
        return await self.client.get(f"/v1/{path}", headers=self.headers)

    async def chat(self, content="hello", **more):
        messages = more.pop("messages", [{"role": "user", "content": content}])
        return await self.post("chat/completions", {"messages": messages, **more})


@pytest.fixture
def as_alice(served, alice, token_of):
    return OpenAICaller(token_of(alice))


@pytest.fixture
def as_nobody(served):
    return OpenAICaller(None)


async def chunks_of(response):
    """What a stream's events say, `[DONE]` as it is."""
    raw = b"".join([chunk async for chunk in response.streaming_content]).decode()
    events = raw.removesuffix("\n\n").split("\n\n")
    assert all(event.startswith("data: ") for event in events)
    return [
        data if (data := event.removeprefix("data: ")) == "[DONE]" else json.loads(data) for event in events
    ]
