"""Callers who do harm by what they leave undone, or by being too many at once."""

import asyncio
import json
import socket
import time
from contextlib import ExitStack
from uuid import uuid4

import aiohttp
import pytest

from tests.faults.load import Record, ask
from tests.faults.marks import marked
from tests.faults.stores import until

pytestmark = [pytest.mark.server, pytest.mark.faults]


def connect(house, said=b"", *, buffer_bytes=None):
    made = socket.socket()
    if buffer_bytes is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    made.settimeout(20)
    made.connect(("127.0.0.1", house.gateway.port))
    made.sendall(said)
    return made


def head(house, body, *, length=None):
    size = len(body) if length is None else length
    lines = (
        "POST /v1/chat/completions HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {house.tokens[0]}",
        "Content-Type: application/json",
        f"Content-Length: {size}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def rest(connection):
    """What still comes, until the other side closes."""
    found = b""
    try:
        while piece := connection.recv(65536):
            found += piece
    except ConnectionError:
        pass
    return found


def test_callers_who_stop_in_the_middle_are_cut_off(house):
    """Nothing, half a head, half a body: each has CLIENT_SECONDS."""
    with house.trouble() as load, ExitStack() as stack:
        silent = [stack.enter_context(connect(house)) for _ in range(20)]
        halves = [stack.enter_context(connect(house, b"POST /prompt HTTP/1.1\r\nHost: a")) for _ in range(20)]
        bodies = [
            stack.enter_context(connect(house, head(house, b'{"messages": [', length=500))) for _ in range(20)
        ]
        began = time.monotonic()
        assert {rest(one) for one in (*silent, *halves)} == {b""}
        assert {rest(one)[9:12] for one in bodies} == {b"408"}
        assert time.monotonic() - began < 10
    assert {record.outcome for record in load.records} == {"answered"}


def test_a_caller_who_reads_nothing_frees_the_model(house):
    own = marked()
    body = {"model": "endless", "stream": True, "messages": [{"role": "user", "content": own.text}]}
    with house.trouble() as load, ExitStack() as stack:
        for _ in range(3):
            said = head(house, json.dumps(body).encode())
            stack.enter_context(connect(house, said, buffer_bytes=4096))
        until("endless answers", lambda: running(house) >= 3)
        until("their end", lambda: all(row.outcome != "accepted" for row in rows_of(house, own)), 40)
        assert [row.outcome for row in rows_of(house, own)] == ["cancelled"] * 3
        load.records += [
            Record(own, "chat stream", "endless", row.request_id, 0.0) for row in rows_of(house, own)
        ]
        house.postgres.rows("UPDATE prompts_prompt SET response = '' WHERE length(response) > 100000")
    assert not [record for record in load.records if record.outcome == "refused"]


def running(house):
    return sum(value for name, value in house.metrics().items() if name.startswith("gateway_server_running"))


def rows_of(house, own):
    return [row for row in house.rows() if own.mark in row.prompt]


def test_callers_who_leave_free_the_model(house):
    with house.trouble() as load, ExitStack() as stack:
        own = marked()
        body = {"model": "stalls", "stream": True, "messages": [{"role": "user", "content": own.text}]}
        leaving = [
            stack.enter_context(connect(house, head(house, json.dumps(body).encode()))) for _ in range(5)
        ]
        for one in leaving:
            assert one.recv(100).startswith(b"HTTP/1.1 200")
            one.close()
        until("their rows", lambda: [row.outcome for row in rows_of(house, own)] == ["cancelled"] * 5, 10)
        load.records += [
            Record(own, "chat stream", "stalls", row.request_id, 0.0) for row in rows_of(house, own)
        ]


def test_too_many_at_once_are_sent_away_and_who_watches_us_is_not(house):
    """More than the workers take: each is answered, or refused with a time to come back."""

    async def burst(count):
        records = [Record(marked(), "chat", "slow", str(uuid4()), 0.0) for _ in range(count)]
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            house.gateway.base, connector=connector, timeout=aiohttp.ClientTimeout(total=60)
        ) as session:
            asking = [
                asyncio.create_task(ask(session, house.tokens[number % 3], record))
                for number, record in enumerate(records)
            ]
            watched = []
            while not all(task.done() for task in asking):
                for path in ("/healthz", "/readyz", "/metrics"):
                    async with session.get(path) as answer:
                        watched.append(answer.status)
            await asyncio.gather(*asking)
        return records, watched

    with house.trouble(clients=1) as load:
        records, watched = asyncio.run(burst(200))
        load.records += records
    assert {record.outcome for record in records} == {"answered", "refused"}
    refused = [record for record in records if record.outcome == "refused"]
    assert {(record.status, record.code) for record in refused} == {(503, "overloaded")}
    assert set(watched) == {200}
    shed = sum(value for name, value in house.metrics().items() if name.startswith("gateway_shed_total"))
    assert shed >= len(refused)
