"""The statistics in the admin, for reviewers and administrators: a page without scripts, from the tallies."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString

from prompts.journal import Outcome
from prompts.models import NOBODY, HourlyTally
from prompts.statistics.charts import Bar, columns, rows
from prompts.statistics.reading import Counts, Span, Statistics, Step, read
from prompts.statistics.views import sees_all

SPANS = {
    "day": (timedelta(days=1), Step.HOUR),
    "week": (timedelta(days=7), Step.HOUR),
    "month": (timedelta(days=30), Step.DAY),
    "year": (timedelta(days=365), Step.DAY),
}
MOST_RULES = 30


@dataclass(frozen=True, slots=True)
class Kind:
    """Outcomes that are drawn in one colour."""

    name: str
    colour: str
    outcomes: tuple[Outcome, ...]


KINDS = (
    Kind("answered", "#3b8a5a", (Outcome.ANSWERED,)),
    Kind(
        "refused or cut off by the policy",
        "#d08a1d",
        (Outcome.BLOCKED, Outcome.TRUNCATED, Outcome.NOT_SCANNED),
    ),
    Kind("left by the caller", "#7a8fb5", (Outcome.CANCELLED,)),
    Kind(
        "failed",
        "#b5403a",
        (Outcome.REFUSED, Outcome.TIMED_OUT, Outcome.FAILED, Outcome.INTERRUPTED),
    ),
)


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
        name = request.GET.get("span", "day")
        length, step = SPANS.get(name, SPANS["day"])
        now = timezone.now()
        user_id = _uuid(request.GET.get("user", ""))
        found = read(Span.around(now - length, now, step), user_id=user_id)
        context = {
            **self.admin_site.each_context(request),
            **_shown(found),
            "opts": self.opts,
            "title": "Statistics",
            "spans": SPANS,
            "chosen": name if name in SPANS else "day",
            "user_id": user_id,
            "person": _names([user_id]).get(user_id, "") if user_id else "",
        }
        return TemplateResponse(request, "admin/prompts/statistics.html", context)


def _shown(found: Statistics) -> dict[str, Any]:
    """What the page needs of it."""
    names, counts = _names(found.users), found.counts
    return {
        "found": found,
        "counts": counts,
        "outcomes": sorted(counts.outcomes.items(), key=lambda one: -one[1]),
        "cache_share": round(100 * counts.cached / counts.prompts, 1) if counts.prompts else 0,
        "kinds": KINDS,
        "prompts_chart": _over_time(found),
        "tokens_chart": _tokens(found),
        "rules_chart": rows(_by_rule(found), "#d08a1d", title="Findings by rule"),
        "askers": [
            {"id": id, "name": "(erased)" if id == NOBODY else names.get(id, str(id)), "prompts": prompts}
            for id, prompts in found.users.items()
        ],
    }


def _over_time(found: Statistics) -> SafeString:
    bars = [
        Bar(
            _label(at, found.span),
            [sum(counts.outcomes.get(one, 0) for one in kind.outcomes) for kind in KINDS],
            f"{at:%Y-%m-%d %H:%M}: {_told(counts)}",
        )
        for at, counts in found.series.items()
    ]
    return columns(bars, [kind.colour for kind in KINDS], title="Prompts over time, by outcome")


def _tokens(found: Statistics) -> SafeString:
    bars = [
        Bar(
            _label(at, found.span),
            [counts.prompt_tokens, counts.completion_tokens],
            f"{at:%Y-%m-%d %H:%M}: {counts.prompt_tokens:,} read, {counts.completion_tokens:,} written",
        )
        for at, counts in found.series.items()
    ]
    return columns(bars, ["#7a8fb5", "#3b8a5a"], title="Tokens over time, read and written")


def _by_rule(found: Statistics) -> list[tuple[str, int]]:
    names = [(f"{one.rule} ({one.direction}, {one.action})", one.findings) for one in found.findings]
    return names[:MOST_RULES]


def _told(counts: Counts) -> str:
    return ", ".join(f"{number:,} {outcome}" for outcome, number in counts.outcomes.items()) or "nothing"


def _label(at: datetime, span: Span) -> str:
    is_short = span.step is Step.HOUR and span.until - span.since <= timedelta(days=2)
    return f"{at:%H:%M}" if is_short else f"{at:%m-%d}"


def _names(ids: Any) -> dict[UUID, str]:
    users = get_user_model()._default_manager.filter(pk__in=list(ids))
    return {user.pk: user.get_username() for user in users}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
