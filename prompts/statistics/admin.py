"""The statistics in the admin, for reviewers and administrators: a page without scripts, from the tallies."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from rest_framework import serializers

from prompts.models import HourlyTally
from prompts.statistics import health, page
from prompts.statistics.reading import LONGEST, Span, Step, read
from prompts.statistics.serializers import StatisticsQuerySerializer
from prompts.statistics.views import sees_all

SPANS = {
    "day": (timedelta(days=1), Step.HOUR),
    "week": (timedelta(days=7), Step.HOUR),
    "month": (timedelta(days=30), Step.DAY),
    "year": (timedelta(days=365), Step.WEEK),
}
# Steps of a span that is asked for: the first that keeps a chart readable.
READABLE = {Step.HOUR: timedelta(days=8), Step.DAY: timedelta(days=93), Step.WEEK: LONGEST[Step.WEEK]}
SEE_ROWS = "prompts.view_prompt"


@admin.register(HourlyTally)
class StatisticsAdmin(admin.ModelAdmin[HourlyTally]):
    """Not a list of rows: one page."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return sees_all(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return sees_all(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **more: Any) -> HttpResponse:
        raise PermissionDenied  # a single tally says nothing that the page does not

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if not sees_all(request.user):
            raise PermissionDenied
        span, chosen = span_of(request)
        user_id = _uuid(request.GET.get("user", ""))
        found = read(span, user_id=user_id)
        context = {
            **self.admin_site.each_context(request),
            **page.shown(found, user_id=user_id, may_see=request.user.has_perm(SEE_ROWS)),
            "health": health.look(),
            "opts": self.opts,
            "title": "Statistics",
            "spans": SPANS,
            "chosen": chosen,
            "asked": {name: request.GET.get(name, "") for name in ("since", "until")},
            "user_id": user_id,
            "person": page.names_of([user_id]).get(user_id, "") if user_id else "",
        }
        return TemplateResponse(request, "admin/prompts/statistics.html", context)


def span_of(request: HttpRequest) -> tuple[Span, str]:
    """The span that is asked for, and its name, `custom` for one with `since` and `until`. One that cannot be
    read is told, and the past day shown."""
    given = {name: value for name in ("since", "until") if (value := request.GET.get(name, "").strip())}
    if given:
        try:
            return _custom(given), "custom"
        except serializers.ValidationError as error:
            wrong: Any = error.detail
            for name, told in wrong.items():
                messages.error(request, f"{name}: {told[0]}")
    name = request.GET.get("span", "day")
    name = name if name in SPANS else "day"
    length, step = SPANS[name]
    now = timezone.now()
    return Span.around(now - length, now, step), name


def _custom(given: dict[str, str]) -> Span:
    """By the hour as long as that can be read, else by the day or the week. Raises ValidationError."""
    query = StatisticsQuerySerializer(data={**given, "step": Step.WEEK.value})
    query.is_valid(raise_exception=True)
    since, until = query.validated_data["since"], query.validated_data["until"]
    step = next(step for step, most in READABLE.items() if until - since <= most)
    return Span.around(since, until, step)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
