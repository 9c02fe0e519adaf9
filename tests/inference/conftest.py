"""The small models, made once a run."""

import pytest

from inference.llama import LlamaOptions, LlamaRunner
from tests.inference import models


@pytest.fixture(scope="session")
def model_paths(tmp_path_factory):
    """The file of each kind of small model, made when it is asked for."""
    folder = tmp_path_factory.mktemp("models")

    class Paths(dict):
        def __missing__(self, kind):
            self[kind] = models.make(kind, folder / f"{kind}.gguf")
            return self[kind]

    return Paths()


@pytest.fixture(scope="session")
def small(model_paths):
    """Loads a small model: `small("tiny", slots=2)`. The same question has the same runner; all are closed
    at the end."""
    loaded = {}

    def load(model, /, **options):
        wanted = {"slots": 4, "context_tokens": 512, "step_tokens": 64, **options}
        key = (model, *sorted(wanted.items()))
        if key not in loaded:
            loaded[key] = LlamaRunner(model_paths[model], options=LlamaOptions(**wanted))
        return loaded[key]

    yield load
    for runner in loaded.values():
        runner.close()
