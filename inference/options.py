"""
How a model is loaded, and how it serves: what engine, runner, memory accounting and whoever reads the
settings agree on.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

KvType = Literal["f16", "q8_0", "q4_0"]
STEP_TOKENS = 128


@dataclass(frozen=True, slots=True)
class LlamaOptions:
    """`context_tokens` of prompt and answer in each of `slots`; a model that was trained on less gets less.

    `kv_tokens` 0 gives each slot memory of its own: copying a prefix is a memcpy, and a token attends over
    its own slot only. Less than slots * context_tokens is one memory for all: copying is free, slots share
    what is there (OutOfCells when it is full), and attention costs more the more all of them hold.

    `threads` compute; they spin, so leave the web side a core. `step_tokens` is the most that one step
    computes. `gpu_layers` -1 is all of them. A quantised `kv_type` needs flash attention. A CPU is better off
    without: its kernel looks at one token at a time, unless 64 tokens of a prompt are computed at once.
    `repack`: weights for which the CPU has no fast kernel are loaded in a form for which it has one.
    """

    context_tokens: int = 2048
    slots: int = 8
    kv_tokens: int = 0
    threads: int = 1
    step_tokens: int = STEP_TOKENS
    flash_attention: bool = False
    kv_type: KvType = "f16"
    kind: Literal["chat", "embedding"] = "chat"
    gpu_layers: int = 0
    repack: bool = True

    @property
    def is_shared(self) -> bool:
        """Whether all slots share one memory."""
        return 0 < self.kv_tokens < self.slots * self.context_tokens


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """`places` and `queue_tokens` bound the waiting line. A job waits at most `queue_seconds` and takes at
    most `timeout_seconds` altogether. `close` lets jobs in progress end for `drain_seconds`.

    `prefix_scope` says whether callers may use each other's computed prefixes (which a stopwatch could
    notice). `prefix_dir` keeps the hottest ones from one life of the process to the next. `speculation`
    guesses tokens where that pays.
    """

    places: int = 32
    queue_tokens: int = 1 << 20
    queue_seconds: float = 60.0
    timeout_seconds: float = 300.0
    drain_seconds: float = 10.0
    prefix_scope: Literal["shared", "user"] = "shared"
    prefix_dir: Path | None = None
    speculation: bool = True
