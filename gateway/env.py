"""
Every environment variable this service reads, declared once: name, type, default and one sentence.

`settings`, `.env.example`, the table of docs/CONFIGURATION.md and `manage.py show_config` all come from, or are tested
against, this list. Rules: an empty value means unset; a flag is `true`/`false`/`1`/`0` and nothing else;
a secret may also come from the file that `NAME_FILE` names; a value that cannot be read stops the start
with the variable's name.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from environ import Env

from gateway.casts import (
    choice,
    days_by_name,
    flag,
    flag_or_auto,
    layers,
    lowered_names,
    names,
    networks,
    number,
    pairs,
    positive,
    share,
    temperature,
)
from inference.wanted import parse as models

BASE_DIR = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Variable:
    """One environment variable. `default` is what an unset or empty variable means."""

    name: str
    cast: Callable[[str], Any]
    default: Any
    help: str
    section: str
    secret: bool = False


DECLARED: dict[str, Variable] = {}
# prometheus-client's own variable: the folder in which several workers count together. Not to be set by hand.
_SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"


def declare(
    section: str,
    name: str,
    cast: Callable[[str], Any],
    default: Any,
    help: str,
    secret: bool = False,
) -> None:
    DECLARED[name] = Variable(name, cast, default, help, section, secret)


def share_metrics(folder: str) -> None:
    """Has the processes that are started from now on count in this folder."""
    os.environ[_SHARED_METRICS] = folder


def shared_metrics() -> str:
    """The folder in which this process and others count; empty where it counts by itself."""
    return os.environ.get(_SHARED_METRICS, "")


_S = "Service"
declare(
    _S,
    "ENV_FILE",
    str,
    str(BASE_DIR / ".env"),
    "The file that variables are read from at start; what the environment sets already wins.",
)
declare(
    _S,
    "PUBLIC_URL",
    str,
    "",
    "The address people type; empty means http://localhost and PORT. It decides the allowed host, HTTPS redirects, HSTS, Secure cookies and CSRF origins.",
)
declare(
    _S,
    "TRUSTED_PROXIES",
    networks,
    networks("127.0.0.1,::1"),
    "Addresses and networks of the proxies in front, comma-separated; only their X-Forwarded headers are believed.",
)
declare(
    _S,
    "CORS_ORIGINS",
    names,
    (),
    "Origins of web pages that may call the API from a browser (https://app.example.org), comma-separated; empty means none.",
)
declare(_S, "BIND", str, "127.0.0.1", "The address to listen on. The image listens on 0.0.0.0.")
declare(_S, "PORT", positive, 8080, "The port to listen on.")
declare(
    _S,
    "WEB_WORKERS",
    positive,
    1,
    "gunicorn workers. More than one needs a BACKENDS_FILE without local models.",
)
declare(
    _S,
    "DATA_DIR",
    str,
    str(BASE_DIR / "data"),
    "Where the SQLite file, models and instance locks live.",
)
declare(_S, "DISK_RESERVE_MB", number, 256, "Free MiB of DATA_DIR below which /readyz says degraded.")
declare(
    _S,
    "STATIC_ROOT",
    str,
    str(BASE_DIR / "static"),
    "Where collectstatic puts the admin's and the API page's files.",
)
declare(_S, "DEBUG", flag, False, "Django's debug pages. Never on a machine that others reach.")
declare(
    _S,
    "LOG_LEVEL",
    str,
    "INFO",
    "DEBUG, INFO, WARNING or ERROR. No level logs a prompt or an answer.",
)
declare(
    _S,
    "MAX_BODY_BYTES",
    positive,
    4 << 20,
    "The largest request body, in bytes; a larger one gets 413. JSON may need 12 bytes for a character.",
)
declare(
    _S,
    "MAX_PROMPTS",
    positive,
    2048,
    "Prompts that a worker may have in progress, streams included; one more is refused with 503.",
)
declare(
    _S,
    "CLIENT_SECONDS",
    positive,
    30,
    "How long a caller may leave a request half sent, or take nothing of an answer that waits for him; then the connection is closed.",
)

_S = "Secrets"
# fmt: off
declare(_S, "SECRET_KEY", str, "", "Django's secret, at least 50 characters. scripts/run writes a random one into .env.", secret=True)
declare(_S, "METRICS_TOKEN", str, "", "What a monitor sends to read /metrics: Authorization: Bearer <token>. Empty: only this machine reads it.", secret=True)
declare(_S, "JWT_CONSTANT", str, "", "The key that signs access and refresh tokens, at least 32 bytes. Falls back to SECRET_KEY.", secret=True)
# fmt: on

_S = "Stores"
declare(
    _S,
    "DATABASE_URL",
    str,
    "",
    "postgres://user:password@host:5432/name, or empty for an SQLite file in DATA_DIR.",
    secret=True,
)
declare(_S, "DATABASE_POOL", positive, 16, "Connections each process keeps to PostgreSQL at most.")
declare(
    _S,
    "REDIS_URL",
    str,
    "",
    "redis://host:6379/0 for the answer cache, conversations and limits, or empty for memory of this process.",
    secret=True,
)

_S = "Accounts"
declare(_S, "ACCESS_TOKEN_MINUTES", positive, 60, "How long an access token is good for.")
declare(_S, "REFRESH_TOKEN_DAYS", positive, 14, "How long a refresh token is good for.")
declare(
    _S,
    "REGISTRATION",
    choice("open", "invitation", "approval", "closed"),
    "open",
    "Who may register: open (anybody), invitation (whoever has a code), approval (anybody, once an administrator agrees), closed.",
)
declare(
    _S,
    "REGISTRATION_DOMAINS",
    lowered_names,
    (),
    "Domains of the e-mail addresses that may register, comma-separated; empty means all.",
)
declare(
    _S,
    "EMAIL_CONFIRMATION",
    flag,
    False,
    "Send a link to new addresses first. Then nobody learns by registering who has an account.",
)
declare(
    _S,
    "EMAIL_URL",
    str,
    "consolemail://",
    "How e-mails leave: smtp+tls://user:password@host:587, smtp+ssl://…:465, filemail:///folder, consolemail:// (the server's output).",
    secret=True,
)
declare(_S, "EMAIL_FROM", str, "gateway@localhost", "The sender of e-mails.")
_KEEP = "that `manage.py purge` keeps"
declare(
    _S,
    "RETAIN_SESSIONS_DAYS",
    positive,
    90,
    f"Days {_KEEP} sessions that are over; owners are known by them for 90.",
)
declare(_S, "RETAIN_INVITATIONS_DAYS", positive, 90, f"Days {_KEEP} invitations that are used or expired.")
declare(_S, "RETAIN_KEYS_DAYS", positive, 365, f"Days {_KEEP} API keys that are revoked or expired.")
declare(_S, "RETAIN_UNCONFIRMED_DAYS", positive, 7, f"Days {_KEEP} accounts whose address nobody confirmed.")
declare(
    _S,
    "ADMIN_EMAIL",
    str,
    "",
    "The first administrator, made at start if no account has this e-mail.",
)
declare(
    _S,
    "ADMIN_PASSWORD",
    str,
    "",
    "That administrator's first password; better from a file, by ADMIN_PASSWORD_FILE.",
    secret=True,
)

_S = "Limits"
# fmt: off
declare(_S, "LIMIT_REQUESTS_PER_MINUTE", number, 0, "Requests that a user may send in any 60 seconds, unless he or a role of his has limits of his own; 0 is no limit.")
declare(_S, "LIMIT_TOKENS_PER_MINUTE", number, 0, "Tokens of prompts and answers that a user may use in any 60 seconds; 0 is no limit.")
declare(_S, "LIMIT_STREAMS", number, 0, "Answers, streamed or not, that a user may have in progress at once; 0 is no limit.")
declare(_S, "LIMIT_MONTHLY_TOKENS", number, 0, "Tokens that a user may use in a calendar month (UTC); 0 is no limit.")
declare(_S, "LIMITS_WITHOUT_REDIS", choice("open", "closed"), "open", "While REDIS_URL is set and Redis is away: open (each process counts by itself) or closed (503 for whoever has limits).")
# fmt: on

_S = "Prompts"
# fmt: off
declare(_S, "PROMPT_MAX_CHARS", positive, 100_000, "The longest prompt, in characters; a longer one gets 400.")
declare(_S, "PROMPT_CACHE_SECONDS", number, 3600, "How long an answer to a deterministic prompt (temperature 0, or a seed) is kept; 0 keeps and shares none.")
declare(_S, "PROMPT_CACHE_SCOPE", choice("user", "shared"), "user", "Whom a kept answer serves: its own user, or everybody who asks the same; then headers and timing tell that somebody asked it before.")
declare(_S, "PROMPT_CACHE_POLICIES", names, (), "Policies (their slugs, comma-separated) under which every answer is kept, as if its caller had asked for it, whatever the temperature.")
declare(_S, "IDEMPOTENCY_SECONDS", number, 86_400, "How long an answer is given again to the same request with the same Idempotency-Key; 0 takes no notice of the header.")
declare(_S, "PROMPT_CACHE_MB", positive, 64, "Kept answers in the memory of a process, where there is no REDIS_URL; Redis has its own maxmemory.")
declare(_S, "PROMPT_CACHE_ENTRY_KB", positive, 256, "The longest answer that is kept, in KiB as it is stored.")
declare(_S, "CONVERSATION_SECONDS", positive, 3600, "How long after its last prompt a conversation's placeholders keep their values, sealed.")
declare(_S, "PROMPT_LOG_TEXT", choice("all", "none"), "all", "Whether the book keeps what was asked and answered (all, sanitized), or only numbers and findings (none).")
declare(_S, "JOURNAL_MODE", choice("strict", "batched"), "strict", "Whether an answer's end waits until its row is committed (strict), or rows are committed ten times a second (batched): faster, and a process that is killed loses what it was told in the last tenth of a second.")
declare(_S, "RETAIN_PROMPTS_DAYS", number, 0, "Days that `manage.py purge` keeps rows of the book; 0 is for ever.")
declare(_S, "RETAIN_OUTCOMES_DAYS", days_by_name, (), "The same for some outcomes, instead: blocked=30,refused=7. 0 is for ever.")
declare(_S, "RETAIN_TEXTS_DAYS", number, 0, "Days that `manage.py purge` keeps the texts of rows; then numbers and findings stay. 0 is as long as the row.")
# fmt: on

_S = "Policy"
# fmt: off
declare(_S, "POLICY_OFF", names, (), "Rules that are not looked for, comma-separated.")
declare(_S, "POLICY_FLAG", names, (), "Rules whose findings are reported and left in the text.")
declare(_S, "POLICY_MASK", names, (), "Rules whose findings a placeholder replaces: for rules that only flag, or are off, by themselves.")
declare(_S, "POLICY_HASH", names, (), "Rules whose findings a keyed hash replaces: the same in every text, and never turned back.")
declare(_S, "POLICY_BLOCK", names, (), "Rules that refuse a prompt, or cut an answer off, instead of masking.")
declare(_S, "POLICY_HTML", str, "markdown", "How markup in answers is cleaned: markdown (code is left alone), html (everything), off.")
# fmt: on

_S = "Model"
# fmt: off
declare(_S, "LLM_NAME", str, "smollm2-135m", "The default model: a name of the catalogue (manage.py models), or a file in LLM_MODELS_DIR.")
declare(_S, "LLM_MODEL_PATH", str, "", "Any GGUF file as the default model, instead of LLM_NAME.")
declare(_S, "LLM_MODELS", models, (), "More models, loaded when they are asked for, and options: qwen3-4b:context=8192:slots=4,/models/e5.gguf:kind=embedding:name=e5. Options: pinned, name, kind, context, slots, gpu_layers. The default model is loaded at the start and stays, unless it stands here without pinned.")
declare(_S, "LLM_MODELS_DIR", str, "", "Where downloaded models lie; empty means DATA_DIR/models.")
declare(_S, "LLM_AUTOSTART", flag, False, "Load models when Django starts. Only server entry points set this.")
declare(_S, "LLM_MEMORY_MB", number, 0, "Memory for all loaded models together, in MiB; 0 means what is free at the start, less a reserve.")
declare(_S, "LLM_LOAD_WAIT_SECONDS", positive, 30, "How long a prompt waits for a model that is being loaded before it gets 503 with a Retry-After.")
declare(_S, "LLM_THREADS", number, 0, "Threads llama.cpp computes with; 0 means one less than the cores, at least 1.")
declare(_S, "LLM_GPU_LAYERS", layers, 0, "Layers of each model on the GPU, where llama.cpp was built for one; -1 means all.")
declare(_S, "LLM_CONTEXT", positive, 4096, "Tokens of prompt and answer together, in each slot; less where a model was made for less.")
declare(_S, "LLM_SLOTS", number, 0, "Answers that a model works on at once; 0 means as many as fit into the memory, up to 16.")
declare(_S, "LLM_KV_TOKENS", number, 0, "Tokens that all slots of a model hold together, where that shall be less than LLM_SLOTS times LLM_CONTEXT; 0 gives every slot its own LLM_CONTEXT.")
declare(_S, "LLM_KV_TYPE", choice("f16", "q8_0", "q4_0"), "f16", "How the model's memory of a text is kept: f16, or half (q8_0) or a quarter (q4_0) of it, less exactly.")
declare(_S, "LLM_FLASH_ATTENTION", flag_or_auto, "auto", "Flash attention: auto is on a GPU and with a quantised LLM_KV_TYPE, which needs it. On a CPU what has a long text before it is slower with it: answers, and prompts beside answers.")
declare(_S, "LLM_REPACK", flag, True, "Load Q4_1 weights in a form for which x86 CPUs have faster kernels; what they are worth stays the same. The default model is in Q4_1.")
declare(_S, "LLM_PREFIX_SCOPE", choice("shared", "user"), "shared", "Who shares computed beginnings of prompts: everybody, or each user only his own, so that no timing tells what others asked.")
declare(_S, "LLM_PREFIX_DIR", str, "", "A private folder where the beginnings that are used most are kept across restarts; empty keeps none.")
declare(_S, "LLM_SPECULATION", flag, True, "Guess tokens from the prompt and check several at once, where that pays and changes no answer: with flash attention.")
declare(_S, "LLM_MAX_TOKENS", positive, 512, "Tokens of an answer where the caller names no max_tokens, and the most it may name.")
declare(_S, "LLM_TEMPERATURE", temperature, 0.2, "The temperature where the caller names none: 0 always takes the likeliest token.")
declare(_S, "LLM_QUEUE", positive, 256, "Prompts that may wait for a model; one more is refused with 503.")
declare(_S, "LLM_QUEUE_TOKENS", positive, 262_144, "Tokens that the prompts which wait for a model may have together.")
declare(_S, "LLM_QUEUE_SECONDS", positive, 60, "How long a prompt may wait for the model.")
declare(_S, "LLM_TIMEOUT_SECONDS", positive, 300, "How long a prompt may take altogether.")
declare(_S, "LLM_DRAIN_SECONDS", number, 10, "How long answers in progress may go on when the service stops.")
# fmt: on


_S = "Backends"
# fmt: off
declare(_S, "BACKENDS_FILE", str, "", "A backends.toml with model servers that answer beside, or instead of, the local models; empty means the local models alone.")
declare(_S, "ENGINE_TOKEN", str, "", "What gateways send as the key to manage.py serve_engine, at least 32 characters.", secret=True)
# fmt: on

_S = "Observing"
# fmt: off
declare(_S, "OTEL_EXPORTER_OTLP_ENDPOINT", str, "", "Where traces go, over OTLP/HTTP: http://collector:4318. Empty makes none. Needs requirements-telemetry.txt; the SDK reads the other variables of OpenTelemetry's standard, too.")
declare(_S, "OTEL_EXPORTER_OTLP_HEADERS", pairs, (), "What the collector wants to be sent: name=value, comma-separated.", secret=True)
declare(_S, "OTEL_SERVICE_NAME", str, "", "What the service is called in traces; empty means llm-gateway, and llm-engine for manage.py serve_engine.")
declare(_S, "OTEL_TRACES_SAMPLER", choice("always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"), "parentbased_always_on", "Which requests are traced.")
declare(_S, "OTEL_TRACES_SAMPLER_ARG", share, 1.0, "The part of them that traceidratio takes, from 0 to 1.")
declare(_S, "SENTRY_DSN", str, "", "Where Sentry takes reports of errors: classes and places in our code, never text. Empty reports none. Needs requirements-telemetry.txt.", secret=True)
declare(_S, "SENTRY_ENVIRONMENT", str, "", "What Sentry calls this installation; empty means production.")
# fmt: on


_reader = Env()


def read(name: str) -> Any:
    """The value of a declared variable, cast. Raises ImproperlyConfigured naming the variable."""
    variable = DECLARED[name]
    raw = named_secret(name) if variable.secret else os.environ.get(name, "").strip()
    if not raw:
        return variable.default
    try:
        return variable.cast(raw)
    except ValueError as error:
        shown = "its value" if variable.secret else repr(raw)
        raise ImproperlyConfigured(f"{name}: {shown} cannot be read: {error}.") from error


def named_secret(name: str) -> str:
    """The value of the variable, or of the file that NAME_FILE names; empty where neither is set. Also for
    variables that nobody declared, because an operator's file names them. Raises ImproperlyConfigured."""
    raw = os.environ.get(name, "").strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if not path:
        return raw
    if raw:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set; keep one.")
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE: {path}: {error.strerror}.") from error


def is_set(name: str) -> bool:
    """Whether the environment, rather than the default, gives the value."""
    sources = (name, f"{name}_FILE") if DECLARED[name].secret else (name,)
    return any(os.environ.get(source, "").strip() for source in sources)


def load_dotenv() -> None:
    """Takes ENV_FILE (`.env`) into the environment; what is set there already wins."""
    path = Path(read("ENV_FILE"))
    if path.is_file():
        _reader.read_env(str(path), overwrite=False)
