"""Several models over real HTTP: the real server, the real engine, memory for one of them at a time."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from inference.memory import memory_needed
from inference.options import LlamaOptions
from tests.inference import models as small
from tests.server import Server

pytestmark = [pytest.mark.server, pytest.mark.model]


@pytest.fixture(scope="module")
def server(tmp_path_factory, default_model_path):
    """The default model, once more by another name, a third that is too large, and two small ones."""
    directory = tmp_path_factory.mktemp("served")
    tiny, vectors = (small.make(kind, directory / f"{kind}.gguf") for kind in ("tiny", "embedding"))
    one = memory_needed(default_model_path, LlamaOptions(context_tokens=512, slots=2)).total
    models = [
        f"{default_model_path}:slots=2:context=512",
        f"{default_model_path}:slots=2:context=512:name=second",
        f"{default_model_path}:slots=99:context=8192:name=large",
        f"{default_model_path.parent}/gone.gguf:name=gone",
        f"{tiny}:slots=2",
        f"{vectors}:slots=2:kind=embedding:name=e5",
    ]
    with Server(
        directory,
        LLM_MODEL_PATH=str(default_model_path),
        LLM_MODELS=",".join(models),
        LLM_MEMORY_MB=str((one >> 20) * 3 // 2),
        LLM_MAX_TOKENS="64",
        LLM_LOAD_WAIT_SECONDS="60",
    ) as served:
        deadline = time.monotonic() + 60
        while served.get("/readyz")[0] != 200:
            assert time.monotonic() < deadline, served.get("/readyz")
            time.sleep(0.2)
        yield served


@pytest.fixture(scope="module")
def alice(server):
    return server.token_of("alice@example.org")


def ask(server, token, model, **more):
    body = {"prompt": "Say hi.", "model": model, "max_tokens": 8, **more}
    return server.post("/prompt", body, token=token)


def test_models_take_turns_in_memory_and_each_prompt_is_answered_by_its_own(server, alice):
    for model in ("default", "second", "second", "default"):
        status, body = ask(server, alice, model)
        assert status == 201, body
        assert body["model"] == ("second" if model == "second" else "SmolLM2-135M-Instruct.Q4_1")
    log = server.log.read_text()
    assert log.count('"model loaded"') == 3
    assert log.count('"model unloaded"') == 2
    assert server.get("/readyz")[0] == 200


def test_prompts_for_both_at_once_are_all_answered(server, alice):
    with ThreadPoolExecutor(8) as pool:
        models = ["default", "second"] * 4
        answers = list(pool.map(lambda model: ask(server, alice, model), models))
    assert [status for status, _ in answers] == [201] * 8, [body for _, body in answers]


def test_the_service_is_ready_while_its_default_model_is_unloaded(server, alice):
    assert ask(server, alice, "second")[0] == 201
    status, body = server.get("/readyz")
    assert (status, body["status"]) == (200, "ready")


@pytest.mark.parametrize(("model", "said"), [("large", "LLM_MEMORY_MB"), ("gone", "LLM_MODELS")])
def test_what_cannot_be_loaded_says_why_and_disturbs_nobody(server, alice, model, said):
    status, problem = ask(server, alice, model)
    assert (status, problem["code"]) == (503, "model-unavailable")
    assert said in problem["detail"]
    assert ask(server, alice, "second")[0] == 201


def test_a_small_model_and_one_that_makes_vectors_are_served_beside_it(server, alice):
    status, body = ask(server, alice, "tiny", max_tokens=4)
    assert (status, body["model"]) == (201, "tiny")
    status, body = server.post("/v1/embeddings", {"model": "e5", "input": ["one", "two"]}, token=alice)
    assert status == 200, body
    assert len(body["data"]) == 2
    status, listed = server.get("/v1/models", token=alice)
    assert {"tiny", "e5", "second"} <= {model["id"] for model in listed["data"]}


def test_an_unknown_model_is_named_with_those_that_are_served(server, alice):
    status, problem = ask(server, alice, "gpt-9")
    assert (status, problem["code"]) == (404, "unknown-model")
    assert "second" in problem["detail"]
