"""
Who shares what was computed for whom, and who waits for whom: over real HTTP, with a real engine and a small
model that makes nonsense.
"""

import signal
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.inference import models as small
from tests.server import Server

pytestmark = pytest.mark.server

SYSTEM = "You are a patient assistant who answers in plain words, and gives an example where that helps much."
CROWD, ANSWER_TOKENS = 24, 200


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return small.make("tiny", tmp_path_factory.mktemp("models") / "tiny.gguf")


@pytest.fixture
def serve(tmp_path, tiny):
    """A server that is ready, with these variables; ended with the test."""
    with ExitStack() as servers:

        def start(**variables):
            base = {"LLM_MODEL_PATH": str(tiny), "LLM_CONTEXT": "512", "LLM_MAX_TOKENS": "256"}
            server = servers.enter_context(Server(tmp_path, **base, **variables))
            server.until(lambda: server.get("/readyz")[0] == 200, "never ready")
            return server

        yield start


def ask(server, token, question, *, system=SYSTEM, max_tokens=4):
    """The usage of an answer of so many tokens."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": question}]
    body = {"messages": messages, "max_tokens": max_tokens, "temperature": 0.7, "ignore_eos": True}
    status, answer = server.post("/v1/chat/completions", body, token=token)
    assert status == 200, answer
    return answer["usage"]


def shared_tokens(server, token, question):
    return ask(server, token, question)["prompt_tokens_details"]["cached_tokens"]


@pytest.mark.parametrize("scope", ["shared", "user"])
def test_a_beginning_is_computed_once_for_everybody_or_for_each_user(serve, scope):
    server = serve(LLM_PREFIX_SCOPE=scope, LLM_SLOTS="4")
    alice, bob = (server.token_of(f"{name}@example.org") for name in ("alice", "bob"))
    assert shared_tokens(server, alice, "1?") < 20
    assert shared_tokens(server, alice, "2?") > len(SYSTEM) / 2, "her own"
    others = shared_tokens(server, bob, "3?")
    assert others > len(SYSTEM) / 2 if scope == "shared" else others == 0
    assert shared_tokens(server, bob, "4?") > len(SYSTEM) / 2


def test_a_hot_beginning_is_there_again_after_a_restart(serve, tmp_path):
    folder = tmp_path / "prefixes"
    server = serve(LLM_PREFIX_DIR=str(folder), LLM_SLOTS="4")
    alice = server.token_of("alice@example.org")
    for question in "12345":
        ask(server, alice, f"{question}?")
    server.signal(signal.SIGTERM)
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert len(kept) == 1
    assert stat.S_IMODE(kept[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(kept[0].parent.stat().st_mode) == 0o700
    server.start(until="/readyz")
    assert shared_tokens(server, alice, "6?") > len(SYSTEM) / 2


def test_one_users_crowd_does_not_delay_anothers_first_prompt(serve):
    server = serve(LLM_SLOTS="2")
    alice, bob = (server.token_of(f"{name}@example.org") for name in ("alice", "bob"))
    answered = []
    first = threading.Event()

    def of_the_crowd(number):
        usage = ask(server, alice, f"{number}?", system=f"{number}", max_tokens=ANSWER_TOKENS)
        answered.append(usage["completion_tokens"])
        first.set()

    with ThreadPoolExecutor(CROWD) as crowd:
        asked = [crowd.submit(of_the_crowd, number) for number in range(CROWD)]
        assert first.wait(60)
        ask(server, bob, "Hello?", max_tokens=ANSWER_TOKENS)
        before_him = len(answered)
        for each in asked:
            each.result()
    assert answered == [ANSWER_TOKENS] * CROWD
    assert before_him <= CROWD / 2, "he was not the last"
