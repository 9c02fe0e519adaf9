"""The benchmark of the engine: its client against a stub server, its prompts, its verdicts."""

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager, suppress

import pytest

from benchmarks import engine
from benchmarks.serving import disturbances, machine, peers, room, traffic
from benchmarks.serving.load import Address, Refused, Reply, ask
from benchmarks.serving.prompts import Prompts
from benchmarks.serving.servers import Gateway, LlamaCppPython, LlamaServer, LlamaServerSlots, Setting
from benchmarks.serving.verdicts import Bar, judge
from benchmarks.serving.workloads import ALL, WORKLOADS

PIECE = 0.002  # seconds between two pieces of the stub's answers
LONG_WORDS = 200


class Stub:
    """An HTTP server that streams as many pieces as are asked for, or answers in one; it notes who left."""

    name = "ours"
    says_usage = True
    cached = 0

    def __init__(self):
        self.handlers = set()
        self.bodies = []
        self.heads = []
        self.left = self.at_once = self.most_at_once = 0
        self.status = 200
        self.tokens_short = 0
        self.pause_seconds = 0.0  # of every stream, when a long prompt arrives
        self.linger_seconds = 0.0  # how long who has left keeps the slot, where there is one
        self.slot = asyncio.Semaphore(1000)
        self.paused_until = 0.0

    def body(self, messages, max_tokens, *, stream=True, ignore_eos=True):
        return {"messages": messages, "max_tokens": max_tokens, "stream": stream}

    def address(self, account=0):
        return Address(self.port, f"token-{account}")

    @asynccontextmanager
    async def serving(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
        await disturbances._end(self.handlers)

    async def _serve(self, reader, writer):
        self.handlers.add(asyncio.current_task())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        length = int(re.search(r"Content-Length: (\d+)", head)[1])
        body = json.loads(await reader.readexactly(length))
        self.bodies.append(body)
        if self._usage(body)["prompt_tokens"] > LONG_WORDS:
            self.paused_until = time.monotonic() + self.pause_seconds
        try:
            if self.status != 200:
                await self._plain(writer, {"error": {"message": "full"}})
            elif body["stream"]:
                async with self.slot:
                    self.at_once += 1
                    self.most_at_once = max(self.most_at_once, self.at_once)
                    await self._stream(writer, body)
            else:
                await asyncio.sleep(PIECE * body["max_tokens"])
                choice = {"message": {"content": "word"}, "finish_reason": "length"}
                await self._plain(writer, {"choices": [choice], "usage": self._usage(body)})
        except ConnectionError:
            self.left += 1
        except asyncio.CancelledError:
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def _usage(self, body):
        size = sum(len(message["content"].split()) for message in body["messages"])
        return {
            "prompt_tokens": size,
            "completion_tokens": body["max_tokens"] - self.tokens_short,
            "prompt_tokens_details": {"cached_tokens": self.cached},
        }

    async def _plain(self, writer, answer):
        data = json.dumps(answer).encode()
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        await writer.drain()

    async def _stream(self, writer, body):
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        events = [{"choices": [{"delta": {"role": "assistant"}, "finish_reason": None}]}]
        events += [{"choices": [{"delta": {"content": "word "}}]}] * body["max_tokens"]
        events += [{"choices": [{"delta": {}, "finish_reason": "length"}]}]
        events += [{"choices": [], "usage": self._usage(body)}]
        for event in [*map(json.dumps, events), "[DONE]"]:
            self.at_once -= event == "[DONE]"  # before the client can know, and ask again
            data = f": a comment\ndata: {event}\n\n".encode()
            middle = len(data) // 2  # events come in pieces
            for part in (data[:middle], data[middle:]):
                writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            try:
                await writer.drain()
            except ConnectionError:
                await asyncio.sleep(self.linger_seconds)
                raise
            await asyncio.sleep(max(PIECE, self.paused_until - time.monotonic()))
        writer.write(b"0\r\n\r\n")
        await writer.drain()


@pytest.fixture
async def stub():
    async with Stub().serving() as serving:
        yield serving


HELLO = [{"role": "user", "content": "hello there"}]


async def test_a_reply_has_the_instant_of_every_piece_and_the_servers_own_counts(stub):
    reply = await ask(stub.address(), stub.body(HELLO, 4))
    assert reply.text == "word " * 4
    assert (reply.tokens, reply.prompt_tokens, reply.finish_reason) == (4, 2, "length")
    assert PIECE / 2 < reply.first_seconds < reply.ended_at - reply.asked_at
    assert len(reply.gaps) == 3
    assert min(reply.gaps) > PIECE / 2
    assert "Authorization: Bearer token-0" in stub.heads[0]


async def test_a_whole_answer_is_read_too(stub):
    reply = await ask(stub.address(), stub.body(HELLO, 2, stream=False))
    assert (reply.text, reply.tokens) == ("word", 2)


async def test_another_status_is_a_refusal_with_its_text(stub):
    stub.status = 503
    with pytest.raises(Refused, match=r"status 503.*full"):
        await ask(stub.address(), stub.body(HELLO, 2))


async def test_whoever_stops_waiting_closes_the_connection(stub):
    reply = Reply(0.0)
    task = asyncio.create_task(ask(stub.address(), stub.body(HELLO, 1000), into=reply))
    await disturbances._until(lambda: len(reply.arrivals) > 2, [task])
    await disturbances._end([task])
    async with asyncio.timeout(2):
        while not stub.left:
            await asyncio.sleep(PIECE)


async def test_an_answer_of_another_length_is_no_measurement(stub):
    stub.tokens_short = 1
    with pytest.raises(traffic.Unequal):
        await traffic.alone(stub, Prompts(1), requests=1)


async def test_a_crowd_asks_at_once_and_never_the_same(stub):
    sample = await traffic.crowd(stub, Prompts(1), clients=4, requests=2)
    assert len({json.dumps(body["messages"]) for body in stub.bodies}) == 8
    assert sample["answer_tokens"] == traffic.ANSWER_TOKENS
    assert stub.most_at_once == 4
    assert sample["tokens_per_s"] == pytest.approx(8 * traffic.ANSWER_TOKENS / sample["seconds"])


async def test_those_with_one_system_prompt_share_it_and_nothing_else(stub):
    await traffic.shared(stub, Prompts(1), clients=3)
    systems, users = zip(
        *((m[0]["content"], m[1]["content"]) for m in (b["messages"] for b in stub.bodies)), strict=True
    )
    assert len(set(systems)) == 1
    assert len(set(users)) == 3
    assert len(systems[0].split()) > 500


async def test_a_conversation_sends_all_that_was_said_and_counts_what_is_new(stub):
    sample = await traffic.chat(stub, Prompts(1), users=2, turns=3)
    longest = max((body["messages"] for body in stub.bodies), key=len)
    assert [message["role"] for message in longest] == ["system", *["user", "assistant"] * 2, "user"]
    assert longest[2]["content"] == "word " * traffic.SHORT_ANSWER_TOKENS
    assert sample["computed_ratio"] > 1.5  # the stub has no cache


def test_what_is_new_in_a_turn_is_neither_the_turn_before_nor_its_answer():
    def turn(prompt, answer):
        return Reply(0.0, usage={"prompt_tokens": prompt, "completion_tokens": answer})

    assert traffic.new_tokens([turn(100, 20), turn(150, 20), turn(200, 20)]) == 100 + 30 + 30


async def test_an_intrusion_looks_at_the_gaps_while_the_long_prompt_is_computed(stub):
    stub.pause_seconds = 1.0
    sample = await disturbances.intrusion(stub, Prompts(1), long_tokens=300)
    assert sample["largest_gap_s"] > 0.9
    assert sample["gap_ratio"] == sample["largest_gap_s"] / sample["usual_gap_s"]
    assert sample["usual_largest_gap_s"] < 0.9
    assert len(stub.bodies) == 6


def test_only_gaps_that_overlap_count_and_one_that_is_still_open_does():
    arrivals = [0.0, 1.0, 2.0, 3.0, 7.0]
    assert disturbances.gaps_within(arrivals, 1.5, 2.5) == [1.0, 1.0]
    assert disturbances.gaps_within(arrivals, 8.0, 9.0) == [2.0]


async def test_a_flood_is_one_accounts_and_the_probe_anothers(stub):
    sample = await disturbances.flood(stub, Prompts(1), prompts_at_once=10, probes=1)
    tokens = [re.search(r"token-(\d)", head)[1] for head in stub.heads]
    assert (tokens.count("0"), tokens.count("1")) == (10, 4)
    assert sample["refused"] == 0


async def test_leaving_is_measured_in_steps_of_what_was_left(stub):
    stub.slot, stub.linger_seconds = asyncio.Semaphore(1), 1.0
    sample = await disturbances.leaving(stub, Prompts(1), times=1)
    waited = sample["after_streamed_s"] - sample["quiet_s"]
    assert waited > 0.5
    assert sample["steps_streamed"] == pytest.approx(waited / sample["step_s"])


async def test_cached_answers_are_asked_for_at_a_steady_rate_beside_generation(stub, monkeypatch):
    monkeypatch.setattr(disturbances, "QUESTIONS", 2)
    sample = await disturbances.cached(stub, Prompts(1), clients=2, requests=1)
    assert sample["kept"] == sample["beside_tokens_per_s"] / sample["alone_tokens_per_s"]
    assert sample["cached_p99_s"] >= sample["cached_median_s"] > 0


def test_the_same_seed_writes_the_same_prompts_and_never_one_twice():
    one, same = Prompts((7, "a", 0)), Prompts((7, "a", 0))
    first = one.question(105)
    assert first == same.question(105)
    assert first != one.question(105)
    assert first != Prompts((7, "a", 1)).question(105)


def test_bars_are_met_or_not_within_rounds_and_by_the_better_configuration():
    bar = Bar("speed", "", at_least=1.0, against="llama-server")
    samples = {
        "ours": [{"speed": 10.0}, {"speed": 30.0}, {"speed": 12.0}],
        "llama-server": [{"speed": 5.0}, {"speed": 5.0}, {"speed": 5.0}],
        "llama-server -np": [{"speed": 9.0}, {"speed": 31.0}, {"speed": 10.0}],
    }
    verdict = judge(bar, samples)
    assert verdict.value == pytest.approx(10 / 9)
    assert verdict.is_met
    assert not judge(Bar("speed", "", at_most=1.0, against="llama-server"), samples).is_met
    assert judge(bar, {"ours": samples["ours"]}).is_met is None
    assert judge(Bar("speed", "", at_most=12.0), samples).is_met


def test_a_peer_is_judged_by_what_it_does_best():
    bar = Bar("seconds", "", at_most=0.25, against="llama-server")
    samples = {
        "ours": [{"seconds": 1.0}],
        "llama-server": [{"seconds": 10.0}],
        "llama-server -np": [{"seconds": 2.0}],
    }
    assert judge(bar, samples).value == 0.5


def test_the_peers_are_built_as_requirements_say():
    version, options = peers.requirement("x86_64")
    assert re.fullmatch(r"[\d.]+", version)
    assert "-DGGML_NATIVE=OFF" in options
    assert "-DGGML_AVX2=ON" in options
    assert peers.requirement("aarch64") == (version, ["-DGGML_NATIVE=OFF"])
    with pytest.raises(peers.PeersUnavailable):
        peers.requirement("x86_64", "nothing")


def test_all_contenders_get_the_same_model_threads_and_context(tmp_path):
    setting = Setting(tmp_path / "m.gguf", threads=3, slots=5, slot_tokens=1000, variables={"A": "b"})
    LlamaServer.binary, LlamaCppPython.python = tmp_path / "llama-server", tmp_path / "python"
    ours = Gateway(setting, accounts=2)
    ours._secret = "s"
    told = ours.environment()
    assert (told["LLM_THREADS"], told["LLM_SLOTS"], told["LLM_CONTEXT"], told["A"]) == ("3", "5", "1000", "b")
    assert len(ours.tokens) == 2
    slots = " ".join(LlamaServerSlots(setting).command())
    assert "--threads 3 --threads-batch 3 --parallel 5 --ctx-size 5000" in slots
    assert "--parallel" not in " ".join(LlamaServer(setting).command())
    python = " ".join(LlamaCppPython(setting).command())
    assert "--n_threads 3 --n_threads_batch 3 --n_ctx 1000" in python


def test_what_others_use_of_the_machine_is_seen():
    usage = machine.Usage(None)
    sum(range(3_000_000))
    found = usage.cores()
    assert 0 < found["load_cores"] < 1.5
    if "other_cores" in found:
        assert found["other_cores"] >= 0


def test_every_workload_has_a_bar_and_known_contenders():
    assert len({workload.name for workload in WORKLOADS}) == len(WORKLOADS)
    for workload in WORKLOADS:
        assert workload.bars
        assert set(workload.contenders) <= set(ALL)


def test_a_table_says_met_not_met_or_nothing(capsys):
    (workload,) = [one for one in WORKLOADS if one.name == "chat"]
    samples = {
        "ours": [{"tokens_per_s": 9.0, "computed_ratio": 1.2}],
        "llama-server": [{"tokens_per_s": 10.0}],
    }
    shown = engine.table(workload, [judge(bar, samples) for bar in workload.bars], samples)
    assert re.search(r"tokens/s +9.* at least 1 x llama-server +0\.90 +NOT MET", shown)
    assert "-np" not in shown
    samples["ours"][0]["other_cores"] = 0.7
    assert "up to 0.7 cores" in engine.table(workload, [judge(workload.bars[0], samples)], samples)


def test_without_a_model_it_says_how_to_get_one(capsys):
    assert engine.main(["--model", "nowhere.gguf"]) == 2
    assert "download_model" in capsys.readouterr().err


def test_a_few_jobs_on_a_tiny_model_leave_nothing_behind(monkeypatch):
    pytest.importorskip("tests.inference.models")
    monkeypatch.setattr(room, "JOBS", 600)
    options = engine.argparse.Namespace(seed=1, quick=False, threads=1)
    monkeypatch.setattr(room, "WARM_UP_JOBS", 300)
    sample = room.jobs(options)
    assert (sample["jobs"], sample["lost"], sample["slots_not_back"], sample["failed"]) == (600, 0, 0, 0)
    assert sample["cancelled"] > 50
    assert sample["answered"] > 200
