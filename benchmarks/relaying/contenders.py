"""
Who takes part: the stand-in asked directly, this gateway in front of it, LiteLLM in front of it; and the
least that such a gateway can be, part by part. Each for a `with` statement, in a process of its own on a free
port.
"""

import json
import sys
from pathlib import Path

from benchmarks import environments
from benchmarks.relaying import floor
from benchmarks.relaying.standin import ANSWERS, PACED
from benchmarks.serving.load import PATH
from benchmarks.serving.peers import cache
from benchmarks.serving.servers import Contender, Gateway, Setting

PINS = Path(__file__).with_name("peers.txt")
RATES = (2, 10)
WARM_UP = 200
UNUSED = Setting(Path(), threads=1, slots=1)  # llama.cpp's, and there is none


class Warmed(Contender):
    """Has done before it is measured what is done once only."""

    def _warm_up(self) -> None:
        for number in range(WARM_UP):
            messages = [{"role": "user", "content": f"Hello for the {number}th time."}]
            self.call("POST", PATH, {"model": ANSWERS, "messages": messages})


class StandIn(Warmed):
    """The model server that the others relay to; as a contender, the bare way without anybody between."""

    name = "direct"

    def __init__(self) -> None:
        super().__init__(UNUSED)

    def command(self) -> list[str]:
        return [sys.executable, "-m", "benchmarks.relaying.standin", str(self.port)]


class Relaying(Warmed, Gateway):
    """This project as in production: gunicorn, one worker, PostgreSQL, Redis, limits, the default policy."""

    def __init__(self, upstream: Contender, *, database_url: str, redis_url: str) -> None:
        super().__init__(UNUSED)
        self._upstream = upstream
        self._stores = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}

    def variables(self) -> dict[str, str]:
        return {
            **self._stores,
            "BACKENDS_FILE": str(self.directory / "backends.toml"),
            "LLM_MAX_TOKENS": "100000",
            "ACCESS_TOKEN_MINUTES": "600",
            # All four are counted, and none is reached.
            "LIMIT_REQUESTS_PER_MINUTE": "1000000",
            "LIMIT_TOKENS_PER_MINUTE": "1000000000",
            "LIMIT_STREAMS": "10000",
            "LIMIT_MONTHLY_TOKENS": "1000000000000",
        }

    def models(self) -> dict[str, str]:
        """What the stand-in answers as, with the kind of each."""
        return dict.fromkeys((ANSWERS, *(f"{PACED}{rate}" for rate in RATES)), "chat")

    def prepare(self) -> None:
        lines = [
            "[backends.stand-in]",
            'kind = "openai"',
            f'base_url = "http://127.0.0.1:{self._upstream.port}/v1"',
        ]
        for name, kind in self.models().items():
            lines += [f'[models."{name}"]', 'backends = ["stand-in"]', f'kind = "{kind}"']
            lines += ["context_tokens = 1000000"]
        (self.directory / "backends.toml").write_text("\n".join(lines) + "\n")
        super().prepare()


class Stack(Warmed):
    """What the gateway stands on, with nothing around it (`benchmarks.relaying.floor`): Django, a token, one
    script in Redis, aiohttp. No chain, no journal."""

    name = "stack"
    sanitizes = has_rows = False

    def __init__(self, upstream: Contender, *, database_url: str, redis_url: str) -> None:
        super().__init__(UNUSED)
        self._upstream = upstream
        self._stores = (redis_url, database_url if self.has_rows else "")

    def command(self) -> list[str]:
        given = (f"http://127.0.0.1:{self._upstream.port}{PATH}", *self._stores, self.sanitizes)
        application = f"{floor.__name__}:application({', '.join(map(repr, given))})"
        return [
            *(sys.executable, "-m", "gunicorn", "--worker-class", "asgi", "--asgi-loop", "uvloop"),
            *("--no-control-socket", "--bind", f"127.0.0.1:{self.port}", application),
        ]

    def ready_path(self) -> str:
        return "/readyz"

    def introduce(self) -> None:
        self.tokens = [floor.token()]


class StackAndChain(Stack):
    """The same, sanitizing both ways."""

    name = "stack+chain"
    sanitizes = True


class StackChainAndRows(StackAndChain):
    """The same, with a row that is committed before the call and another time before the answer."""

    name = "stack+chain+rows"
    has_rows = True


class LiteLLM(Warmed):
    """Its proxy with one worker: no users, no keys, no database, no guardrails, nothing logged."""

    name = "LiteLLM"
    python: Path

    def __init__(self, upstream: Contender) -> None:
        super().__init__(UNUSED)
        self._upstream = upstream

    def prepare(self) -> None:
        model = {"model": f"openai/{ANSWERS}", "api_base": f"http://127.0.0.1:{self._upstream.port}/v1"}
        configuration = {
            "model_list": [{"model_name": ANSWERS, "litellm_params": {**model, "api_key": "none"}}],
            "litellm_settings": {"telemetry": False, "turn_off_message_logging": True, "set_verbose": False},
            "general_settings": {"disable_spend_logs": True},
        }
        (self.directory / "config.yaml").write_text(json.dumps(configuration))  # JSON is YAML

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "LITELLM_LOG": "ERROR",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # nobody is authenticated
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it is fetched from the network
            "HOME": str(self.directory),
        }

    def command(self) -> list[str]:
        return [
            *(str(self.python.with_name("litellm")), "--config", str(self.directory / "config.yaml")),
            *("--host", "127.0.0.1", "--port", str(self.port)),
            *("--num_workers", "1", "--telemetry", "False"),
        ]

    def ready_path(self) -> str:
        return "/health/liveliness"


def litellm() -> tuple[Path, str]:
    """The Python of its environment, made if need be, and its version. Raises Unavailable."""
    pins = dict(line.split("==") for line in PINS.read_text().split())
    return environments.make(cache() / f"litellm-{pins['litellm']}", PINS), pins["litellm"]
