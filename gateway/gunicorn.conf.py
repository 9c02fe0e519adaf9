"""
How gunicorn serves: one asynchronous worker, which owns the local model.

Settings come from the declared environment; the request log is ours (`gateway.middleware.RequestId`).
"""

import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any

from gunicorn.glogging import Logger

from gateway import env
from gateway.worker import Connection, Worker
from inference.routing.file import uses_local

env.load_dotenv()

worker_class = Worker
Connection.patience_seconds = env.read("CLIENT_SECONDS")
workers = env.read("WEB_WORKERS")
bind = f"{env.read('BIND')}:{env.read('PORT')}"
# Only a server loads the model; `migrate`, `shell` and tests do not see this.
raw_env = ["LLM_AUTOSTART=true"]
# A thread that is started before a fork is not alive in the child, and two processes cannot share a model.
preload_app = False
# Otherwise gunicorn opens a socket in the home directory.
control_socket_disable = True
# Then a stopping worker is killed: answers get LLM_DRAIN_SECONDS, and the last rows the rest.
graceful_timeout = env.read("LLM_DRAIN_SECONDS") + 15
# The asgi worker answers from the event loop; this only catches a loop that is stuck.
timeout = 60
keepalive = 75
asgi_loop = "uvloop"
backlog = 1024  # connections that the kernel takes before the worker does
limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 16_384


class ServerLog(Logger):  # type: ignore[misc]
    """Without gunicorn's own line for each request, which it would prepare all the same: with a configuration
    of logging it takes for granted that somebody wants it."""

    access_log_enabled = False


logger_class = ServerLog
logconfig_dict: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "gateway.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "gunicorn.error": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
    },
}


def on_starting(server: Any) -> None:
    """Refuses what would load two models, before a worker is made."""
    if server.cfg.workers == 1 and not server.cfg.preload_app:
        return
    # Where the workers count together; before any of them imports the metrics.
    env.share_metrics(tempfile.mkdtemp(prefix="gateway-metrics-"))
    path = env.read("BACKENDS_FILE")
    if server.cfg.preload_app or not path or uses_local(Path(path)):
        raise SystemExit(
            "More than one worker (or preloading) would load the local model more than once. Set "
            "WEB_WORKERS=1: one asynchronous worker carries hundreds of requests a second. Or run the model "
            "as a service of its own (manage.py serve_engine) and name it in BACKENDS_FILE."
        )


def child_exit(server: Any, worker: Any) -> None:
    """What a worker counted stays; how it stood goes with it."""
    if env.shared_metrics():
        from prometheus_client.multiprocess import mark_process_dead  # it looks at the variable when imported

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(server: Any) -> None:
    if folder := env.shared_metrics():
        shutil.rmtree(folder, ignore_errors=True)


def when_ready(server: Any) -> None:
    """SIGHUP makes the workers read BACKENDS_FILE again. gunicorn by itself would start new workers, load a
    second model beside the first, and cut off the answers that take longer than `graceful_timeout`."""
    server.handle_hup = lambda: server.kill_workers(signal.SIGHUP)


def post_fork(server: Any, worker: Any) -> None:
    """A worker that is still starting reads the file anyway: a SIGHUP must not end it."""
    worker.SIGNALS = [each for each in worker.SIGNALS if each != signal.SIGHUP]
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
