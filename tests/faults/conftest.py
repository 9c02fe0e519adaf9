"""One house for the module's faults: what the fault before left behind is what the next one meets."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.faults.house import House
from tests.inference.models import make


@pytest.fixture(scope="session")
def directory():
    """Where PostgreSQL, which does not run as root, can reach its own."""
    made = Path(tempfile.mkdtemp(prefix="gateway-faults-"))
    made.chmod(0o755)
    yield made
    if os.environ.get("KEEP_FAULTS") != "true":
        shutil.rmtree(made)


@pytest.fixture(scope="session")
def house(directory):
    model = make("tiny", directory / "tiny.gguf")
    with House(directory, engine_model=model) as built:
        yield built
