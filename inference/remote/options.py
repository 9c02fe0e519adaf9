"""
How a model server is reached, and what it understands. Plain values; `inference.routing.file` reads them.
"""

from dataclasses import dataclass, field

# What OpenAI's API says of sampling and shape, by its names on the wire.
OPENAI = frozenset(
    {
        *("temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "seed", "stop"),
        *("n", "logprobs", "json_object", "json_schema", "stream_options"),
        *("tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "verbosity"),
    }
)
SERVERS = (OPENAI | {"top_k", "min_p", "ignore_eos", "reasoning_content"}) - {"verbosity"}
LLAMA = (SERVERS | {"typical_p", "repeat_penalty", "grammar"}) - {"reasoning_effort"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What servers of one make have in common. `probe` is asked whether one is alive: a path from the root,
    or from the base address where it has no slash in front."""

    fields: frozenset[str]
    probe: str = "models"


KINDS = {
    "openai": Kind(OPENAI),
    "llama-server": Kind(LLAMA, "/health"),
    "vllm": Kind(SERVERS | {"repetition_penalty"}, "/health"),
    "sglang": Kind(SERVERS | {"repetition_penalty"}, "/health"),
    "ollama": Kind(
        OPENAI - {"n", "logit_bias", "logprobs", "tool_choice", "parallel_tool_calls", "verbosity"}
    ),
    # `manage.py serve_engine` of this project.
    "engine": Kind(
        (LLAMA - {"grammar"}) | {"grammar_format", "priority", "deadline_seconds", "user"},
        "/readyz",
    ),
}
LOCAL = "local"  # the models of this process, and no server at all
EVERY_FIELD = frozenset().union(*(kind.fields for kind in KINDS.values()))


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for a connection; for the first word; between two of them; for all of an answer."""

    connect_seconds: float = 5.0
    first_byte_seconds: float = 60.0
    idle_seconds: float = 60.0
    total_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """One server. `base_url` ends where `/chat/completions` begins. `fields` is what it may be sent beside
    model, messages and their like; images and recordings only where an operator says so. A line of its
    stream may have `max_line_bytes`, a whole answer `max_answer_bytes`. `always_stream`: it is asked for
    streams even where nobody reads along."""

    kind: str
    base_url: str
    api_key: str = field(default="", repr=False)
    fields: frozenset[str] = OPENAI
    max_tokens_field: str = "max_tokens"
    probe: str = "models"
    patience: Patience = Patience()
    max_line_bytes: int = 1 << 20
    max_answer_bytes: int = 64 << 20
    always_stream: bool = False

    def url(self, path: str) -> str:
        """An address of this server."""
        if path.startswith("/"):
            scheme, _, rest = self.base_url.partition("://")
            return f"{scheme}://{rest.partition('/')[0]}{path}"
        return f"{self.base_url}/{path}"
