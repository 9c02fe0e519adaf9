"""
Every metric that this service exports. Where OpenTelemetry's conventions for generative AI have a name, it
is theirs, as Prometheus spells it (`gen_ai.server.request.duration` becomes
`gen_ai_server_request_duration_seconds`), with their buckets. The rest begins with `gateway_`.

Under several workers each writes to files of its own (PROMETHEUS_MULTIPROC_DIR, see `gunicorn.conf.py`),
and the page of any worker is about all of them.
"""

from typing import get_args

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from prompts.watch import Trouble

# When each series began: a third of the page, which nobody reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST_TOKEN_SECONDS = (
    0.001,
    0.005,
    0.01,
    0.02,
    0.04,
    0.06,
    0.08,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
GROUP_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
# Of stages that take less than a millisecond, and of some that take minutes.
STAGE_SECONDS = (
    0.0005,
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1.0,
    2.0,
    5.0,
    10.0,
    30.0,
    120.0,
)

# -- requests --

HTTP_SECONDS = Histogram(
    "gateway_http_request_seconds",
    "HTTP requests until their answer begins, by route.",
    ("route", "method", "status"),
    buckets=STAGE_SECONDS,
)
PROBLEMS = Counter(
    "gateway_problems",
    "Requests that were refused or failed, by the code that they got (/problems).",
    ("code",),
)
SHED = Counter(
    "gateway_shed",
    "Requests that were refused because there was too much to do: as many prompts as may be were in progress "
    "(places), those in line were not begun in time (line), too many log-ins or pages at once (door).",
    ("why",),
)

# -- prompts --

OPERATION = ("gen_ai_operation_name", "gen_ai_request_model")
REQUEST_SECONDS = Histogram(
    "gen_ai_server_request_duration_seconds",
    "Prompts from the first byte to the end of the answer, by how they ended.",
    (*OPERATION, "outcome"),
    buckets=SECONDS,
)
FIRST_TOKEN = Histogram(
    "gen_ai_server_time_to_first_token_seconds",
    "Until the model's first token.",
    OPERATION,
    buckets=FIRST_TOKEN_SECONDS,
)
TOKEN_USAGE = Histogram(
    "gen_ai_client_token_usage",
    "Tokens of a prompt (input) and of its answer (output), as the model counts them.",
    (*OPERATION, "gen_ai_token_type"),
    buckets=TOKENS,
)
CACHED_TOKENS = Counter(
    "gateway_cached_tokens", "Prompt tokens that a model did not have to compute again.", OPERATION
)
STAGE = Histogram(
    "gateway_stage_seconds",
    "Where a prompt's time went: screen, queue, upstream, sanitize, and overhead, which is all but upstream.",
    ("stage",),
    buckets=STAGE_SECONDS,
)
FINDINGS = Counter(
    "gateway_findings", "Findings in prompts and answers, by what was done.", ("rule", "direction", "action")
)
CACHE = Counter("gateway_cache_lookups", "Prompts by where their answers came from.", ("state",))

# -- the book --

JOURNAL_COMMIT_SECONDS = Histogram(
    "gateway_journal_commit_seconds",
    "Transactions of the book: how long each took, from its first statement to its commit.",
    buckets=STAGE_SECONDS,
)
JOURNAL_WAIT_SECONDS = Histogram(
    "gateway_journal_wait_seconds",
    "Of each transaction, the row that waited longest: from when it was handed over until it was committed.",
    buckets=STAGE_SECONDS,
)
JOURNAL_GROUP_ROWS = Histogram(
    "gateway_journal_commit_rows",
    "Rows that were committed together, accepted and ended ones.",
    buckets=GROUP_ROWS,
)
JOURNAL_TROUBLED = Counter(
    "gateway_journal_troubled_rows",
    "Rows that could not simply be committed: refused, spooled, failed, lost, rejected.",
    ("trouble",),
)
for _trouble in get_args(Trouble):
    JOURNAL_TROUBLED.labels(_trouble)  # an alert needs the 0 that came before the 1
SPANS = Counter("gateway_spans", "Spans of traces that were sent, or dropped.", ("result",))

# -- how things stand --

