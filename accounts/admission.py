"""
What strangers may ask for and what takes a password hash: admitted on the event loop, or refused there.

    POST ──► a place in the queue? ──► the view of DRF, in a thread, which gives the place back
                   └ no: 503 with Retry-After, before it costs a thread

Threads of a burst would make everybody else wait for the interpreter. `gateway.asgi` lets no more than fit
into the queue get this far at once; a caller who left there may still be at work here.
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from rest_framework.settings import api_settings

from accounts.errors import Busy
from accounts.hashers import Place, a_place

View = Callable[..., HttpResponse]


def admitted(view: View) -> Any:
    """The view, behind the queue for hashing."""

    def in_thread(request: HttpRequest, place: Place) -> HttpResponse:
        with a_place(place):
            return view(request)

    @csrf_exempt  # there is no cookie to abuse
    async def admit(request: HttpRequest) -> HttpResponse:
        if request.method != "POST":
            response: HttpResponse = await sync_to_async(view)(request)
            return response
        try:
            place = Place()
        except Busy as busy:
            return refused(busy)
        try:
            return await sync_to_async(in_thread)(request, place)
        finally:
            place.abandon()

    # What drf-spectacular and DRF's own tools look for on a view function.
    for name in ("cls", "initkwargs", "view_class"):
        setattr(admit, name, getattr(view, name))
    return admit


def refused(busy: Busy) -> HttpResponse:
    """The problem table's answer."""
    handle: Any = api_settings.EXCEPTION_HANDLER  # by now the function that the setting names
    problem = handle(busy, {})
    answer = JsonResponse(problem.data, status=problem.status_code, content_type=problem.content_type)
    answer["Retry-After"] = problem.headers["Retry-After"]
    return answer
