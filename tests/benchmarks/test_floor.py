"""The least that a gateway can be does what it is measured for."""

import asyncio
import json
from contextlib import asynccontextmanager
from types import SimpleNamespace
from uuid import uuid4

import jwt
import psycopg
import pytest
from django.db import connection
from django.test import RequestFactory

from benchmarks.relaying.floor import Floor, Rows, token
from benchmarks.relaying.standin import whole

ADDRESS, OTHERS = "ann@example.com", "bob@example.org"


class Upstream:
    """What was asked, and an answer that names the caller's value and another one."""

    def __init__(self):
        self.asked = []

    @asynccontextmanager
    async def post(self, url, *, json):
        self.asked.append(json["messages"][-1]["content"])
        yield SimpleNamespace(read=self._read)

    async def _read(self):
        return whole(f"{self.asked[-1]} and {OTHERS}")


class Kept:
    def __init__(self):
        self.rows = []

    async def put(self, id, text, *, is_end):
        self.rows.append((id, text, is_end))


@pytest.fixture
def floor(request):
    sanitizes = getattr(request, "param", True)
    made = Floor("http://upstream", redis_url="", sanitizes=sanitizes, database_url="")
    made.counted = []

    async def count(keys):
        made.counted += keys

    made._session, made._rows, made._count = Upstream(), Kept(), count
    return made


def asking(authorization):
    body = {"messages": [{"role": "user", "content": f"Write to {ADDRESS}"}]}
    return RequestFactory().post(
        "/", json.dumps(body), content_type="application/json", headers={"Authorization": authorization}
    )


async def test_it_counts_the_token_sanitizes_both_ways_and_keeps_both_texts_unrestored(floor):
    answered = json.loads((await floor.answer(asking(f"Bearer {token()}"))).content)
    assert floor.counted == ["floor"]
    assert floor._session.asked == ["Write to [EMAIL_1]"]
    (begun, ended) = floor._rows.rows
    assert begun[0] == ended[0]
    assert [one[1:] for one in (begun, ended)] == [
        ("Write to [EMAIL_1]", False),
        ("Write to [EMAIL_1] and [EMAIL_2]", True),
    ]
    assert answered["choices"][0]["message"]["content"] == f"Write to {ADDRESS} and [EMAIL_2]"


async def test_without_its_token_nothing_is_asked(floor):
    with pytest.raises(jwt.InvalidTokenError):
        await floor.answer(asking("Bearer nobody"))
    assert not floor._session.asked
    assert not floor._rows.rows


@pytest.mark.parametrize("floor", [False], indirect=True)
async def test_without_the_chain_all_is_as_it_was(floor):
    answered = json.loads((await floor.answer(asking(f"Bearer {token()}"))).content)
    assert floor._session.asked == [f"Write to {ADDRESS}"]
    assert answered["choices"][0]["message"]["content"] == f"Write to {ADDRESS} and {OTHERS}"


async def test_without_a_database_there_are_no_rows(floor):
    floor._rows = None
    assert (await floor.answer(asking(f"Bearer {token()}"))).status_code == 200


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
async def test_rows_begin_and_end_in_groups_and_are_committed_when_it_is_said():
    told = connection.get_connection_params()
    where = {name: told[name] for name in ("host", "port", "user", "dbname")}
    url = psycopg.conninfo.make_conninfo(**where, password=told.get("password") or None)
    rows = await Rows.opened(url)
    ids = [uuid4() for _ in range(20)]
    with psycopg.connect(url, autocommit=True) as witness:
        try:
            async with asyncio.timeout(30):
                await asyncio.gather(*(rows.put(id, f"asked {id}", is_end=False) for id in ids))
                assert witness.execute("SELECT count(*), count(answer) FROM floor").fetchone() == (20, 0)
                ends = [rows.put(id, f"said {id}", is_end=True) for id in ids[:5]]
                await asyncio.gather(*ends, rows.put(uuid4(), "another", is_end=False))
                found = witness.execute(
                    "SELECT prompt, answer FROM floor WHERE answer IS NOT NULL"
                ).fetchall()
                assert sorted(found) == sorted((f"asked {id}", f"said {id}") for id in ids[:5])
                assert witness.execute("SELECT count(*) FROM floor").fetchone() == (21,)
                with pytest.raises(psycopg.Error):
                    await rows.put(ids[0], "twice", is_end=False)
                rows.put(uuid4(), "left", is_end=False).cancel()
                await rows.put(uuid4(), "after it", is_end=False)
        finally:
            witness.execute("DROP TABLE floor")
            await rows.close()
