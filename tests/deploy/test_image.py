"""The image and the compose file, read as Docker would; no engine is needed."""

import os
import re
import stat
from pathlib import Path

import pytest
import yaml

from gateway.env import DECLARED
from inference.backends import ModelCard
from inference.routing.file import read

ROOT = Path(__file__).resolve().parent.parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NGINX = (ROOT / "deploy" / "nginx.conf").read_text()
POSTGRES = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}


def instructions(text=DOCKERFILE):
    """(instruction, arguments) pairs, continued lines joined."""
    joined = re.sub(r"\\\n", " ", text)
    lines = [line for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(None, 1)) for line in lines]


def test_the_image_is_built_in_stages_and_the_last_has_no_compiler():
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.M)[1:]
    assert len(stages) == 2
    assert "g++" in stages[0]
    assert "g++" not in stages[1]
    assert "cmake" not in stages[1]


def test_the_image_does_not_run_as_root():
    users = [arguments for name, arguments in instructions() if name == "USER"]
    assert users == ["gateway"]
    assert DOCKERFILE.index("USER gateway") < DOCKERFILE.index("\nCMD")


def test_everything_the_image_copies_exists():
    for name, arguments in instructions():
        if name == "COPY" and "--from" not in arguments:
            for source in arguments.split()[:-1]:
                assert (ROOT / source).exists(), source


def test_every_script_is_there_and_can_be_run():
    named = re.findall(r"scripts/(\w+)(?!\.)\b", DOCKERFILE + (ROOT / ".ci/run").read_text())
    assert {"install", "bake", "serve", "test", "check"} <= set(named)
    for name in {*named, "run"} - {"lib"}:
        assert os.access(ROOT / "scripts" / name, os.X_OK), name


def test_nothing_in_the_image_depends_on_the_processor():
    assert "amd64" not in DOCKERFILE.replace("Builds on amd64 and arm64", "")
    assert "--platform" not in DOCKERFILE


def test_the_image_holds_the_model_that_is_named_and_says_how_it_is():
    assert DOCKERFILE.count("ARG LLM_NAME=smollm2-135m") == 2
    assert DOCKERFILE.count("ARG LLM_MODELS=\n") == 2
    assert "download_model --all" in (ROOT / "scripts" / "bake").read_text()
    names = [name for name, _ in instructions()]
    assert {"HEALTHCHECK", "EXPOSE", "STOPSIGNAL", "VOLUME"} <= set(names)


def test_every_variable_of_the_image_is_a_declared_one():
    block = re.search(r"^ENV PATH=/opt/venv/bin:\$PATH \\\n((?:.*\\\n)*.*)$", DOCKERFILE, re.M).group(1)
    names = re.findall(r"^\s+([A-Z_]+)=", block, re.M)
    assert set(names) - set(DECLARED) == {"PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "VENV"}
    assert {"BIND", "DATA_DIR", "LLM_MODELS_DIR", "STATIC_ROOT"} <= set(names)


def test_no_private_file_gets_into_the_image():
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".env", ".env.*", "data", ".git", ".venv"} <= set(ignored)


def test_every_variable_of_compose_is_a_declared_one():
    used = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert used <= set(DECLARED) | POSTGRES | {"REQUIREMENTS"}  # what is built into the image
    passed = set(COMPOSE["x-gateway"]["environment"])
    assert passed <= set(DECLARED)
    # What only a bare machine chooses, or the image has settled.
    settled = {"ENV_FILE", "BIND", "PORT", "DATA_DIR", "STATIC_ROOT", "LLM_MODELS_DIR"}
    assert set(DECLARED) - passed == settled | {"DEBUG", "LLM_MODEL_PATH", "LLM_AUTOSTART"}


def test_the_variables_of_the_older_service_still_configure_it():
    text = (ROOT / "docker-compose.yml").read_text()
    for name in (*POSTGRES, "JWT_CONSTANT", "PORT", "DATABASE_URL", "LLM_NAME"):
        assert f"${{{name}" in text


@pytest.mark.parametrize("secret", ["SECRET_KEY", "POSTGRES_PASSWORD"])
def test_compose_does_not_start_without_its_secrets(secret):
    assert re.search(rf"\$\{{{secret}:\?[^}}]+\}}", (ROOT / "docker-compose.yml").read_text())


def test_the_gateway_waits_for_its_stores_and_for_the_migration():
    waits = COMPOSE["services"]["gateway"]["depends_on"]
    assert waits == {
        "postgres": {"condition": "service_healthy"},
        "redis": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    for store in ("postgres", "redis"):
        assert COMPOSE["services"][store]["healthcheck"]["test"]
        assert COMPOSE["services"][store]["volumes"]
    assert COMPOSE["services"]["migrate"]["restart"] == "no"


@pytest.mark.parametrize("name", ["gateway", "migrate", "engine-1", "engine-2"])
def test_the_gateway_has_no_more_rights_than_it_needs(name):
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_an_engine_loads_its_models_as_the_gateway_would():
    said = {name: value for name, value in COMPOSE["x-gateway"]["environment"].items() if "LLM_" in name}
    assert "LLM_DRAIN_SECONDS" in said
    for name in ("engine-1", "engine-2"):
        assert said.items() <= COMPOSE["services"][name]["environment"].items()


def test_an_engine_has_no_secret_but_its_token():
    for name in ("engine-1", "engine-2"):
        engine = COMPOSE["services"][name]
        assert engine["profiles"] == ["engines"]
        assert engine["command"][-1] == "serve_engine"
        assert set(engine["environment"]) <= set(DECLARED)
        assert [each for each in engine["environment"] if DECLARED[each].secret] == ["ENGINE_TOKEN"]


def test_the_example_of_backends_names_the_services_of_the_compose_file():
    card = ModelCard("smollm2-135m", "1", 2048)
    text = (ROOT / "deploy" / "backends.toml").read_text()
    table = read(text, secret=lambda name: f"value of {name}".replace(" ", "-"), local={card.name: card})
    assert {server.name for server in table.servers} == {"engine-1", "engine-2"}
    for server in table.servers:
        assert server.remote.base_url == f"http://{server.name}:8080/v1"
        assert server.remote.api_key == "value-of-ENGINE_TOKEN"
    assert not table.uses_local


def test_every_volume_is_declared():
    for service in COMPOSE["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source.startswith("./") or source in COMPOSE["volumes"]


@pytest.mark.parametrize("name", ["postgres", "redis", "tls"])
def test_every_foreign_image_is_pinned(name):
    assert re.search(r":\d", COMPOSE["services"][name]["image"])


def test_the_tls_proxy_passes_streams_through_and_sets_what_is_trusted():
    for line in (
        "proxy_buffering off;",
        "proxy_request_buffering off;",
        "proxy_set_header X-Forwarded-Proto https;",
        "proxy_set_header Host $host;",
        "ssl_certificate ",
    ):
        assert line in NGINX
    seconds = int(re.search(r"proxy_read_timeout (\d+)s", NGINX).group(1))
    assert seconds > DECLARED["LLM_TIMEOUT_SECONDS"].default + DECLARED["LLM_QUEUE_SECONDS"].default
    megabytes = int(re.search(r"client_max_body_size (\d+)m", NGINX).group(1))
    assert megabytes << 20 > DECLARED["MAX_BODY_BYTES"].default


def test_scripts_stop_at_the_first_error():
    for path in (ROOT / "scripts").iterdir():
        if path.is_file() and path.stat().st_mode & stat.S_IXUSR and path.name != "check":
            assert "set -euo pipefail" in path.read_text(), path.name
