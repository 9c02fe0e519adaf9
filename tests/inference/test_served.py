"""Which models are served, from the settings."""

import pytest

from inference import served
from inference.wanted import parse


@pytest.fixture
def models(settings, tmp_path):
    """Sets LLM_MODELS; the models' folder is empty."""
    settings.LLM_MODELS_DIR = tmp_path / "models"
    settings.LLM_MODELS_DIR.mkdir()

    def configure(raw, **more):
        settings.LLM_MODELS = parse(raw)
        for name, value in more.items():
            setattr(settings, name, value)
        return served.served()

    return configure


def test_the_default_alone_is_pinned(models):
    (default,) = models("")
    assert (default.name, default.pinned, default.wanted.kind) == ("smollm2-135m", True, "chat")


def test_a_model_is_identified_by_the_catalogues_checksum(models):
    (default,) = models("", LLM_NAME="Meta-Llama-3.1-8B-Instruct.Q4_K_M.gguf")
    card = default.card()
    assert card.name == "llama-3.1-8b"
    assert card.revision.startswith("c2f17f44")


def test_a_file_of_ones_own_is_identified_by_its_content(models, tmp_path):
    path = tmp_path / "mine.gguf"
    (mine,) = models("", LLM_MODEL_PATH=str(path))
    assert mine.card().revision == "missing"
    path.write_bytes(b"GGUF one")
    first = mine.card()
    assert first.name == "mine"
    path.write_bytes(b"GGUF two")
    assert mine.card().revision != first.revision


def test_others_are_served_beside_the_default(models):
    default, qwen, e5 = models("qwen3-4b:context=8192:slots=4,/models/e5.gguf:kind=embedding:name=e5:pinned")
    assert (default.name, default.pinned) == ("smollm2-135m", True)
    assert (qwen.name, qwen.pinned, qwen.context_tokens, qwen.wanted.slots) == ("qwen3-4b", False, 8192, 4)
    assert (e5.name, e5.pinned, e5.card().kind) == ("e5", True, "embedding")
    assert "Qwen3-4B-Q4_K_M.gguf" in qwen.aliases


@pytest.mark.parametrize(("raw", "pinned"), [("smollm2-135m:slots=3", False), ("SmolLM2-135M:pinned", True)])
def test_the_list_gives_the_default_its_options(models, raw, pinned):
    default, qwen = models(f"qwen3-4b,{raw}")
    assert (default.name, default.pinned) == ("smollm2-135m", pinned)
    assert default.wanted.slots == (3 if "slots" in raw else 0)
    assert qwen.name == "qwen3-4b"


def test_one_file_may_be_two_models(models):
    default, long = models("smollm2-135m:name=long:context=8192")
    assert (default.name, long.name) == ("smollm2-135m", "long")
    assert default.path == long.path
    assert default.pinned


def test_no_model_is_asked_for_more_context_than_the_catalogue_says_it_has(models):
    default, _ = models("smollm2-135m,qwen3-4b", LLM_CONTEXT=10_000)
    assert default.context_tokens == 8192


def test_a_name_without_a_folder_lies_in_the_models_folder(models, settings, tmp_path):
    (_, mine, elsewhere) = models(f"mine.gguf,{tmp_path}/other.gguf")
    assert mine.path == settings.LLM_MODELS_DIR / "mine.gguf"
    assert elsewhere.path == tmp_path / "other.gguf"
    assert "other.gguf" in elsewhere.aliases


def test_what_is_missing_is_told_with_what_to_do_and_without_a_path(models, tmp_path):
    default, qwen, mine = models(f"qwen3-4b,{tmp_path}/mine.gguf")
    assert default.lacks.endswith("is not downloaded. The operator runs: manage.py download_model")
    assert qwen.lacks.endswith("The operator runs: manage.py download_model qwen3-4b")
    assert "that LLM_MODELS names for mine is not there" in mine.lacks
    assert str(tmp_path) not in default.lacks + qwen.lacks + mine.lacks
    default.path.write_bytes(b"GGUF")
    assert default.lacks == ""
    assert default.size_bytes == 4
    (mine,) = models("", LLM_MODEL_PATH=str(tmp_path / "mine.gguf"))
    assert "that LLM_MODEL_PATH names for mine is not there" in mine.lacks


def test_any_model_can_be_named(models, tmp_path):
    models("qwen3-4b:slots=3")
    assert served.one("Qwen3-4B").wanted.slots == 3
    assert served.one("gemma-3-1b").name == "gemma-3-1b"
    assert served.one(f"{tmp_path}/mine.gguf").name == "mine"
