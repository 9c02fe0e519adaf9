"""`manage.py models` and `manage.py bench_engine`."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from inference import composition
from inference.wanted import parse
from tests.fakes import ScriptedRunner
from tests.inference.files import write_header


@pytest.fixture
def folder(settings, tmp_path):
    settings.LLM_MODELS_DIR = tmp_path
    settings.LLM_MEMORY_MB = 1000
    write_header(tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf")
    return tmp_path


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue()


def rows(shown):
    return {line.split()[0]: " ".join(line.split()) for line in shown.split("\n\n")[0].splitlines()}


def test_models_lists_the_served_ones_and_the_catalogue(folder, settings):
    write_header(folder / "large.gguf", weights=2000 << 20)
    (folder / "broken.gguf").write_bytes(b"GGUF")
    settings.LLM_MODELS = parse(
        "qwen3-4b:pinned,large.gguf:slots=2,broken.gguf,large.gguf:kind=embedding:name=e5"
    )
    shown = run("models")
    found = rows(shown)
    assert list(found)[:6] == ["NAME", "smollm2-135m", "qwen3-4b", "large", "broken", "e5"]
    assert found["smollm2-135m"].startswith("smollm2-135m default, pinned chat yes")
    assert found["smollm2-135m"].endswith("yes")
    assert found["qwen3-4b"] == "qwen3-4b pinned chat no 4096"
    assert "on demand chat yes 2000 MiB 2048 2" in found["large"]
    assert found["large"].endswith("MiB no")
    assert "damaged" in found["broken"]
    assert "on demand embedding" in found["e5"]
    assert found["gemma-3-1b"] == "gemma-3-1b no chat no 4096"
    assert "Memory for models: 1000 MiB" in shown
    assert "Not here: qwen3-4b. Fetch them with: manage.py download_model --all" in shown


def test_models_as_json_for_programs(folder):
    found = json.loads(run("models", "--json"))
    assert found["budget_bytes"] == 1000 << 20
    default = found["models"][0]
    assert default["name"] == "smollm2-135m"
    assert default["role"] == "default, pinned"
    assert (default["downloaded"], default["fits"], default["slots"]) == (True, True, 16)
    assert default["memory_bytes"] > default["size_bytes"]
    assert len({model["name"] for model in found["models"]}) == len(found["models"])


@pytest.fixture
def scripted(folder, monkeypatch):
    loaded = []

    def load(model, options):
        loaded.append((model.name, options))
        return ScriptedRunner("x" * 2000)

    monkeypatch.setattr(composition, "load", load)
    return loaded


def test_bench_engine_measures_each_number_of_streams_with_and_without_a_shared_beginning(scripted, tmp_path):
    path = tmp_path / "figures.json"
    shown = run(
        *("bench_engine", "--streams", "1,3", "--prompt-tokens", "5", "--tokens", "7", "--rounds", "2"),
        *("--shared-prefix", "20", "--json", str(path)),
    )
    assert "tokens/s" in shown
    assert "TTFT" in shown
    found = json.loads(path.read_text())
    assert [(each["streams"], each["shared_tokens"]) for each in found["measured"]] == [
        *((1, 0), (3, 0), (1, 20), (3, 20)),
    ]
    for each in found["measured"]:
        assert each["tokens_per_second"] > 0
        assert each["ttft_ms"] > 0
        assert each["step_ms"] > 0
    assert found["model"] == "smollm2-135m"
    ((name, options),) = scripted
    assert (name, options.slots) == ("smollm2-135m", 3)


def test_bench_engine_takes_any_file(scripted, folder):
    write_header(folder / "other.gguf")
    assert "other, loaded in" in run(
        "bench_engine", str(folder / "other.gguf"), "--streams", "1", "--tokens", "2"
    )


def test_bench_engine_says_what_is_missing(scripted):
    with pytest.raises(CommandError, match="is not downloaded") as caught:
        run("bench_engine", "qwen3-4b")
    assert caught.value.returncode == 2
    with pytest.raises(CommandError, match="whole numbers of 1 or more"):
        run("bench_engine", "--streams", "0,x")


def test_bench_engine_says_why_a_model_cannot_be_loaded(scripted, settings):
    settings.LLM_MEMORY_MB = 1
    with pytest.raises(CommandError, match=r"needs \d+ MiB of memory") as caught:
        run("bench_engine", "--streams", "1")
    assert caught.value.returncode == 1
