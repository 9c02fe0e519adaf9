"""
The settings of the tests: the production ones, with nothing taken from the machine they run on.

`scripts/test` runs the suite twice: with the embedded stores, and with TEST_DATABASE_URL and
TEST_REDIS_URL, which it passes here as STORES=real.
"""

import os
import tempfile

from gateway.env import DECLARED

_work = tempfile.mkdtemp(prefix="gateway-tests-")
for _name in DECLARED:
    os.environ.pop(_name, None)
    os.environ.pop(f"{_name}_FILE", None)
os.environ.update(
    ENV_FILE=os.devnull,
    SECRET_KEY="tests-only-" + "k3y" * 20,
    DATA_DIR=_work,
    STATIC_ROOT=f"{_work}/static",
    LLM_NAME="smollm2-135m",
)
if os.environ.get("STORES") == "real":
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
    os.environ["REDIS_URL"] = os.environ["TEST_REDIS_URL"]

from gateway.settings import *  # noqa: E402, F403

if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # A file, not memory: the journal writes from a thread of its own.
    DATABASES["default"]["TEST"] = {"NAME": f"{_work}/test.sqlite3"}  # noqa: F405