JOURNAL_OPEN = Gauge(
    "gateway_journal_open", "Processes whose writer of the book is at work.", multiprocess_mode="livesum"
)
JOURNAL_WAITING = Gauge(
    "gateway_journal_waiting_rows", "Rows that wait for the database.", multiprocess_mode="livesum"
)
JOURNAL_LAG = Gauge(
    "gateway_journal_lag_seconds",
    "For how long the oldest row waits that is not in the database yet.",
    multiprocess_mode="livemax",
)
SPOOL_ROWS = Gauge(
    "gateway_journal_spool_rows",
    "Ends of prompts that wait on this machine's disk, of processes that live.",
    multiprocess_mode="livesum",
)
SPOOL_BYTES = Gauge(
    "gateway_journal_spool_bytes",
    "Size of all that waits on this machine's disk, also of processes that are gone.",
    multiprocess_mode="livemax",
)
REJECTED_BYTES = Gauge(
    "gateway_journal_rejected_bytes",
    "Size of rejected.jsonl: ends of prompts that the database takes from nobody.",
    multiprocess_mode="livemax",
)
DISK_FREE = Gauge(
    "gateway_disk_free_bytes",
    "Free space of DATA_DIR; NaN where it cannot be seen.",
    multiprocess_mode="livemin",
)
PROMPTS_INSIDE = Gauge(
    "gateway_prompts_in_progress", "Prompts that are being answered.", multiprocess_mode="livesum"
)
PROMPTS_WAITING = Gauge(
    "gateway_prompts_in_line", "Prompts that came and are not begun.", multiprocess_mode="livesum"
)
CACHE_UP = Gauge(
    "gateway_cache_up", "1 while kept answers can be read and kept.", multiprocess_mode="livemin"
)
SERVER_UP = Gauge(
    "gateway_server_up",
    "1 for a model server that may be asked for all its models; NaN for one that is taken out.",
    ("server",),
    multiprocess_mode="livemin",
)
SERVER_RUNNING = Gauge(
    "gateway_server_running_requests",
    "Requests that a model server is answering for us.",
    ("server",),
    multiprocess_mode="livesum",
)
SERVER_OWED = Gauge(
    "gateway_server_outstanding_tokens",
    "Tokens that a model server still owes us: what is sent to the one that owes least.",
    ("server",),
    multiprocess_mode="livesum",
)
MODEL_LOADED = Gauge(
    "gateway_model_loaded", "1 for a local model that is in memory.", ("model",), multiprocess_mode="livesum"
)

# -- processes --

LOOP_LAG = Histogram(
    "gateway_loop_lag_seconds",
    "How much later than it should the event loop comes around: nobody is answered meanwhile.",
    buckets=STAGE_SECONDS,
)
GC_RUNS = Counter("gateway_gc_runs", "Runs of Python's collector of garbage.", ("generation",))
GC_SECONDS = Counter("gateway_gc_seconds", "How long these stopped every thread.", ("generation",))

# -- local engines, by `inference.figures` --

ENGINE_GAUGES = {
    name: Gauge(f"gateway_engine_{name}", sentence, ("model",), multiprocess_mode="livesum")
    for name, sentence in {
        "waiting_jobs": "Prompts in the queue.",
        "waiting_tokens": "Tokens in the queue.",
        "running_jobs": "Answers that are being written.",
        "slots": "Answers that may be written at once.",
        "kv_tokens": "Tokens that the model's memory holds.",
        "kv_used_tokens": "Of these, in use.",
    }.items()
}
STEP_SECONDS = Counter(
    "gateway_engine_step_seconds", "Where the steps' time went: decode, sampling, python.", ("model", "part")
)
STEP_PARTS = {"decode_seconds": "decode", "sampling_seconds": "sampling", "python_seconds": "python"}
ENGINE_COUNTERS = {
    name: Counter(f"gateway_engine_{name}", sentence, ("model",))
    for name, sentence in {
        "steps": "Steps of the model.",
        "prompt_tokens": "Tokens of prompts.",
        "prefill_tokens": "Of these, computed.",
        "prefix_hit_tokens": "Of these, taken from an earlier prompt.",
        "completion_tokens": "Tokens of answers.",
        "guessed_tokens": "Tokens that were guessed ahead.",
        "right_guesses": "Of these, right.",
        "copies": "Beginnings that were copied to another slot.",
        "evictions": "Idle slots that were given away.",
        "preemptions": "Answers that had to give their memory back for a while.",
        "answered": "Answers that were finished.",
        "cancelled": "Answers whose caller left.",
        "expired": "Answers that ran out of time.",
        "failed": "Answers that failed.",
        "refused": "Prompts that found a full queue.",
        "reloads": "Times that the model had to be loaded again.",
    }.items()
}

# What an engine service has: no book, no users, no other servers.
ENGINE_PAGE = (
    HTTP_SECONDS,
    PROBLEMS,
    MODEL_LOADED,
    *ENGINE_GAUGES.values(),
    *ENGINE_COUNTERS.values(),
    STEP_SECONDS,
    LOOP_LAG,
    GC_RUNS,
    GC_SECONDS,
    SPANS,
)
