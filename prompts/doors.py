"""
Asynchronous addresses beside DRF's: its shapes, its schema and its problem table, without its threads.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.encoders import JSONEncoder


def problem_of(error: Exception, request: HttpRequest, view: Any = None) -> Response | None:
    """The problem table's answer; None for a bug."""
    handle: Any = api_settings.EXCEPTION_HANDLER  # by now the function that the setting names
    problem: Response | None = handle(error, {"request": request, "view": view})
    return problem


def as_response(problem: Response) -> HttpResponse:
    """Rendered, with its headers."""
    answer = JsonResponse(
        problem.data, status=problem.status_code, content_type=problem.content_type, encoder=JSONEncoder
    )
    for name, value in problem.headers.items():
        if name != "Content-Type":
            answer[name] = value
    return answer


class _Methods:
    """What the problem table asks a view for."""

    def __init__(self, actions: dict[str, str]) -> None:
        self.allowed_methods = [name.upper() for name in actions]


def door(viewset: Any, actions: dict[str, str]) -> Any:
    """A Django view that calls the viewset's asynchronous actions, by HTTP method."""

    @csrf_exempt  # there is no cookie to abuse
    async def view(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        try:
            action = actions.get((request.method or "").lower())
            if action is None:
                raise MethodNotAllowed(request.method or "")
            response: HttpResponseBase = await getattr(viewset(), action)(request, **kwargs)
            return response
        except Exception as error:
            problem = problem_of(error, request, _Methods(actions))
            if problem is None:
                raise
            return as_response(problem)

    # What drf-spectacular and DRF's own tools look for on a view function.
    view.cls = viewset  # type: ignore[attr-defined]
    view.actions = actions  # type: ignore[attr-defined]
    view.initkwargs = {}  # type: ignore[attr-defined]
    return view
