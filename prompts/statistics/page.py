"""
What the page of statistics shows of a span: charts, the same in tables, and links to the rows behind them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from accounts.models import ApiKey
from prompts.journal import Outcome
from prompts.models import NOBODY
from prompts.statistics.charts import COLOURS, Bar, Line, Row, columns, lines, rows
from prompts.statistics.reading import LENGTHS, Counts, Latency, Span, Statistics, Step

OUTCOME_COLOURS = {
    Outcome.ANSWERED: "#008f68",
    Outcome.BLOCKED: "#c27a00",
    Outcome.TRUNCATED: "#8a7000",
    Outcome.NOT_SCANNED: "#7a4fa3",
    Outcome.CANCELLED: "#767676",
    Outcome.REFUSED: "#4f7fb8",
    Outcome.TIMED_OUT: "#b8578f",
    Outcome.FAILED: "#d1495b",
    Outcome.INTERRUPTED: "#a8603f",
}
READ, WRITTEN, CACHED = "#4f7fb8", "#008f68", "#0072b2"
PERCENTILES = {"p50": "#008f68", "p95": "#c27a00", "p99": "#d1495b"}
MOST_RULES = 30
RULES_APART = len(COLOURS) - 1  # in the chart over time; the others are one


@dataclass(frozen=True, slots=True)
class Section:
    """A chart with what its colours mean and its numbers: `head`, and a line for each point or name."""

    title: str
    chart: SafeString
    legend: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...], str], ...]  # name, numbers, address
    note: str = ""


class Links:
    """Addresses of the list, narrowed to this span and this user; empty for who may not see rows."""

    def __init__(self, span: Span, *, user_id: UUID | None, may_see: bool) -> None:
        self._span = span
        self._user = {"user": str(user_id)} if user_id else {}
        self._list = reverse("admin:prompts_prompt_changelist") if may_see else ""
        # A page has thousands of addresses, of a few hundred points and names.
        self._narrowed: dict[datetime | None, str] = {}
        self._named: dict[tuple[tuple[str, str], ...], str] = {}

    def to(self, at: datetime | None = None, **more: str) -> str:
        """Rows of one point, or of the whole span."""
        if not self._list:
            return ""
        if (narrowed := self._narrowed.get(at)) is None:
            since = at or self._span.since
            until = at + LENGTHS[self._span.step] if at else self._span.until
            named = {"since": f"{since:%Y-%m-%dT%H:%M:%SZ}", "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
            narrowed = self._narrowed[at] = f"{self._list}?{urlencode({**named, **self._user})}"
        if not more:
            return narrowed
        if (named_too := self._named.get(names := tuple(more.items()))) is None:
            named_too = self._named[names] = urlencode(more)
        return f"{narrowed}&{named_too}"


def shown(found: Statistics, *, user_id: UUID | None, may_see: bool) -> dict[str, Any]:
    """What the template needs of it."""
    links = Links(found.span, user_id=user_id, may_see=may_see)
    counts = found.counts
    return {
        "found": found,
        "counts": counts,
        "outcomes": [(name, number, links.to(outcome=name)) for name, number in _falling(counts.outcomes)],
        "cache_share": _share(counts),
        "sections": [
            _prompts(found, links),
            _rules(found, links),
            _latency(found, links, "total", "How long answers took, ms"),
            _latency(found, links, "first_token", "Until the first token, ms"),
            _tokens(found, links),
            _cache(found, links),
        ],
        "rules_chart": rows(_by_rule(found, links), COLOURS[1], title="Findings by rule and action"),
        "findings": [
            (one, links.to(rule=one.rule, action=one.action, direction=one.direction))
            for one in found.findings
        ],
        "tops": [top for top in _tops(found, links) if not (user_id and top["title"] == "users")],
    }


# -- over time --


def _prompts(found: Statistics, links: Links) -> Section:
    seen = [outcome for outcome in OUTCOME_COLOURS if found.counts.outcomes.get(outcome)]
    colours = [OUTCOME_COLOURS[outcome] for outcome in seen]
    bars = [
        Bar(
            _label(at, found.span),
            [counts.outcomes.get(outcome, 0) for outcome in seen],
            f"{_instant(at)}: {_told(counts)}",
            [links.to(at, outcome=one) if counts.outcomes.get(one) else "" for one in seen],
        )
        for at, counts in found.series.items()
    ]
    told = f"{found.counts.prompts:,} prompts, of which {_told(found.counts)}."
    table = [
        (_instant(at), tuple(f"{counts.outcomes.get(one, 0):,}" for one in seen), links.to(at))
        for at, counts in found.series.items()
        if counts.prompts
    ]
    chart = columns(bars, colours, title="Prompts over time, by outcome", told=told)
    legend = tuple(zip(seen, colours, strict=True))
    return Section("Prompts, by how they ended", chart, legend, tuple(seen), tuple(table))


def _rules(found: Statistics, links: Links) -> Section:
    totals: dict[str, int] = {}
    for one in found.findings:
        totals[one.rule] = totals.get(one.rule, 0) + one.findings
    apart = [rule for rule, _ in _falling(totals)[:RULES_APART]]
    names = [*apart, "others"] if len(totals) > len(apart) else apart
    colours = COLOURS[: len(apart)] + COLOURS[-1:] * (len(names) - len(apart))

    def by_name(at: datetime) -> list[int]:
        point = {rule: max(0, count) for rule, count in found.findings_series[at].items()}
        rest = sum(count for rule, count in point.items() if rule not in apart)
        return [*(point.get(rule, 0) for rule in apart), *([rest] if len(names) > len(apart) else [])]

    bars, table = [], []
    for at in found.findings_series:
        values = by_name(at)
        told = ", ".join(f"{value:,} {name}" for name, value in zip(names, values, strict=True) if value)
        addresses = [
            links.to(at, **({"rule": name} if name in totals else {})) if value else ""
            for name, value in zip(names, values, strict=True)
        ]
        bars.append(Bar(_label(at, found.span), values, f"{_instant(at)}: {told or 'nothing'}", addresses))
        if any(values):
            table.append((_instant(at), tuple(f"{value:,}" for value in values), links.to(at)))
    told = f"{sum(totals.values()):,} findings of {len(totals)} rules."
    chart = columns(bars, colours, title="Findings over time, by rule", told=told)
    legend = tuple(zip(names, colours, strict=True))
    return Section("Findings, by rule", chart, legend, tuple(names), tuple(table))


def _latency(found: Statistics, links: Links, kind: str, title: str) -> Section:
    def of(one: Latency) -> Mapping[str, float | None]:
        return one.total if kind == "total" else one.first_token

    drawn = [
        Line(name, colour, [of(one)[name] for one in found.latency_series.values()])
        for name, colour in PERCENTILES.items()
    ]
    table = [
        (
            _instant(at),
            (f"{one.answers:,}", *(_milliseconds(of(one)[name]) for name in PERCENTILES)),
            links.to(at),
        )
        for at, one in found.latency_series.items()
        if any(of(one).values())
    ]
    labels = [_label(at, found.span) for at in found.latency_series]
    note = "Interpolated between fixed bounds; answers from the cache are not in it."
    chart = lines(labels, drawn, title=f"{title}: median, 95th and 99th percentile over time", told=note)
    return Section(
        title, chart, tuple(PERCENTILES.items()), ("answers", *PERCENTILES), tuple(table), note=note
    )


def _tokens(found: Statistics, links: Links) -> Section:
    bars = [
        Bar(
            _label(at, found.span),
            [counts.prompt_tokens, counts.completion_tokens],
            f"{_instant(at)}: {counts.prompt_tokens:,} read, {counts.completion_tokens:,} written",
            [links.to(at) if counts.prompts else ""] * 2,
        )
        for at, counts in found.series.items()
    ]
    table = [
        (_instant(at), (f"{counts.prompt_tokens:,}", f"{counts.completion_tokens:,}"), links.to(at))
        for at, counts in found.series.items()
        if counts.prompt_tokens or counts.completion_tokens
    ]
    told = f"{found.counts.prompt_tokens:,} tokens read, {found.counts.completion_tokens:,} written."
    chart = columns(bars, [READ, WRITTEN], title="Tokens over time, read and written", told=told)
    legend = (("read", READ), ("written", WRITTEN))
    return Section("Tokens", chart, legend, ("read", "written"), tuple(table))


def _cache(found: Statistics, links: Links) -> Section:
    bars = [
        Bar(
            _label(at, found.span),
            [_share(counts)],
            f"{_instant(at)}: {counts.cached:,} of {counts.prompts:,}",
            [links.to(at, cached="true") if counts.cached else ""],
        )
        for at, counts in found.series.items()
    ]
    table = [
        (_instant(at), (f"{counts.cached:,}", f"{_share(counts)} %"), links.to(at, cached="true"))
        for at, counts in found.series.items()
        if counts.prompts
    ]
    told = f"{_share(found.counts)} % of all prompts."
    title = "Prompts answered from the cache, % over time"
    chart = columns(bars, [CACHED], title=title, told=told, most=100)
    return Section("Answered from the cache, %", chart, (), ("answers", "share"), tuple(table))


# -- who and what --


def _by_rule(found: Statistics, links: Links) -> list[Row]:
    return [
        Row(
            f"{one.rule} ({one.direction}, {one.action})",
            one.findings,
            links.to(rule=one.rule, action=one.action, direction=one.direction),
        )
        for one in found.findings[:MOST_RULES]
    ]


def _tops(found: Statistics, links: Links) -> list[dict[str, Any]]:
    """Those of the most prompts: name, prompts, address of their rows."""
    people = names_of(found.users)
    keys = {key.pk: key.name for key in ApiKey.objects.filter(pk__in=[*found.keys])}
    users = [
        (_person(id, people), prompts, links.to(user=str(id)) if id != NOBODY else "", id)
        for id, prompts in found.users.items()
    ]
    named = [
        (
            "(no key)" if id == NOBODY else keys.get(id, str(id)),
            prompts,
            links.to(key=str(id)) if id != NOBODY else "",
            None,
        )
        for id, prompts in found.keys.items()
    ]
    models = [
        (model or "(none)", prompts, links.to(model=model) if model else "", None)
        for model, prompts in found.models.items()
    ]
    return [
        {"title": title, "rows": made, "chart": rows([Row(*one[:3]) for one in made], COLOURS[0], title=told)}
        for title, told, made in (
            ("users", "Who asked most", users),
            ("API keys", "By which key most was asked", named),
            ("models", "What was asked most", models),
        )
    ]


def names_of(ids: Iterable[UUID]) -> dict[UUID, str]:
    users = get_user_model()._default_manager.filter(pk__in=list(ids))
    return {user.pk: user.get_username() for user in users}


def _person(id: UUID, people: Mapping[UUID, str]) -> str:
    return "(erased)" if id == NOBODY else people.get(id, str(id))


# -- words --


def _told(counts: Counts) -> str:
    return ", ".join(f"{number:,} {outcome}" for outcome, number in counts.outcomes.items()) or "nothing"


def _share(counts: Counts) -> float:
    return round(100 * counts.cached / counts.prompts, 1) if counts.prompts > 0 else 0.0


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _label(at: datetime, span: Span) -> str:
    is_short = span.step is Step.HOUR and span.until - span.since <= timedelta(days=2)
    return f"{at:%H:%M}" if is_short else f"{at:%m-%d}"


def _falling(numbers: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(numbers.items(), key=lambda one: (-one[1], one[0]))
