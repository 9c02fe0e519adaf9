"""What is told before the service starts."""

import pytest

from inference import checks
from inference.wanted import parse


def ids(found):
    return [message.id for message in found]


@pytest.fixture(autouse=True)
def an_empty_folder(settings, tmp_path):
    settings.LLM_MODELS_DIR = tmp_path


def test_what_is_configured_by_itself_is_fine():
    assert checks.models_are_named() == checks.options_go_together() == checks.prefixes_are_private() == []


def test_a_name_that_means_nothing_is_told(settings, tmp_path):
    settings.LLM_NAME, settings.LLM_MODELS = "gpt-9", parse("gpt-10:pinned")
    found = checks.models_are_named()
    assert ids(found) == ["inference.W001"] * 2
    assert "LLM_MODELS: gpt-10" in found[1].msg
    (tmp_path / "gpt-9").write_bytes(b"GGUF")
    assert ids(checks.models_are_named()) == ["inference.W001"]


@pytest.mark.parametrize("content", [None, b"hello"])
def test_a_path_that_is_no_model_is_told(settings, tmp_path, content):
    path = tmp_path / "notes.txt"
    if content is not None:
        path.write_bytes(content)
    settings.LLM_MODEL_PATH = str(path)
    assert ids(checks.models_are_named()) == ["inference.W002"]
    settings.LLM_MODEL_PATH, settings.LLM_MODELS = "", parse(f"{path}:kind=embedding")
    assert ids(checks.models_are_named()) == ["inference.W002"]
    path.write_bytes(b"GGUF")
    assert checks.models_are_named() == []


def test_two_models_of_one_name_stop_the_start(settings):
    settings.LLM_MODELS = parse("qwen3-4b,Qwen3-4B-Q4_K_M.gguf:slots=2")
    (found,) = checks.models_are_named()
    assert found.id == "inference.E001"
    assert found.is_serious()


def test_a_quantised_memory_needs_flash_attention(settings):
    settings.LLM_KV_TYPE = "q8_0"
    assert checks.options_go_together() == []
    settings.LLM_FLASH_ATTENTION = False
    assert ids(checks.options_go_together()) == ["inference.E002"]


def test_an_embedding_model_is_no_default(settings):
    settings.LLM_MODELS = parse("smollm2-135m:kind=embedding")
    assert ids(checks.options_go_together()) == ["inference.E003"]


def test_an_answer_must_leave_room_for_its_prompt(settings):
    settings.LLM_CONTEXT = settings.LLM_MAX_TOKENS
    assert ids(checks.options_go_together()) == ["inference.W003"]


def test_slots_must_be_able_to_hold_one_prompt(settings):
    settings.LLM_KV_TOKENS = settings.LLM_CONTEXT - 1
    assert ids(checks.options_go_together()) == ["inference.W004"]


def test_kept_beginnings_are_for_the_service_alone(settings, tmp_path):
    settings.LLM_PREFIX_DIR = str(tmp_path / "kept")
    assert checks.prefixes_are_private() == []
    (tmp_path / "kept").mkdir(mode=0o755)
    assert ids(checks.prefixes_are_private()) == ["inference.W005"]
    (tmp_path / "kept").chmod(0o700)
    assert checks.prefixes_are_private() == []
    settings.LLM_PREFIX_DIR = str(tmp_path / "nowhere" / "kept")
    assert "cannot be made" in checks.prefixes_are_private()[0].msg


def test_a_model_that_is_not_downloaded_is_told_and_stops_nothing(settings, tmp_path):
    settings.LLM_MODELS = parse("/models/e5.gguf")
    (found,) = checks.models_are_there()
    assert found.id == "inference.I001"
    assert not found.is_serious()
    assert "manage.py download_model" in found.hint
    (tmp_path / "SmolLM2-135M-Instruct.Q4_1.gguf").write_bytes(b"GGUF")
    assert checks.models_are_there() == []
