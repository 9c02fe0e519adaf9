"""Threads of requests are their own while they live, and used again after."""

import asyncio
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, transaction

from gateway.threads import Threads


async def where():
    return await sync_to_async(threading.get_ident)()


async def test_a_request_keeps_to_one_thread_and_the_next_takes_it_over():
    threads = Threads()
    async with threads.one():
        first, again = await where(), await where()
    async with threads.one():
        after = await where()
    assert first == again == after


async def test_requests_at_the_same_time_never_share_a_thread():
    threads, everybody_is_in = Threads(), asyncio.Barrier(5)

    async def request():
        async with threads.one():
            await everybody_is_in.wait()
            return await where()

    assert len(set(await asyncio.gather(*(request() for _ in range(5))))) == 5


async def test_after_a_crowd_only_so_many_threads_stay():
    threads, everybody_is_in = Threads(most_idle=2), asyncio.Barrier(5)

    async def request():
        async with threads.one():
            await everybody_is_in.wait()
            await where()

    await asyncio.gather(*(request() for _ in range(5)))
    assert len(threads._idle) == 2


async def test_a_request_that_breaks_gives_its_thread_back():
    threads = Threads()
    try:
        async with threads.one():
            first = await where()
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    async with threads.one():
        assert await where() == first


@pytest.mark.django_db(transaction=True)
async def test_what_asked_the_database_keeps_no_connection_while_its_request_lives():
    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return connection.connection is not None

    async with Threads().one():
        assert await sync_to_async(ask)()
        assert await sync_to_async(lambda: connection.connection is None)()


@pytest.mark.django_db(transaction=True)
async def test_a_transaction_keeps_its_connection_until_it_ends():
    def begin():
        block = transaction.atomic()
        block.__enter__()
        return block

    def ask():
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    async with Threads().one():
        block = await sync_to_async(begin)()
        await sync_to_async(ask)()
        await sync_to_async(block.__exit__)(None, None, None)
        assert await sync_to_async(lambda: connection.connection is None)()
