"""
What can go wrong between a prompt and a model. No HTTP here; `gateway.problems` gives each a status.

    InferenceError
    ├── ModelUnavailable        missing, broken, or the engine is down
    │   ├── NotThere            this server is well and does not have the model
    │   └── ServerUnusable      none of this server's models can be had
    ├── ModelLoading            it is being loaded, and will be there soon
    ├── UnknownModel            the caller named a model that is not served
    ├── PromptTooLong           prompt and answer do not fit the context
    ├── PromptEmpty             nothing of it is a token of the model
    ├── QueueFull               too many prompts are waiting already
    ├── DeadlineExceeded        waited or worked longer than allowed
    ├── FormatRefused           the schema or grammar of the answer cannot be used
    ├── ParameterUnsupported    the model's server does not know a field that would change the answer
    ├── BackendRefused          the model's server finds something wrong with the request
    ├── AnswerUnfit             the finished answer is not what the schema asked for
    │   └── CallUnfit           it calls a tool that was not offered
    └── GenerationFailed        the model broke while it answered

Download errors live in `inference.download`: they belong to a command, never to a request.
"""


class InferenceError(Exception):
    """The root of this tree. `retry_after_seconds` is what a caller should wait, where it helps."""

    retry_after_seconds: int | None = None


class ModelUnavailable(InferenceError):
    """`reason` is a sentence for operators and callers; it holds no path and no prompt."""

    retry_after_seconds = 5

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotThere(ModelUnavailable):
    """Says nothing about the server's other models."""


class ServerUnusable(ModelUnavailable):
    """It cannot be reached, does not even say that it is alive, or refuses the gateway's key."""


class ModelLoading(InferenceError):
    """The model is being loaded; that takes about `retry_after_seconds`, by earlier loads and its size."""

    def __init__(self, name: str, *, retry_after_seconds: int) -> None:
        super().__init__(f"{name} is loading")
        self.name = name
        self.retry_after_seconds = retry_after_seconds


class UnknownModel(InferenceError):
    """`served` are the names a caller may use."""

    def __init__(self, served: tuple[str, ...]) -> None:
        super().__init__("unknown model")
        self.served = served


class PromptTooLong(InferenceError):
    """`tokens` of prompt were given; `limit` are possible. 0 where a server did not say."""

    def __init__(self, *, tokens: int, limit: int) -> None:
        super().__init__(f"{tokens} tokens, {limit} possible")
        self.tokens = tokens
        self.limit = limit


class PromptEmpty(InferenceError):
    """A model goes on from a token; there is none to go on from."""


class QueueFull(InferenceError):
    """Refused at once, nothing was computed."""

    def __init__(self, *, retry_after_seconds: int) -> None:
        super().__init__("queue full")
        self.retry_after_seconds = retry_after_seconds


class DeadlineExceeded(InferenceError):
    """`queued` tells whether the time ran out before the model began."""

    retry_after_seconds = 10

    def __init__(self, *, queued: bool) -> None:
        super().__init__("deadline exceeded")
        self.queued = queued


class GenerationFailed(InferenceError):
    """The step that held this job failed; other jobs may live."""


class FormatRefused(InferenceError):
    """`reason` is a sentence that repeats nothing of the schema or grammar."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ParameterUnsupported(InferenceError):
    """`names` are the fields, as callers write them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(", ".join(names))
        self.names = names


class BackendRefused(InferenceError):
    """With the same request another server would hardly do better. What it said stays unsaid: it may quote
    the prompt."""


class AnswerUnfit(InferenceError):
    """A grammar cannot say all that a schema can (the size of numbers, say), so the answer was checked."""


class CallUnfit(AnswerUnfit):
    """The model's doing and not its server's: who asks for it often must not take the server from others."""
