"""`backends.toml`: what it may say, and what is said about what it may not."""

import re
from pathlib import Path

import pytest

from inference.backends import ModelCard
from inference.routing.file import TableInvalid, load, read, uses_local

ROOT = Path(__file__).resolve().parent.parent.parent.parent
KEYS = {"CLOUD_KEY": "sk-secret-1", "BAD_KEY": "sk-secret-2\nX: y"}
LOCAL = {"smollm2-135m": ModelCard("smollm2-135m", "b179", 2048)}

GOOD = """
default = "small"

[backends.gpu1]
kind = "vllm"
base_url = "http://gpu1:8000/v1/"
max_concurrent = 64
first_byte_seconds = 20
local = true

[backends.cloud]
kind = "openai"
base_url = "https://api.example.com/v1"
api_key_env = "CLOUD_KEY"
fields = ["temperature", "stop"]
media = ["image_url"]
max_tokens_field = "max_completion_tokens"
draining = true

[backends.here]
kind = "local"

[models."llama-3.1-8b"]
backends = ["gpu1", {backend = "cloud", model = "meta/llama-3.1-8b", weight = 0.5, revision = "hosted"}]
context_tokens = 8192
revision = "2026-07"
fallbacks = ["small"]
aliases = ["gpt-4o-mini"]

[models.small]
backends = [{backend = "here", model = "smollm2-135m"}]
"""


def table_of(text, total_seconds=300.0):
    return read(text, secret=lambda name: KEYS.get(name, ""), local=LOCAL, total_seconds=total_seconds)


def problems_of(text):
    with pytest.raises(TableInvalid) as invalid:
        table_of(text)
    assert "sk-secret" not in str(invalid.value.problems)
    return invalid.value.problems


def test_a_good_file():
    table = table_of(GOOD, total_seconds=120.0)
    gpu1, cloud, here = table.servers
    assert gpu1.remote.base_url == "http://gpu1:8000/v1"
    assert (gpu1.remote.patience.first_byte_seconds, gpu1.remote.patience.total_seconds) == (20.0, 120.0)
    assert (gpu1.max_concurrent, gpu1.is_local, gpu1.remote.probe) == (64, True, "/health")
    assert (cloud.remote.api_key, cloud.draining, cloud.is_local) == ("sk-secret-1", True, False)
    assert cloud.remote.fields == {"temperature", "stop", "image_url"}
    assert cloud.remote.max_tokens_field == "max_completion_tokens"
    assert (here.remote, here.is_local) == (None, True)
    assert table.uses_local
    small, llama = table.models
    assert (small.name, small.context_tokens) == ("small", 2048)
    assert small.card().revision == "b179"
    assert llama.card().revision == "2026-07"
    assert llama.card(llama.targets[1]).revision == "hosted"
    assert [(each.server, each.model, each.weight) for each in llama.targets] == [
        ("gpu1", "llama-3.1-8b", 1.0),
        ("cloud", "meta/llama-3.1-8b", 0.5),
    ]


def test_the_readmes_example_can_be_used():
    text = re.search(r"```toml\n(.*?)```", (ROOT / "docs" / "MODELS.md").read_text(), re.S).group(1)
    table = read(text, secret=lambda name: f"sk-{name}", local=LOCAL)
    assert {server.kind for server in table.servers} == {"vllm", "engine", "openai", "local"}
    assert [model.name for model in table.models] == ["llama-3.1-8b", "smollm2-135m", "bge-m3"]


def test_an_undeclared_revision_is_another_one_for_another_model():
    one, two = (
        table_of(GOOD.replace('revision = "2026-07"', "").replace('"meta/', f'"{maker}/')) for maker in "ab"
    )
    assert one.models[1].card().revision != two.models[1].card().revision


