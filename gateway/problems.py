"""
The one table from exceptions to RFC 9457 problem documents, and under /v1 to OpenAI's error envelope.

    handle(exc, context)   DRF's exception handler; prompts' asynchronous views call it too
    bad_request … server_error   Django's own error pages, as documents for the API, plain HTML for pages

A sentence says what to do. It never quotes a prompt, an exception's message or a path.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework import exceptions as drf
from rest_framework.response import Response

from accounts import errors as accounts
from accounts.limits.headers import rate_headers
from gateway.load import Full
from gateway.logs import request_id
from gateway.metrics.counting import count_problem
from gateway.middleware import is_page
from inference import errors as inference
from prompts import errors as prompts
from sanitization import errors as sanitization

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Known:
    """What clients of OpenAI's API know an error as, where that is not our own code and status."""

    code: str
    param: str | None = None
    status: int | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Row:
    """What an exception becomes. `detail` is a sentence, or makes one from the exception."""

    status: int
    code: str
    detail: str | Callable[[Any], str]
    known: Known | None = None

    def sentence(self, error: BaseException | None) -> str:
        return self.detail if isinstance(self.detail, str) else self.detail(error)


_AWAY = "A service that the gateway needs is not reachable. Nothing was lost; try again shortly."

TABLE: dict[type[Exception], Row] = {
    accounts.NotAuthenticated: Row(
        401,
        "not-authenticated",
        "Send a valid access token or API key: Authorization: Bearer <token>.",
        Known("invalid_api_key"),
    ),
    accounts.WrongCredentials: Row(401, "wrong-credentials", "E-mail and password do not belong together."),
    accounts.EmailTaken: Row(409, "email-taken", "An account with this e-mail exists. Log in instead."),
    accounts.Busy: Row(503, "busy", "Too many people are logging in at this moment. Try again shortly."),
    accounts.AccessUnavailable: Row(503, "access-unavailable", _AWAY),
    accounts.OutOfScope: Row(
        403,
        "key-scope",
        lambda e: (
            f"This API key lacks the scope `{e.scope}`."
            if e.scope
            else "API keys do not reach this. Log in and use the access token."
        ),
    ),
    accounts.MayNotAsk: Row(403, "no-role", "Your account has no role that may ask. Ask an administrator."),
    accounts.ModelNotAllowed: Row(
        403, "model-not-allowed", lambda e: f"This API key may ask: {', '.join(e.allowed)}."
    ),
    accounts.TooManyAttempts: Row(
        429, "too-many-attempts", lambda e: f"Too many attempts. Try again in {e.retry_after_seconds} s."
    ),
    accounts.SecondFactorNeeded: Row(
        401, "second-factor-needed", "Send the code of your authenticator too, as `code`."
    ),
    accounts.SecondFactorWrong: Row(
        400, "second-factor-wrong", "This is not the code, or there is nothing to switch on or off."
    ),
    accounts.RegistrationClosed: Row(403, "registration-closed", "Administrators make the accounts here."),
    accounts.EmailRefused: Row(403, "email-refused", "Addresses of this domain cannot register here."),
    accounts.InvitationWrong: Row(
        403, "invitation-wrong", "Send a good invitation code, as `invitation`. Each works once."
    ),
    accounts.LinkWrong: Row(400, "link-wrong", "This link was used already, or is too old. Ask for another."),
    accounts.TooManyRequests: Row(
        429,
        "too-many-requests",
        lambda e: (
            f"You may send {e.limit} requests a minute. Send this one again in {e.retry_after_seconds} s."
        ),
        Known("rate_limit_exceeded", kind="requests"),
    ),
    accounts.TooManyTokens: Row(
        429,
        "too-many-tokens",
        lambda e: (
            f"You may use {e.limit} tokens a minute, and this request may take {e.tokens}. "
            f"Send it again in {e.retry_after_seconds} s, or with a lower max_tokens."
        ),
        Known("rate_limit_exceeded", kind="tokens"),
    ),
    accounts.TooManyTokensAtOnce: Row(
        429,
        "too-many-tokens-at-once",
        lambda e: (
            f"You may use {e.limit} tokens a minute, and this request alone may take {e.tokens}. "
            "Shorten it, or send it with a lower max_tokens."
        ),
        Known("rate_limit_exceeded", kind="tokens"),
    ),
    accounts.TooManyStreams: Row(
        429,
        "too-many-streams",
        lambda e: f"You may have {e.limit} answers in progress at once. Wait for one to end.",
        Known("rate_limit_exceeded", kind="requests"),
    ),
    accounts.BudgetSpent: Row(
        429,
        "budget-spent",
        lambda e: (
            f"You may use {e.limit} tokens a month, and what is left is less than this request may take "
            f"({e.tokens}). A lower max_tokens may fit; else wait for next month, or ask an administrator."
        ),
        Known("insufficient_quota", kind="insufficient_quota"),
    ),
    accounts.LimitsUnavailable: Row(503, "limits-unavailable", _AWAY),
    accounts.UnknownRole: Row(400, "unknown-role", "There is no such role; GET /api/roles lists them."),
    prompts.PromptBlocked: Row(
        422,
        "prompt-blocked",
        lambda e: f"The policy refuses prompts with: {', '.join(e.rules)}.",
        Known("content_filter", "prompt", status=400),
    ),
    prompts.JournalUnavailable: Row(503, "journal-unavailable", _AWAY),
    prompts.ConversationBusy: Row(
        409, "conversation-busy", "Another prompt of this conversation is being read. Send this one again."
    ),
    prompts.AnswersUnavailable: Row(503, "answers-unavailable", _AWAY),
    prompts.ConversationsUnavailable: Row(503, "conversations-unavailable", _AWAY),
    prompts.IdempotencyKeyReused: Row(
        422,
        "idempotency-key-reused",
        "This Idempotency-Key is that of a request with another body. Make a new one for each request.",
    ),
    prompts.IdempotencyKeyBusy: Row(
        409,
        "idempotency-key-busy",
        "The first request with this Idempotency-Key is still being answered. Send this one again shortly.",
    ),
    prompts.RequestRefused: Row(400, "request-refused", lambda e: e.sentence),
    sanitization.ScreeningFailed: Row(
        503,
        "screening-failed",
        "The text could not be checked, so it went nowhere. Try again or tell the operator.",
    ),
    sanitization.PoliciesUnavailable: Row(503, "policies-unavailable", _AWAY),
    sanitization.PolicyMissing: Row(
        503,
        "policy-missing",
        "The policy that you were given is not in force, so nothing is answered. Tell the operator.",
    ),
    sanitization.PolicyConflict: Row(409, "policy-conflict", lambda e: e.sentence),
    sanitization.PolicyInvalid: Row(400, "policy-invalid", "This policy cannot be used; see errors."),
    inference.ModelUnavailable: Row(503, "model-unavailable", lambda e: e.reason),
    inference.ModelLoading: Row(
        503,
        "model-loading",
        lambda e: f"The model {e.name} is being loaded. Try again in {e.retry_after_seconds} s.",
    ),
    inference.UnknownModel: Row(
        404,
        "unknown-model",
        lambda e: f"This model is not served. Served: {', '.join(e.served)}.",
        Known("model_not_found", "model"),
    ),
    inference.PromptTooLong: Row(
        400,
        "prompt-too-long",
        lambda e: (
            # Clients that cut a prompt and try again know these two by their words: litellm reads no code.
            f"This model's maximum context length is {e.limit} tokens; the prompt has {e.tokens}. Shorten it."
            if e.tokens and e.limit
            else "The prompt is longer than the model's context length. Shorten it."
        ),
        Known("context_length_exceeded", "messages"),
    ),
    inference.PromptEmpty: Row(
        400,
        "prompt-empty",
        "Nothing of this text is a token of the model. Say something.",
        Known("invalid_value"),
    ),
    inference.FormatRefused: Row(
        400, "format-refused", lambda e: e.reason, Known("invalid_value", "response_format")
    ),
    inference.AnswerUnfit: Row(
        502, "answer-unfit", "The model's answer is not what the schema asks for. Try again, or relax it."
    ),
    inference.CallUnfit: Row(502, "call-unfit", "The model called a tool that was not offered. Try again."),
    inference.QueueFull: Row(
        503, "queue-full", lambda e: f"Too many prompts are waiting. Try again in {e.retry_after_seconds} s."
    ),
    inference.DeadlineExceeded: Row(
        503,
        "deadline-exceeded",
        lambda e: (
            "The prompt waited too long for the model. Try again later."
            if e.queued
            else "The answer took longer than allowed. Ask for less or set max_tokens."
        ),
    ),
    inference.ParameterUnsupported: Row(
        400,
        "parameter-unsupported",
        lambda e: f"The server of this model does not know: {', '.join(e.names)}. Leave it out.",
        Known("unsupported_parameter"),
    ),
    inference.BackendRefused: Row(
        400,
        "backend-refused",
        "The server of this model refuses the request. A parameter may have a value that it does not take.",
        Known("invalid_request"),
    ),
    inference.GenerationFailed: Row(503, "generation-failed", "The model failed on this answer. Try again."),
    Full: Row(503, "overloaded", "The gateway has more to do than it can at this moment. Try again shortly."),
    RequestDataTooBig: Row(413, "body-too-large", "The request body is larger than this service takes."),
    OperationalError: Row(503, "store-unavailable", _AWAY),
    InterfaceError: Row(503, "store-unavailable", _AWAY),
    InternalError: Row(503, "store-unavailable", _AWAY),  # of the database: among others, it only reads
    Http404: Row(404, "not-found", "There is nothing here, or it is not yours."),
    PermissionDenied: Row(403, "forbidden", "You may not do this."),
    drf.NotAuthenticated: Row(
        401,
        "not-authenticated",
        "Send a valid access token or API key: Authorization: Bearer <token>.",
        Known("invalid_api_key"),
    ),
    drf.NotFound: Row(404, "not-found", "There is nothing here, or it is not yours."),
    drf.PermissionDenied: Row(403, "forbidden", "You may not do this."),
    drf.MethodNotAllowed: Row(405, "method-not-allowed", "This address does not take that method."),
    drf.NotAcceptable: Row(406, "not-acceptable", "This service answers application/json."),
    drf.UnsupportedMediaType: Row(415, "unsupported-media-type", "Send the body as application/json."),
    drf.ParseError: Row(400, "unreadable-body", lambda e: str(e.detail)),
    drf.ValidationError: Row(400, "invalid", "Some fields are missing or wrong; see errors."),
}


