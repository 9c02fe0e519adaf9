"""A model server over real sockets, in good and in bad health. Each test leaves no connection in use: the
fixture looks."""

import asyncio

import pytest

from inference.backends import Ending, Format, Piece, Sampling
from inference.errors import (
    AnswerUnfit,
    BackendRefused,
    DeadlineExceeded,
    GenerationFailed,
    ModelUnavailable,
    ParameterUnsupported,
    PromptTooLong,
    QueueFull,
    ServerUnusable,
)
from tests.inference.remote.conftest import collect, endings_of, generation, patient, text_of, until
from tests.upstream import chunk, dies, hangs, refuses, says, sends

SECRET = b'{"error": {"message": "no key sk-12345 for prompt of ann@example.com"}}'


async def test_an_answer_comes_in_pieces_and_ends_with_what_it_cost(served):
    upstream, backend = await served(says("Hello there."))
    events = await collect(backend.answer(generation()))
    assert text_of(events) == "Hello there."
    (ending,) = endings_of(events)
    assert (ending.finish_reason, ending.prompt_tokens, ending.completion_tokens) == ("stop", 7, 3)
    assert ending.first_token_ms > 0
    (heard,) = upstream.heard
    assert heard.path == "/v1/chat/completions"
    assert heard.body["messages"] == [{"role": "user", "content": "hi"}]
    assert heard.body["stream"] is True
    assert heard.headers["x-request-id"] == "r-1"
    assert "traceparent" not in heard.headers
    assert "authorization" not in heard.headers


async def test_a_server_is_told_whose_trace_it_is_part_of(served):
    upstream, backend = await served()
    await collect(backend.answer(generation(traceparent="00-1-2-01")))
    assert upstream.heard[0].headers["traceparent"] == "00-1-2-01"


async def test_a_key_goes_where_it_belongs_and_into_no_repr(served):
    upstream, backend = await served(api_key="sk-secret")
    await collect(backend.answer(generation()))
    assert upstream.heard[0].headers["authorization"] == "Bearer sk-secret"
    assert "sk-secret" not in repr(backend.options)


async def test_a_connection_is_used_again(served):
    upstream, backend = await served()
    for _ in range(3):
        await collect(backend.answer(generation()))
    assert upstream.open == 1


async def test_a_text_is_continued_by_the_older_address(served):
    upstream, backend = await served(says("Paris"))
    events = await collect(backend.answer(generation(text="The capital of France is")))
    assert text_of(events) == "Paris"
    assert upstream.heard[0].path == "/v1/completions"
    assert upstream.heard[0].body["prompt"] == "The capital of France is"


async def test_several_choices_come_each_with_an_ending(served):
    _, backend = await served(says("Hello."))
    events = await collect(backend.answer(generation(choices=3)))
    assert [text_of(events, choice) for choice in range(3)] == ["Hello."] * 3
    assert [ending.choice for ending in endings_of(events)] == [0, 1, 2]
    assert sum(ending.completion_tokens for ending in endings_of(events)) == 3


@pytest.mark.parametrize("way", ["close", "cancel"])
async def test_a_caller_who_leaves_closes_the_connection(served, way):
    upstream, backend = await served(says("x" * 1000, pause_seconds=0.02))
    events = backend.answer(generation())
    assert isinstance(await anext(events), Piece)
    if way == "cancel":
        reading = asyncio.create_task(collect(events))
        await asyncio.sleep(0.05)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    await events.aclose()
    await until(lambda: upstream.left == 1)


async def test_a_caller_who_leaves_before_the_first_word_closes_it_too(served):
    upstream, backend = await served(hangs)
    reading = asyncio.create_task(collect(backend.answer(generation())))
    await until(lambda: upstream.running == 1)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    await until(lambda: upstream.left == 1)