GPU = '[backends.a]\nkind = "vllm"\nbase_url = "http://a/v1"\n'
MODEL = '[models.m]\nbackends = ["a"]\ncontext_tokens = 10\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "No backend is declared"),
        (GPU, "No model is declared"),
        ('key = "sk-secret', "no TOML: at end of document"),
        ("backends = 7", "backends must be tables"),
        (GPU.replace("vllm", "tgi") + MODEL, "kind must be one of openai, llama-server"),
        (GPU.replace("http://a/v1", "gpu1:8000") + MODEL, "base_url is no address"),
        (GPU.replace("http://a/v1", "file:///etc/passwd") + MODEL, "base_url is no address"),
        (GPU.replace("http://a/v1", "http://u:sk-secret@a/v1") + MODEL, "holds a credential"),
        (GPU.replace("http://a/v1", "http://a/v1?key=sk-secret") + MODEL, "something behind its path"),
        (GPU.replace("http://a/v1", "http://[a/v1") + MODEL, "base_url is no address"),
        ('[backends.a]\nkind = "vllm"\n' + MODEL, "base_url is missing"),
        (GPU + 'api_key = "sk-secret"\n' + MODEL, "name an environment variable by api_key_env"),
        (GPU + 'api_key_env = "sk-secret-3"\n' + MODEL, "and not the key"),
        (GPU + 'api_key_env = "UNSET"\n' + MODEL, "UNSET, which is not set"),
        (GPU + 'api_key_env = "BAD_KEY"\n' + MODEL, "no header can carry"),
        (GPU + "max_concurent = 5\n" + MODEL, "max_concurent is not known"),
        (GPU + "max_concurrent = 0\n" + MODEL, "max_concurrent must be a whole number of 1 or more"),
        (GPU + "connect_seconds = true\n" + MODEL, "connect_seconds must be a number"),
        (GPU + "idle_seconds = inf\n" + MODEL, "idle_seconds must be a number"),
        (GPU + 'local = "yes"\n' + MODEL, "local must be true or false"),
        (GPU + 'fields = ["topk"]\n' + MODEL, "fields has topk"),
        (GPU + "fields = 5\n" + MODEL, "fields must be an array of texts"),
        (GPU + 'media = ["video"]\n' + MODEL, "media has video; known are image_url, input_audio"),
        ('[backends.a]\nkind = "local"\nbase_url = "http://a"\n' + MODEL, "base_url is not known"),
        ("[backends]\na = 5\n" + MODEL, "[backends.a]: this must be a table"),
        (GPU + MODEL.replace('"a"', '"b"'), "there is no [backends.b]"),
        (GPU + MODEL.replace('"a"', "5"), "this must be a table"),
        (GPU + MODEL.replace('["a"]', "[]"), "backends is missing"),
        (GPU + MODEL.replace("context_tokens = 10", ""), "context_tokens is missing"),
        (GPU + MODEL + 'fallbacks = ["x"]', "the fallback x is no other chat model"),
        (GPU + MODEL + 'fallbacks = ["m"]', "the fallback m is no other chat model"),
        (GPU + MODEL + 'kind = "embedding"\nfallbacks = ["m"]', "vectors of two models do not compare"),
        (GPU + MODEL + 'kind = "embedding"', "The default model is an embedding model"),
        (GPU + MODEL + 'kind = "picture"', "kind must be one of chat, embedding"),
        (GPU + MODEL + 'aliases = ["M"]', "Two models are called M"),
        (GPU + MODEL + 'aliases = ["default"]', "Two models are called default"),
        ('default = "x"\n' + GPU + MODEL, "default names x"),
        ('[backends.a]\nkind = "local"\n' + MODEL, "this process has no model m"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(text, words):
    assert any(words in problem for problem in problems_of(text)), problems_of(text)


def test_everything_that_is_wrong_is_said_at_once():
    text = GPU.replace("http:", "ftp:") + "zzz = 1\n" + MODEL.replace("10", "-1") + 'fallbacks = ["x"]'
    assert len(problems_of(text)) == 4


def test_a_file_that_is_not_there_or_no_text_is_told(tmp_path):
    path = tmp_path / "backends.toml"
    named = {"secret": KEYS.get, "local": {}, "total_seconds": 1.0}
    with pytest.raises(TableInvalid, match="BACKENDS_FILE"):
        load(path, **named)
    path.write_bytes(b"\xff")
    with pytest.raises(TableInvalid, match="UTF-8"):
        load(path, **named)
    path.write_bytes(b"#" * (2 << 20))
    with pytest.raises(TableInvalid, match="MiB"):
        load(path, **named)


def test_whether_this_process_needs_a_model_is_known_without_reading_all_of_it(tmp_path):
    path = tmp_path / "backends.toml"
    assert uses_local(path), "to be safe"
    path.write_text(GOOD)
    assert uses_local(path)
    path.write_text(GOOD.replace('kind = "local"', 'kind = "vllm"'))
    assert not uses_local(path)
    path.write_text("[")
    assert uses_local(path)
