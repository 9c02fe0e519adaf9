"""
What spans say: numbers, and names from closed sets.

A `Fact` cannot be a `str`, and so no text of anybody's: one must be made a `Name`, and only this module makes
them, of what it knows to be one. A test looks.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NewType

from inference.backends import Ending, Generation, ModelCard
from prompts.outcomes import Conclusion

Name = NewType("Name", str)
Fact = bool | int | float | Name | tuple[Name, ...] | tuple[int, ...]
Facts = Mapping[str, Fact]

# OpenTelemetry's conventions for generative AI, and for HTTP.
OPERATION, PROVIDER = "gen_ai.operation.name", "gen_ai.provider.name"
REQUEST_MODEL, RESPONSE_MODEL = "gen_ai.request.model", "gen_ai.response.model"
INPUT_TOKENS, OUTPUT_TOKENS = "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
ERROR = "error.type"

# How the conventions call who answers; the others are called what `backends.toml` calls their kind.
PROVIDERS = {"local": Name("llama.cpp"), "engine": Name("llama.cpp"), "llama-server": Name("llama.cpp")}


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
EMBEDDINGS = Name("embeddings")


def method_of(word: str) -> Name:
    """An HTTP method; a word that is none was made up by its caller."""
    return Name(word if word in METHODS else "_OTHER")


def provider_of(kind: str) -> Name:
    """By the kind of a server, of which `inference.remote.options` has the list."""
    return PROVIDERS.get(kind, Name(kind))


def server_of(name: str) -> Name:
    """What `backends.toml` calls a server."""
    return Name(name)


def model_of(card: ModelCard) -> Name:
    """What the operator calls a model: a caller's own word for it is not taken."""
    return Name(card.name)


def operation_of(generation: Generation[str]) -> Name:
    return Name("chat" if generation.text is None else "text_completion")


def fault_of(error: BaseException) -> Name:
    """The class of an error. Its message may quote what it choked on."""
    return Name(type(error).__qualname__)


def code_of(status: int) -> Name:
    """An HTTP status, where the conventions want a word."""
    return Name(str(int(status)))


def route_of(pattern: str | None) -> Name:
    """A route of our own `urls`; a path that is none was made up by its caller."""
    return Name("" if pattern is None else "/" + pattern.strip("^$").removesuffix("/?").strip("/"))


def request_of(generation: Generation[str], card: ModelCard) -> Facts:
    """What a model is asked for."""
    sampling = generation.sampling
    facts: dict[str, Fact] = {
        OPERATION: operation_of(generation),
        REQUEST_MODEL: model_of(card),
        "gen_ai.request.max_tokens": generation.max_tokens,
        "gen_ai.request.choice.count": generation.choices,
        "gen_ai.request.temperature": sampling.temperature,
        "gen_ai.request.top_p": sampling.top_p,
        "gen_ai.request.stream": generation.streamed,
        "gateway.tools": len(generation.tools),
        "gateway.messages": len(generation.messages),
    }
    if sampling.seed is not None:
        facts["gen_ai.request.seed"] = sampling.seed
    return facts


def answer_of(endings: Mapping[int, Ending], card: ModelCard) -> Facts:
    """What a model did; `endings` are those of the choices that ended."""
    facts: dict[str, Fact] = {RESPONSE_MODEL: model_of(card)}
    if endings:
        ended = endings.values()
        facts |= {
            INPUT_TOKENS: max(one.prompt_tokens for one in ended),
            OUTPUT_TOKENS: sum(one.completion_tokens for one in ended),
            CACHED_TOKENS: min(one.cached_tokens for one in ended),
            FINISH_REASONS: tuple(Name(endings[number].finish_reason) for number in sorted(endings)),
            "gateway.queue_ms": min(one.queue_ms for one in ended),
        }
    return facts


def conclusion_of(ended: Conclusion) -> Facts:
    """How a prompt ended, and what was found in it and in its answer: rules, and how often each."""
    result = ended.result
    found = Counter(str(finding["rule"]) for finding in result.findings)
    return {
        OPERATION: Name(ended.operation),
        REQUEST_MODEL: Name(ended.model),
        "gateway.prompt_id": Name(str(ended.id)),
        "gateway.outcome": Name(result.outcome.value),
        "gateway.policy": Name(ended.policy),
        "gateway.cache": Name(ended.cache),
        "gateway.rules": tuple(Name(rule) for rule in sorted(found)),
        "gateway.rules.count": tuple(found[rule] for rule in sorted(found)),
        "gateway.screen_ms": float(ended.times.screen_ms or 0),
        "gateway.sanitize_ms": float(ended.times.sanitize_ms),
        "gateway.backend_ms": float(ended.times.backend_ms),
        "gateway.total_ms": float(result.total_ms),
    }
