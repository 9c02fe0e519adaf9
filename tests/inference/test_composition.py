"""This process's model, from the settings."""

import threading

from inference import composition


def test_nothing_is_loaded_where_no_server_asked_for_it():
    assert "engine" not in {thread.name for thread in threading.enumerate()}
    assert composition.backend().status().state == "down"


def test_a_model_is_identified_by_the_catalogues_checksum(settings):
    settings.LLM_NAME = "Meta-Llama-3.1-8B-Instruct.Q4_K_M.gguf"
    card = composition.model_card()
    assert card.name == "llama-3.1-8b"
    assert card.revision.startswith("c2f17f44")


def test_a_file_of_ones_own_is_identified_by_its_content(settings, tmp_path):
    settings.LLM_MODEL_PATH = str(tmp_path / "mine.gguf")
    assert composition.model_card().revision == "missing"
    (tmp_path / "mine.gguf").write_bytes(b"GGUF one")
    first = composition.model_card()
    assert first.name == "mine"
    (tmp_path / "mine.gguf").write_bytes(b"GGUF two")
    assert composition.model_card().revision != first.revision


def test_a_core_is_left_to_the_web_side(settings, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    assert composition.threads() == 3
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0}, raising=False)
    assert composition.threads() == 1
    settings.LLM_THREADS = 7
    assert composition.threads() == 7
