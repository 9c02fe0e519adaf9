"""
What an engine did and does: counters that only grow, and gauges of this moment. Numbers only, never text.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Figures:
    """Seconds and tokens since the model was first loaded. `python_seconds` is what a step takes beside the
    model's computing (`decode_seconds`) and the choosing of tokens (`sampling_seconds`)."""

    steps: int = 0
    decode_seconds: float = 0.0
    sampling_seconds: float = 0.0
    python_seconds: float = 0.0
    prompt_tokens: int = 0
    prefill_tokens: int = 0
    completion_tokens: int = 0
    guessed_tokens: int = 0
    right_guesses: int = 0
    prefix_hit_tokens: int = 0
    copies: int = 0
    evictions: int = 0
    preemptions: int = 0
    answered: int = 0
    cancelled: int = 0
    expired: int = 0
    failed: int = 0
    refused: int = 0
    reloads: int = 0

    # Of this moment.
    waiting_jobs: int = 0
    waiting_tokens: int = 0
    running_jobs: int = 0
    slots: int = 0
    kv_tokens: int = 0
    kv_used_tokens: int = 0