async def test_a_slow_reader_slows_the_server_down(served):
    sent = 0

    async def floods(exchange):
        nonlocal sent
        await exchange.begin()
        for _ in range(2000):
            await exchange.event(chunk("x" * 10_000))
            sent += 10_000
        await exchange.event(chunk(reason="stop"))
        await exchange.end()

    _, backend = await served(floods)
    events = backend.answer(generation())
    await anext(events)
    await asyncio.sleep(0.5)
    assert sent < 15_000_000, "all of it was taken in, though nobody reads"
    await events.aclose()


# -- what servers do --


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (dies(), ModelUnavailable),
        (sends(), GenerationFailed),
        (sends(chunk("Hel")), GenerationFailed),
        (dies(chunk("Hel")), GenerationFailed),
        (sends(b"data: {\n\n"), GenerationFailed),
        (sends(b"data: []\n\n"), GenerationFailed),
        (sends(b"data: " + b"[" * 100_000 + b"\n\n"), GenerationFailed),
        (sends(b"data: \xff\xfe\n\n"), GenerationFailed),
        (sends({"choices": 7}), GenerationFailed),
        (sends({"choices": [None]}), GenerationFailed),
        (sends(chunk("a", choice=1)), GenerationFailed),
        (sends(chunk("a", choice=True)), GenerationFailed),
        (sends({"choices": [{"index": 0, "delta": {"content": 7}}]}), GenerationFailed),
        (sends({"choices": [{"index": 0, "delta": 7}]}), GenerationFailed),
        (sends(chunk("a", reason="abort"), "[DONE]"), GenerationFailed),
        (sends(chunk("a", reason="stop"), chunk("b")), GenerationFailed),
        (sends({"error": {"message": "key sk-12345"}}), GenerationFailed),
        (refuses(500, SECRET), ModelUnavailable),
        (refuses(302, b"", location="http://127.0.0.1:1/"), ModelUnavailable),
        (refuses(401, SECRET), ServerUnusable),
        (refuses(404, SECRET), ModelUnavailable),
        (refuses(400, SECRET), BackendRefused),
        (refuses(400, b"[" * 50_000), BackendRefused),
        (refuses(400, b'{"error": {"code": "context_length_exceeded"}}'), PromptTooLong),
        (refuses(429, SECRET, retry_after="7"), QueueFull),
        (refuses(503, SECRET, retry_after="7"), QueueFull),
        (refuses(503, SECRET), ModelUnavailable),
        (refuses(200, b'{"choices": []}'), GenerationFailed),
        (refuses(200, b"", content_type="text/event-stream", content_encoding="gzip"), GenerationFailed),
    ],
)
async def test_a_broken_server_is_one_clear_error_that_repeats_nothing_of_it(served, caplog, script, error):
    upstream, backend = await served(script)
    with pytest.raises(error) as raised:
        await collect(backend.answer(generation()))
    told = f"{raised.value} {getattr(raised.value, 'reason', '')} {caplog.text}"
    for word in ("sk-12345", "ann@example.com", "127.0.0.1"):
        assert word not in told
    await until(lambda: upstream.running == 0)


@pytest.mark.parametrize(
    ("script", "patience", "error"),
    [
        (hangs, {"first_byte_seconds": 0.2}, ModelUnavailable),
        (sends(end=False), {"first_byte_seconds": 0.2}, ModelUnavailable),
        (sends(chunk("Hel"), end=False), {"idle_seconds": 0.2}, GenerationFailed),
    ],
    ids=["at once", "before its first word", "in the middle"],
)
async def test_a_server_that_falls_silent_is_given_up(served, script, patience, error):
    upstream, backend = await served(script, patience=patient(**patience))
    with pytest.raises(error):
        await collect(backend.answer(generation()))
    await until(lambda: upstream.running == 0)


async def test_nobody_is_sent_where_a_server_wants_it(served):
    """What stands there is the server's choice, and the key would travel along."""
    elsewhere, _ = await served()
    for status in (301, 302, 303, 307, 308):
        location = f"{elsewhere.base}/chat/completions"
        _, backend = await served(refuses(status, b"", location=location), api_key="sk-secret")
        with pytest.raises(ModelUnavailable):
            await collect(backend.answer(generation()))
    assert elsewhere.heard == []
    assert elsewhere.probes == 0


