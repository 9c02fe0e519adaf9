"""What drf-spectacular cannot see: that every call may answer a problem document, under /v1 OpenAI's
envelope."""

from typing import Any

from gateway.problems import MEDIA_TYPE, is_openai

PROBLEM = {
    "type": "object",
    "description": "An RFC 9457 problem document. `code` is stable; /problems lists the codes.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "requestId": {"type": ["string", "null"], "format": "uuid"},
        "errors": {"type": "object", "description": "Field names and what is wrong with each."},
        "id": {"type": "string", "format": "uuid", "description": "The journal's row."},
        "rules": {"type": "array", "items": {"type": "string"}},
    },
}

ERROR = {
    "type": "object",
    "description": "OpenAI's error envelope. `code` is stable.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "param", "code"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": "string"},
            },
        }
    },
}


# Calls that ask a model, or could: they are held to limits.
LIMITED = {
    "/prompt",
    *(f"/v1/{name}" for name in ("chat/completions", "completions", "responses")),
    *(f"/v1/{name}" for name in ("embeddings", "moderations")),
}
RATE_HEADERS = {
    f"x-ratelimit-{what}-{of}": {"schema": {"type": kind}, "description": description.format(of)}
    for of in ("requests", "tokens")
    for what, kind, description in (
        ("limit", "integer", "How many {} a minute you may use; left out where there is no limit."),
        ("remaining", "integer", "How many {} of this minute are left."),
        ("reset", "string", "After how long all {} of a minute are back: 250ms, 59.5s, 1m0.5s."),
    )
}


# Calls whose answers can be kept, shared and given again.
ANSWERING = {"/prompt", *(f"/v1/{name}" for name in ("chat/completions", "completions", "responses"))}
ANSWER_PARAMETERS = [
    {
        "in": "header",
        "name": "Idempotency-Key",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "The same request, sent again with the same key, gets the same answer.",
    },
    {
        "in": "header",
        "name": "X-Gateway-Cache",
        "schema": {"type": "string", "enum": ["keep"]},
        "description": "Keeps the answer, and gives a kept one, whatever the temperature is.",
    },
    {
        "in": "header",
        "name": "Cache-Control",
        "schema": {"type": "string"},
        "description": "`no-cache` asks the model anew, `no-store` also keeps nothing.",
    },
]
ANSWER_HEADERS = {
    "x-gateway-cache": {
        "schema": {"type": "string", "enum": ["hit", "shared", "miss", "off"]},
        "description": "Where the answer came from.",
    },
    "x-gateway-idempotency": {
        "schema": {"type": "string", "enum": ["new", "replayed", "unavailable"]},
        "description": "What became of an Idempotency-Key.",
    },
}


def describe_repeats(operation: dict[str, Any]) -> None:
    """What callers say and hear about answers that need not be computed again."""
    operation["parameters"] = [*operation.get("parameters", []), *ANSWER_PARAMETERS]
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response.setdefault("headers", {}).update(ANSWER_HEADERS)


def describe_limits(operation: dict[str, Any], content: dict[str, Any]) -> None:
    """Headers on answers, and 429 with when to come back."""
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response.setdefault("headers", {}).update(RATE_HEADERS)
    again = {"schema": {"type": "integer"}, "description": "Seconds; left out where waiting does not help."}
    operation["responses"]["429"] = {
        "description": "A limit is reached; `code` says which.",
        "headers": {**RATE_HEADERS, "Retry-After": again},
        "content": content,
    }


def one_address_each(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Leaves out the twins with a trailing slash: they are the same calls."""
    paths = {path for path, *_ in endpoints}
    return [
        endpoint for endpoint in endpoints if not (endpoint[0].endswith("/") and endpoint[0][:-1] in paths)
    ]


def describe_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Adds a `default` response to every operation, and 401 where a token is needed. A body that is described
    is needed too."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    result["components"]["schemas"]["Error"] = ERROR
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for path, operations in result["paths"].items():
        content = error if is_openai(path) else problem
        for method, operation in operations.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            if method == "post" and path in LIMITED:
                describe_limits(operation, content)
            if method == "post" and path in ANSWERING:
                describe_repeats(operation)
            if "requestBody" in operation:
                operation["requestBody"]["required"] = True
            operation["responses"].setdefault(
                "default", {"description": "A problem; `code` says which.", "content": content}
            )
            if operation.get("security") and {} not in operation["security"]:
                operation["responses"].setdefault(
                    "401", {"description": "No valid access token.", "content": content}
                )
    return result
