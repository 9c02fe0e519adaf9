"""The main job over real HTTP: the real server, the real model, real private values."""

import http.client
import json
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.server import Server

pytestmark = [pytest.mark.server, pytest.mark.model]

VALUES = {
    "email": "ann.smith@example.com",
    "credit_card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "aws_access_key": "AKIAIOSFODNN7EXAMPLE",
    "us_ssn": "078-05-1120",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory, default_model_path):
    options = {"LLM_MODEL_PATH": str(default_model_path), "LLM_MAX_TOKENS": "1500"}
    with Server(tmp_path_factory.mktemp("served"), **options) as served:
        deadline = time.monotonic() + 60
        while served.get("/readyz")[0] != 200:
            assert time.monotonic() < deadline, served.get("/readyz")
            time.sleep(0.2)
        yield served


@pytest.fixture(scope="module")
def alice(server):
    return server.token_of("alice@example.org")


def test_a_plain_question_gets_a_sensible_sentence(server, alice):
    status, body = server.post(
        "/prompt", {"prompt": "What is the capital of France? Answer in one short sentence."}, token=alice
    )
    assert status == 201
    assert "Paris" in body["response"]
    assert body["finishReason"] == "stop"
    assert body["usage"]["completionTokens"] > 2


def test_private_values_reach_neither_the_model_nor_any_file(server, alice):
    text = (
        "Repeat this sentence: write to {email} about card {credit_card}, account {iban}, "
        "key {aws_access_key} and SSN {us_ssn}."
    )
    status, body = server.post(
        "/prompt", {"prompt": text.format(**VALUES), "max_tokens": 80, "temperature": 0}, token=alice
    )
    assert status == 201
    for value in VALUES.values():
        assert value not in body["promptSent"]
        assert value not in body["sanitizedPrompt"]
    assert body["emailsSanitized"] == [VALUES["email"]]
    assert set(VALUES) <= {finding["rule"] for finding in body["findings"]}
    for name, raw in server.written().items():
        for value in VALUES.values():
            assert value.encode() not in raw, name


def test_the_callers_own_values_come_back_where_the_model_used_their_placeholders(server, alice):
    status, body = server.post(
        "/prompt",
        {"prompt": f"Repeat exactly: {VALUES['email']}", "max_tokens": 40, "temperature": 0},
        token=alice,
    )
    assert status == 201
    assert "[EMAIL_1]" in body["sanitizedPrompt"]
    assert VALUES["email"] in body["response"]


# As long as it takes: the model may find that a story is long enough after a sentence.
STORY = {"prompt": "Tell a very long story.", "max_tokens": 1500, "ignore_eos": True}


def of_outcome(server, alice, outcome):
    return server.get(f"/prompt?outcome={outcome}", token=alice)[1]["results"]


def is_free(server, alice, before):
    server.until(lambda: server.given_up() == before + 1, "the model goes on with a story that nobody hears")
    assert server.post("/prompt", {"prompt": "Say hi.", "max_tokens": 4}, token=alice)[0] == 201


def test_a_caller_who_hangs_up_frees_the_model_and_is_on_the_book(server, alice):
    before = server.given_up()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = json.dumps(STORY | {"stream": True})
    headers = {"Authorization": f"Bearer {alice}", "Content-Type": "application/json"}
    connection.request("POST", "/prompt", body, headers)
    assert connection.getresponse().read(10)
    connection.close()
    is_free(server, alice, before)
    (row,) = of_outcome(server, alice, "cancelled")
    assert row["response"]


def test_a_caller_who_hangs_up_without_streaming_frees_the_model_too(server, alice):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    before = server.given_up()
    body = json.dumps(STORY)
    headers = {"Authorization": f"Bearer {alice}", "Content-Type": "application/json"}
    connection.request("POST", "/prompt", body, headers)
    server.until(lambda: of_outcome(server, alice, "accepted"), "it was never accepted")
    connection.close()
    is_free(server, alice, before)
    assert len(of_outcome(server, alice, "cancelled")) == 2


def test_a_hundred_prompts_at_once_are_answered_or_refused_and_each_that_is_let_in_has_its_row(server):
    tokens = [server.token_of(f"user{n}@example.org") for n in range(10)]

    def ask(n):
        prompt = f"Repeat exactly: user{n % 10}.mark{n}@example.com"
        return n, *server.post("/prompt", {"prompt": prompt, "max_tokens": 16}, token=tokens[n % 10])

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(ask, range(100)))
    assert {status for _, status, _ in answers} <= {201, 503}
    answered = [answer for answer in answers if answer[1] == 201]
    assert answered
    for n, _, body in answered:
        others = [f"mark{m}@" for m in range(100) if m != n]
        assert not any(other in body["response"] for other in others)
    for user, token in enumerate(tokens):
        rows = server.get("/prompt?limit=100", token=token)[1]["results"]
        # Whoever is sent away because there is too much to do was never let in.
        let_in = [one for one in answers if one[0] % 10 == user and one[2].get("code") != "overloaded"]
        assert len(rows) == len(let_in)
        mine = [status for _, status, _ in let_in]
        assert [row["outcome"] for row in rows].count("answered") == mine.count(201)
        assert {row["outcome"] for row in rows} <= {"answered", "refused", "timed_out"}


def test_a_killed_server_leaves_an_interrupted_row_and_an_intact_book(server, alice):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = json.dumps(STORY | {"stream": True})
    headers = {"Authorization": f"Bearer {alice}", "Content-Type": "application/json"}
    connection.request("POST", "/prompt", body, headers)
    assert connection.getresponse().read(10)
    before = server.get("/prompt?limit=100", token=alice)[1]["results"]
    assert before[0]["outcome"] == "accepted"
    server.signal(signal.SIGKILL)
    connection.close()
    server.start(until="/readyz")
    after = server.get("/prompt?limit=100", token=alice)[1]["results"]
    assert [row["id"] for row in after] == [row["id"] for row in before]
    assert after[0]["outcome"] == "interrupted"
    assert server.post("/prompt", {"prompt": "Say hi.", "max_tokens": 4}, token=alice)[0] == 201


def test_a_server_that_is_asked_to_stop_stops_soon(server, alice):
    started = time.monotonic()
    server.signal(signal.SIGTERM)
    assert time.monotonic() - started < 25  # of the thirty that it would be given
    server.start(until="/readyz")