async def test_a_server_that_is_not_there_is_unavailable(served):
    upstream, backend = await served()
    await upstream.stop()
    with pytest.raises(ServerUnusable, match="cannot be reached"):
        await collect(backend.answer(generation()))


@pytest.mark.parametrize("script", [dies(), refuses(500, b""), refuses(403, b"")])
async def test_what_a_server_does_with_one_model_says_nothing_of_its_others(served, script):
    _, backend = await served(script)
    with pytest.raises(ModelUnavailable) as caught:
        await collect(backend.answer(generation()))
    assert not isinstance(caught.value, ServerUnusable)


async def test_lines_of_ten_megabytes_are_refused_early(served):
    sent = 0

    async def endless(exchange):
        nonlocal sent
        await exchange.begin()
        await exchange.raw_chunk(b"data: ")
        for _ in range(160):
            await exchange.raw_chunk(b"x" * (64 << 10))
            sent += 64 << 10

    _, backend = await served(endless)
    with pytest.raises(GenerationFailed):
        await collect(backend.answer(generation()))
    assert sent < 8 << 20


async def test_an_answer_without_end_is_cut(served):
    async def endless(exchange):
        await exchange.begin()
        while True:
            await exchange.event(chunk("x" * 1000))

    _, backend = await served(endless, max_answer_bytes=1 << 20)
    with pytest.raises(GenerationFailed):
        await collect(backend.answer(generation()))


async def test_an_end_without_done_is_an_end_where_nothing_is_missing(served):
    _, backend = await served(sends(chunk("Hi."), chunk(reason="length")))
    events = await collect(backend.answer(generation()))
    assert (text_of(events), endings_of(events)[0].finish_reason) == ("Hi.", "length")


async def test_a_server_that_keeps_the_stream_open_behind_its_end_holds_nobody_up(served):
    _, backend = await served(sends(chunk("Hi.", reason="stop"), "[DONE]", end=False))
    assert text_of(await collect(backend.answer(generation()))) == "Hi."  # it would be silent for longer


async def test_the_callers_own_deadline_is_kept(served):
    _, backend = await served(says("x" * 1000, pause_seconds=0.05), hangs)
    with pytest.raises(DeadlineExceeded) as late:
        await collect(backend.answer(generation(deadline_seconds=2)))
    assert not late.value.queued
    with pytest.raises(DeadlineExceeded) as never:
        await collect(backend.answer(generation(deadline_seconds=0.1)))
    assert never.value.queued


async def test_a_busy_server_says_for_how_long(served):
    _, backend = await served(refuses(429, retry_after="7"))
    with pytest.raises(QueueFull) as full:
        await collect(backend.answer(generation()))
    assert full.value.retry_after_seconds == 7


# -- numbers and characters --


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": -5, "completion_tokens": -1},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": 10**12, "completion_tokens": 10**12},
        {"prompt_tokens": "7", "completion_tokens": 3.5},
        {"prompt_tokens": True, "completion_tokens": None},
        "lots",
    ],
)
async def test_usage_that_cannot_be_is_estimated(served, usage):
    _, backend = await served(says("Hello there, Ann.", usage=usage))
    (ending,) = endings_of(await collect(backend.answer(generation("x" * 40))))
    assert (ending.prompt_tokens, ending.completion_tokens) == (10, 5)


async def test_tokens_that_were_cached_are_known(served):
    usage = {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}
    _, backend = await served(says(usage=usage))
    assert endings_of(await collect(backend.answer(generation())))[0].cached_tokens == 5


