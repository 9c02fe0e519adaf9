"""The models known by name."""

import pytest

from inference import catalogue


def test_every_entry_is_complete():
    models = catalogue.models()
    assert len(models) >= 10
    assert len({model.name for model in models}) == len(models)
    for model in models:
        assert len(model.sha256) == 64
        assert int(model.sha256, 16)
        assert model.file.endswith(".gguf")
        assert "/" not in model.file
        assert model.origin
        assert model.context_tokens >= 2048
        assert model.licence


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("smollm2-135m", "smollm2-135m"),
        ("SmolLM2-135M", "smollm2-135m"),
        ("Meta-Llama-3.1-8B-Instruct.Q4_K_M.gguf", "llama-3.1-8b"),
        ("meta-llama-3.1-8b-instruct", "llama-3.1-8b"),
        ("MaziyarPanahi/Meta-Llama-3.1-8B-Instruct-GGUF", "llama-3.1-8b"),
    ],
)
def test_a_model_is_found_by_name_alias_and_file(name, found):
    assert catalogue.find(name).name == found


@pytest.mark.parametrize("name", ["", "gpt-9", "../etc/passwd"])
def test_what_is_not_there_is_not_found(name):
    assert catalogue.find(name) is None
