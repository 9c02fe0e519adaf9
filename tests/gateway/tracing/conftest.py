"""A gateway whose spans stay in memory."""

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway import asgi
from gateway.tracing import switch
from gateway.tracing.export import Exporting
from gateway.tracing.house import traced
from prompts import composition
from prompts.caching.replies import Replies
from prompts.caching.stores import MemoryStore
from tests.fakes import Notebook, Shelf, house_of


class Spans:
    """What has ended so far."""

    def __init__(self):
        self.kept = InMemorySpanExporter()
        self.exporting = Exporting(self.kept, service="tests")

    @property
    def tracer(self):
        return self.exporting.tracer

    def all(self):
        self.exporting._provider.force_flush()
        return sorted(self.kept.get_finished_spans(), key=lambda span: span.start_time)

    def named(self, name):
        (found,) = [span for span in self.all() if span.name == name]
        return found

    def children(self, parent):
        ids = parent.context.span_id
        return [span.name for span in self.all() if span.parent is not None and span.parent.span_id == ids]

    def text(self):
        """All that leaves, to search in."""
        return "\n".join(span.to_json() for span in self.all())


@pytest.fixture
def spans():
    made = Spans()
    switch.use(made.exporting)
    yield made
    switch.use(None)
    made.exporting.close()


@pytest.fixture
def house(parrot, spans):
    replies = Replies(MemoryStore(max_bytes=1 << 20), keep_seconds=60, max_bytes=1 << 18)
    made = house_of(parrot, journal=Notebook(), cache=Shelf(), replies=replies, listener=composition.tell)
    composition.install(traced(made, spans.tracer, provider="local"))
    yield made
    composition.install(None)


@pytest.fixture
async def alice_at(house, alice, token_of):
    """Alice's client, through all of the application. Calls come from 127.0.0.1, which is a trusted proxy,
    unless `peer` says otherwise."""
    clients = []

    def client(peer="127.0.0.1"):
        transport = httpx.ASGITransport(asgi.application, client=(peer, 5000), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token_of(alice)}"}
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers))
        return clients[-1]

    yield client
    for each in clients:
        await each.aclose()