async def test_half_characters_are_put_together_or_replaced(served):
    half = [
        b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % text
        for text in (rb"a\ud83d", rb"\ude00b", rb"\ud83d", rb"c")
    ]
    _, backend = await served(sends(*half, chunk(reason="stop")))
    text = text_of(await collect(backend.answer(generation())))
    assert text.encode() == "a😀b\ufffdc".encode()


@pytest.mark.parametrize(
    ("given", "ours"),
    [("stop", "stop"), ("eos", "stop"), ("length", "length"), ("content_filter", "content_filter")],
)
async def test_reasons_are_said_in_our_words(served, given, ours):
    _, backend = await served(says(reason=given))
    assert endings_of(await collect(backend.answer(generation())))[0].finish_reason == ours


async def test_an_answer_is_held_against_its_schema(served):
    upstream, backend = await served(says('{"a": 1}'))
    fits = Format("json_schema", '{"type": "object"}')
    assert text_of(await collect(backend.answer(generation(format=fits)))) == '{"a": 1}'
    described = upstream.prompts[0]["response_format"]["json_schema"]
    assert described["schema"] == {"type": "object"}
    with pytest.raises(AnswerUnfit):
        await collect(backend.answer(generation(format=Format("json_schema", '{"required": ["b"]}'))))


async def test_what_a_server_does_not_know_is_refused_before_it_is_asked(served):
    upstream, backend = await served(kind="openai")
    asked = generation(sampling=Sampling(0.5, top_k=5, min_p=0.1), format=Format("grammar", 'root ::= "a"'))
    with pytest.raises(ParameterUnsupported) as lacking:
        await collect(backend.answer(asked))
    assert lacking.value.names == ("min_p", "top_k", "response_format")
    assert upstream.heard == []


# -- the rest of the API --


async def test_texts_become_vectors_in_their_order(served):
    async def script(exchange):
        vectors = [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]
        await exchange.status(
            200, repr({"data": vectors, "usage": {"prompt_tokens": 4}}).replace("'", '"').encode()
        )

    upstream, backend = await served(script)
    told = {"request_id": "r-2", "traceparent": "00-1-2-01"}
    made = await backend.embed(["a", "b"], model="e5", caller="alice", **told)
    headers = upstream.heard[0].headers
    assert (headers["x-request-id"], headers["traceparent"]) == ("r-2", "00-1-2-01")
    assert made.vectors == ((1.0, 0.0), (0.0, 1.0))
    assert made.prompt_tokens == 4
    assert upstream.heard[0].path == "/v1/embeddings"
    assert upstream.prompts[0]["input"] == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"{}", b'{"data": []}', b'{"data": [{"embedding": []}]}', b'{"data": [{"embedding": [NaN]}]}',
        b'{"data": [{"embedding": ["1"]}]}', b'{"data": [{"index": 3, "embedding": [1]}]}', b"{",
    ],
)  # fmt: skip
async def test_vectors_that_cannot_be_are_refused(served, body):
    _, backend = await served(refuses(200, body))
    with pytest.raises(GenerationFailed):
        await backend.embed(["a"], model="e5", caller="alice")


async def test_a_server_says_whether_it_is_alive_and_what_it_serves(served):
    upstream, backend = await served()
    await backend.probe()
    assert await backend.models() == ("tiny",)
    upstream.is_alive = False
    with pytest.raises(ModelUnavailable):
        await backend.probe()


async def test_the_last_thing_of_a_choice_is_its_ending(served):
    _, backend = await served(says("Hello.", cut=1))
    events = await collect(backend.answer(generation()))
    assert [type(event) for event in events].index(Ending) == len(events) - 1


async def test_pieces_that_came_together_go_on_together_and_what_is_wrong_behind_them(served):
    burst = b"".join(b'data: {"choices":[{"index":0,"delta":{"content":"%d"}}]}\n\n' % n for n in range(9))
    _, backend = await served(sends(burst + b"data: {\n\n"))
    events = backend.answer(generation())
    assert await anext(events) == Piece("012345678")
    with pytest.raises(GenerationFailed):
        await anext(events)