# Sent again as they are, these will be refused again: at once, or for the rest of the month.
HOPELESS = (accounts.TooManyTokensAtOnce, accounts.BudgetSpent)


def row_for(error: Exception) -> Row | None:
    """The row of the error's nearest class in the table."""
    return next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)


def is_openai(path: str) -> bool:
    """Whether programs that speak OpenAI's protocol are at this path."""
    return path == "/v1" or path.startswith("/v1/")


_TYPES = {403: "permission_error", 429: "rate_limit_error"}


# What chat completions call otherwise than other addresses do.
_PARAMS = {
    "/v1/responses": {"messages": "input", "prompt": "input", "response_format": "text.format"},
    "/v1/completions": {"messages": "prompt"},
}


def named_at(path: str, error: Exception, body: dict[str, Any]) -> dict[str, Any]:
    """An envelope with the field as this address calls it. Who refuses a request names it right already."""
    if not isinstance(error, prompts.RequestRefused):
        told = body["error"]
        told["param"] = _PARAMS.get(path.rstrip("/"), {}).get(told["param"], told["param"])
    return body


def envelope(row: Row, error: Exception | None = None) -> tuple[int, dict[str, Any]]:
    """The same row as OpenAI's clients know it: status and body."""
    known = row.known or Known(row.code.replace("-", "_"))
    if isinstance(error, prompts.RequestRefused):
        known = Known(error.code, error.param)
    status = known.status or row.status
    kind = known.kind or ("server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error"))
    body = {
        "message": row.sentence(error),
        "type": kind,
        "param": known.param,
        "code": known.code,
    }
    return status, {"error": body}


