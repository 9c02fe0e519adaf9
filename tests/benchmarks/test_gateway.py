"""The parts of the gateway's benchmark that could be wrong without anybody seeing it."""

import asyncio
import json

import pytest

from benchmarks import gateway
from benchmarks.relaying import samples
from benchmarks.relaying.caller import Reply, Texts, answered, connected, request, unchunked
from benchmarks.relaying.contenders import PINS
from benchmarks.relaying.standin import Conversation, Pacers, chunk, last, said
from benchmarks.relaying.streams import Listener
from benchmarks.relaying.texts import FINDINGS, SIZE, Letters
from benchmarks.relaying.ticks import Judge, read, tick
from benchmarks.serving.load import Refused
from benchmarks.serving.verdicts import OURS, Bar, judge
from sanitization.chain import Chain
from sanitization.filters import DEFAULT_FILTERS
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy

CHAIN = Chain.from_paths(DEFAULT_FILTERS)


# -- texts --


def test_each_text_has_its_size_and_two_findings_both_ways_and_none_comes_twice():
    one, other = Letters(1), Letters(2)
    texts = [letters.text() for letters in (one, other) for _ in range(30)]
    assert {len(text) for text in texts} == {SIZE}
    assert len(set(texts)) == len(texts)
    masked = set()
    for text in texts:
        assert len(CHAIN.screen_prompt({"/p": text}, Policy()).findings) == FINDINGS
        answer = CHAIN.open_answer(Policy(), Placeholders(["hello"]))
        answer.feed(text)
        answer.finish()
        assert len(answer.findings) == FINDINGS
        masked |= {text[found.start : found.end] for found in answer.findings}
    assert len(masked) == FINDINGS * len(texts)


# -- tokens of streams --


def test_a_token_says_its_number_and_when_it_was_sent():
    number, sent_at = read(tick(1234, 5678.901).strip())
    assert number == 1234
    assert sent_at == pytest.approx(5678.901, abs=0.002)


def test_a_stream_of_such_tokens_passes_the_chain_unchanged():
    answer = CHAIN.open_answer(Policy(), Placeholders(["hello"]))
    text = "".join(tick(number, 1000 + number / 2) for number in range(300))
    assert answer.feed(text) + answer.finish() == text
    assert not answer.findings


@pytest.mark.parametrize("cut", [1, 5, 12, 100])
def test_a_stream_that_arrives_as_it_should_has_no_faults_however_it_is_cut(cut):
    judge = Judge()
    text = "".join(tick(number, 100.0) for number in range(50))
    for at in range(0, len(text), cut):
        judge.take(text[at : at + cut], 100.9)
    judge.end(50)
    assert (judge.seen, judge.lost, judge.late, judge.reordered, judge.broken) == (50, 0, 0, 0, 0)
    assert judge.worst_seconds == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    ("numbers", "fault"),
    [
        ([0, 1, 3, 4], {"lost": 1}),
        ([1, 2, 3, 4], {"lost": 1}),
        ([0, 1, 2, 3], {"lost": 1}),  # the last one
        ([0, 2, 1, 3, 4], {"reordered": 1}),
        ([0, 1, 1, 2, 3, 4], {"reordered": 1, "lost": -1}),  # once more
    ],
)
def test_a_token_that_is_missing_or_in_another_place_is_seen(numbers, fault):
    judge = Judge()
    for number in numbers:
        judge.take(tick(number, 100.0), 100.0)
    judge.end(5)
    assert {name: getattr(judge, name) for name in ("lost", "reordered") if getattr(judge, name)} == fault


def test_a_token_is_late_after_a_second():
    judge = Judge()
    judge.take(tick(0, 100.0), 100.9)
    judge.take(tick(1, 100.0), 101.1)
    assert judge.late == 1


def test_a_token_that_was_changed_is_seen():
    judge = Judge()
    judge.take(" [EMAIL_1]" + tick(0, 100.0) + " bcdf", 100.0)
    judge.end(1)
    assert judge.broken == 2


# -- the client, and the stand-in behind it --


@pytest.mark.parametrize("cut", [1, 7, 64, 10_000])
def test_the_texts_of_events_are_read_however_they_are_cut(cut):
    events = [said(tick(number, 100.0)) for number in range(20)]
    data = b"".join(map(chunk, events)) + chunk(last(20)) + b"0\r\n\r\n"
    texts = Texts()
    found = "".join(texts.take(data[at : at + cut]) for at in range(0, len(data), cut))
    assert found == "".join(tick(number, 100.0) for number in range(20))
    assert unchunked(data) == b"".join(events) + last(20)


