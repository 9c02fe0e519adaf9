"""
The workloads, with the bar of each: what issue and README call the specification, as a table.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from benchmarks.serving import disturbances, traffic
from benchmarks.serving.traffic import Sample
from benchmarks.serving.verdicts import Bar

ALL = ("ours", "llama-server", "llama-server -np", "llama-cpp-python")
SERVERS = ("ours", "llama-server", "llama-server -np")
# Where one of its own defaults (four slots) makes the question meaningless.
SLOTS = ("ours", "llama-server -np")
OURS = ("ours",)
CPP, PYTHON = "llama-server", "llama-cpp-python"


@dataclass(frozen=True, slots=True)
class Workload:
    """`sample(contender, prompts)` is taken once of each contender in a round; `quick` are its arguments for
    a run of minutes. `variables` are our server's. None: the engine alone, which `room` measures."""

    name: str
    title: str
    sample: Callable[..., Awaitable[Sample]] | None
    contenders: tuple[str, ...]
    bars: tuple[Bar, ...]
    slots: int
    rounds: int = 3
    quick_rounds: int = 1
    quick: dict[str, Any] = field(default_factory=dict)
    accounts: int = 1
    variables: dict[str, str] = field(default_factory=dict)


def _crowd(clients: int) -> Workload:
    return Workload(
        f"crowd{clients}",
        f"{clients} clients, distinct prompts of 105 tokens, 64 generated",
        partial(traffic.crowd, clients=clients),
        ALL,
        (
            Bar("tokens_per_s", "tokens/s", at_least=1.0, against=CPP),
            Bar("tokens_per_s", "tokens/s", at_least=1.4, against=PYTHON),
        ),
        slots=clients,
        quick={"requests": 1},
    )


WORKLOADS = (
    Workload(
        "alone",
        "1 client, prompts of 105 tokens, 64 generated",
        traffic.alone,
        ALL,
        (Bar("tokens_per_s", "tokens/s", at_least=0.95, against=CPP),),
        slots=8,
        rounds=7,
        quick_rounds=3,
        quick={"requests": 2},
    ),
    _crowd(8),
    _crowd(16),
    Workload(
        "shared",
        "16 clients, one system prompt of 650 tokens, 30 own, 32 generated",
        traffic.shared,
        SERVERS,
        (
            Bar("requests_per_s", "requests/s", at_least=4.0, against=CPP),
            Bar("first_s", "median TTFT, s", at_most=0.25, against=CPP),
        ),
        slots=16,
    ),
    Workload(
        "chat",
        "8 users, 6 turns each",
        traffic.chat,
        SERVERS,
        (
            Bar("tokens_per_s", "tokens/s", at_least=1.0, against=CPP),
            Bar("computed_ratio", "prefill tokens / new tokens", at_most=1.1),
        ),
        slots=8,
        quick={"turns": 4},
    ),
    Workload(
        "intrusion",
        "a prompt of 3,000 tokens while 4 answers stream",
        disturbances.intrusion,
        SLOTS,
        (
            Bar("gap_ratio", "largest gap / usual gap", at_most=4.0),
            Bar("first_ratio", "its TTFT / alone", at_most=2.0),
        ),
        slots=8,
    ),
    Workload(
        "flood",
        "one user floods with 200 prompts, another sends one",
        disturbances.flood,
        OURS,
        (Bar("first_ratio", "TTFT / quiet TTFT", at_most=3.0),),
        slots=8,
        rounds=3,
        accounts=2,
    ),
    Workload(
        "leaving",
        "the caller leaves: steps of the abandoned answer that the next one waits for",
        disturbances.leaving,
        SLOTS,
        (
            Bar("steps_streamed", "streamed, steps", at_most=2.0),
            Bar("steps_whole", "not streamed, steps", at_most=2.0),
        ),
        slots=1,
    ),
    Workload(
        "cached",
        "50 cached answers a second beside generation for 8 clients",
        disturbances.cached,
        OURS,
        (
            Bar("kept", "generation kept", at_least=0.85),
            Bar("cached_p99_s", "cached answers' p99, s", at_most=0.1),
        ),
        slots=8,
        quick={"requests": 2},
    ),
    Workload(
        "share",
        "the engine alone at 8 streams",
        None,
        OURS,
        (Bar("python_share", "Python's share", at_most=0.03),),
        slots=8,
    ),
    Workload(
        "guesses",
        "answers that repeat their prompts, one at a time, with guessed tokens and without",
        None,
        OURS,
        (
            Bar("edits_gain", "tokens/s of edits, times", at_least=1.0),
            Bar("summaries_gain", "tokens/s of summaries, times", at_least=1.0),
            Bar("changed", "answers that guessing changed", at_most=0),
        ),
        slots=1,
    ),
    Workload(
        "jobs",
        "10,000 short jobs on a tiny model, with callers who leave and deadlines",
        None,
        OURS,
        (
            Bar("lost", "jobs without an end", at_most=0),
            Bar("slots_not_back", "slots that cannot be filled to the brim after", at_most=0),
            Bar("memory_ratio", "memory at the end / after warm-up", at_most=1.05),
        ),
        slots=8,
        rounds=1,
    ),
)