def document(row: Row, error: Exception | None = None, **more: Any) -> dict[str, Any]:
    """The problem document of a row. `type` leads to the list at /problems."""
    return {
        "type": f"/problems#{row.code}",
        "title": HTTPStatus(row.status).phrase,
        "status": row.status,
        "code": row.code,
        "detail": row.sentence(error),
        "requestId": request_id.get(),
        **more,
    }


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler. None means a bug: Django logs it and answers a bare 500."""
    row = row_for(error)
    if row is None:
        return None
    count_problem(row.code)
    more: dict[str, Any] = {}
    if isinstance(error, drf.ValidationError):
        more["errors"] = error.detail
    if isinstance(error, sanitization.PolicyInvalid):
        more["errors"] = error.problems
    if isinstance(error, prompts.PromptBlocked):
        more |= {"id": str(error.prompt_id), "rules": list(error.rules)}
    headers: dict[str, str] = {}
    if (seconds := getattr(error, "retry_after_seconds", None)) or row.status == 503:
        headers["Retry-After"] = str(seconds or 5)
    if isinstance(error, accounts.LimitReached):
        headers |= rate_headers(error.standings)
        if isinstance(error, HOPELESS):
            headers["x-should-retry"] = "false"  # OpenAI's clients would try again by themselves
    if row.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, drf.MethodNotAllowed) and (view := context.get("view")) is not None:
        headers["Allow"] = ", ".join(view.allowed_methods)
    if (request := context.get("request")) is not None and is_openai(request.path):
        status, body = envelope(row, error)
        body = named_at(request.path, error, body)
        return Response(body, status=status, headers=headers, content_type="application/json")
    return Response(document(row, error, **more), status=row.status, headers=headers, content_type=MEDIA_TYPE)


def refusal(request: HttpRequest, row: Row) -> HttpResponse:
    """A row as whoever is at this path can read it."""
    count_problem(row.code)
    if is_page(request.path):
        title = f"{row.status} {HTTPStatus(row.status).phrase}"
        page = f"<!doctype html><title>{title}</title><h1>{title}</h1><p>{row.detail}</p>"
        return HttpResponse(page, status=row.status)
    headers = {"Retry-After": "5"} if row.status == 503 else None
    if is_openai(request.path):
        status, body = envelope(row)
        return JsonResponse(body, status=status, headers=headers)
    return JsonResponse(document(row), status=row.status, content_type=MEDIA_TYPE, headers=headers)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, Row(400, "bad-request", "The request cannot be understood."))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, TABLE[PermissionDenied])


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    return refusal(request, Row(403, "forbidden", "The form is out of date. Reload the page and try again."))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, TABLE[Http404])


INTERNAL = Row(500, "internal-error", "Something broke here. It was logged with this request's id.")


def server_error(request: HttpRequest) -> HttpResponse:
    error = sys.exc_info()[1]
    row = row_for(error) if isinstance(error, Exception) else None
    return refusal(request, row if row and row.status == 503 and isinstance(row.detail, str) else INTERNAL)