async def test_the_stand_in_answers_whole_and_in_tokens(standin):
    line = await connected(standin)
    letters = Letters(3)
    whole = await line.ask(request(standin, letters.question("stand-in")))
    content = json.loads(whole.body)
    assert len(content["choices"][0]["message"]["content"]) == SIZE
    streamed = await line.ask(request(standin, letters.question("stand-in", stream=True)))
    assert 0 < streamed.first_seconds <= streamed.seconds
    events = [json.loads(line[6:]) for line in streamed.body.split(b"\n\n") if line.startswith(b"data: {")]
    text = "".join(
        choice["delta"].get("content", "") for event in events for choice in event["choices"] if choice
    )
    assert len(text) == SIZE
    assert text != content["choices"][0]["message"]["content"]
    assert events[-1]["usage"]["completion_tokens"] == SIZE // 4
    line.close()


async def test_paced_streams_end_when_they_are_told_to_and_nothing_is_missing(standin):
    listener, door = Listener(), await connected(standin)
    line = await connected(standin)
    body = b'{"model": "at-50", "stream": true}'
    asking = asyncio.create_task(line.ask(request(standin, body), hear=listener.hear))
    async with asyncio.timeout(10):
        while listener.judge.seen < 3:
            await asyncio.sleep(0.01)
        await door.ask(request(standin, b"{}", path="/end"))
        reply = await asking
    listener.judge.end(json.loads(reply.body.split(b"data: ")[-2])["usage"]["completion_tokens"])
    assert (listener.judge.lost, listener.judge.reordered, listener.judge.broken) == (0, 0, 0)
    line.close()
    door.close()


def test_an_error_within_a_stream_is_no_answer():
    with pytest.raises(Refused):
        answered(Reply(200, b'data: {"error": {"message": "broken"}}\n\n', 0.1))
    with pytest.raises(Refused):
        answered(Reply(503, b"{}", 0.1))


@pytest.fixture
async def standin():
    """Its port."""
    loop = asyncio.get_running_loop()
    letters, pacers = Letters(4), Pacers()
    server = await loop.create_server(lambda: Conversation(letters, pacers), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


# -- verdicts --


def test_what_is_added_is_the_difference_to_the_bare_way_of_the_same_round():
    found = {
        "alone": {"direct": {"p50_ms": 1.0}, OURS: {"p50_ms": 3.0}, "LiteLLM": {"p50_ms": 9.0}},
        "crowd": {OURS: {"requests_per_s": 100.0}},
        "cached": {OURS: {"cached_requests_per_s": 150.0}},
    }
    gateway.compare(found)
    assert found["alone"][OURS]["added_p50_ms"] == 2.0
    assert "added_p50_ms" not in found["alone"]["direct"]
    assert found["cached"][OURS]["cached_gain"] == 1.5
    taken = {name: [sample] for name, sample in found["alone"].items()}
    verdict = judge(Bar("added_p50_ms", "added p50, ms", at_most=0.45, against="LiteLLM"), taken)
    assert verdict.value == pytest.approx(0.25)
    assert gateway.line(verdict).split()[0] == "met"


def test_a_bar_says_whether_it_is_met_missed_or_was_not_measured():
    bar = Bar("requests_per_s", "requests/s", at_least=4.0, against="LiteLLM")
    slow = {OURS: [{"requests_per_s": 30.0}], "LiteLLM": [{"requests_per_s": 10.0}]}
    assert gateway.line(judge(bar, slow)).split()[0] == "missed"
    assert gateway.line(judge(bar, {OURS: slow[OURS]})).startswith("  not measured")


def test_the_least_of_the_parts_are_held_to_the_same_bars_within_rounds():
    workload = next(one for one in gateway.WORKLOADS if one.name == "crowd")
    of = {OURS: (20, 30, 10), "LiteLLM": (10, 10, 10), "stack": (50, 70, 60), "stack+chain": (35, 31, 39)}
    taken = {name: [{"requests_per_s": float(one)} for one in each] for name, each in of.items()}
    verdicts = [judge(bar, taken) for bar in workload.bars]
    assert gateway.floor_lines(verdicts, taken) == [
        "  stack: requests/s, times LiteLLM's: 6",
        "  stack+chain: requests/s, times LiteLLM's: 3.5",
    ]
    assert gateway.table(workload, verdicts, taken).endswith("LiteLLM's: 3.5")
    del taken["LiteLLM"]
    assert gateway.floor_lines(verdicts, taken)[0].endswith(": -")


def test_every_bar_of_the_issue_is_there():
    bars = {bar.figure: bar for workload in gateway.WORKLOADS for bar in workload.bars}
    assert bars["added_p50_ms"].at_most == 0.45
    assert bars["requests_per_s"].at_least == 4.0
    assert bars["added_first_ms"].at_most == 10
    assert bars["cached_gain"].at_least == 1.3
    assert gateway.MEMORY.at_most == 200
    assert {workload.name for workload in gateway.WORKLOADS} >= {"streams1000", "streams200"}


def test_the_peer_is_pinned_to_the_last_package():
    lines = PINS.read_text().split()
    assert all(line.count("==") == 1 for line in lines)
    assert any(line.startswith("litellm==") for line in lines)


def test_a_quantile_is_one_of_the_numbers():
    assert samples.quantile([1.0, 2.0, 3.0], 0.5) == 2.0
    assert samples.quantile([1.0, 2.0, 3.0], 0.99) == 3.0
