"""The real server whose model is missing or broken: everything but answering works."""

import time

import pytest

from tests.server import Server

pytestmark = pytest.mark.server


@pytest.fixture(params=["missing", "no file of ones own", "no model", "truncated"])
def server(request, tmp_path):
    """Says what `/readyz` should name as the reason, too."""
    variables = {"LLM_MODELS_DIR": str(tmp_path / "models")}
    reason = "manage.py download_model"
    if request.param != "missing":
        path = tmp_path / "model.gguf"
        variables["LLM_MODEL_PATH"] = str(path)
        reason = "LLM_MODEL_PATH"
    if request.param in ("no model", "truncated"):
        path.write_bytes(b"GGUF\3\0\0\0" if request.param == "truncated" else b"something else")
        reason = "damaged"
    with Server(tmp_path, **variables) as served:
        yield served, reason


def test_the_service_starts_and_says_why_it_cannot_answer(server, tmp_path):
    served, reason = server
    deadline = time.monotonic() + 30
    while (answer := served.get("/readyz"))[1]["status"] == "loading":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    status, body = answer
    assert status == 503
    assert body["components"]["model"]["state"] == "down"
    assert reason in body["components"]["model"]["reason"]
    assert str(tmp_path) not in str(body)

    alice = served.token_of("alice@example.org")
    status, problem = served.post("/prompt", {"prompt": "hello"}, token=alice)
    assert (status, problem["code"]) == (503, "model-unavailable")
    assert reason in problem["detail"]
    (row,) = served.get("/prompt", token=alice)[1]["results"]
    assert row["outcome"] == "refused"
    for path in ("/", "/healthz", "/api/schema/", "/api/docs/", "/admin/login/", "/problems"):
        assert served.get(path)[0] == 200, path


def test_static_files_are_served_under_production_settings(tmp_path):
    server = Server(tmp_path, LLM_MODELS_DIR=str(tmp_path))
    server.manage("collectstatic", "--noinput", "--verbosity", "0")
    with server:
        assert server.get("/static/admin/css/base.css")[0] == 200
        assert server.get("/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js")[0] == 200
        assert server.get("/static/../manage.py")[0] == 404
        assert server.get("/static/%2e%2e/gateway/settings.py")[0] == 404
        assert server.get("/static/nothing.css")[0] == 404
