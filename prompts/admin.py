"""
The book in the admin: evidence, so read-only, and fast on a million rows.

Nothing here counts or scans the table: the list pages by id, and the total is the database's own estimate.
Search goes by `prompts.search` on PostgreSQL; on SQLite, and for request ids and fingerprints, it looks
through the newest `SEARCH_ROWS` rows. It says how far it looked.
"""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from accounts import audit
from prompts import book, partitions
from prompts.dry_run import DEFAULT_ROWS, MAX_ROWS, dry_run
from prompts.ids import floor
from prompts.models import Prompt
from prompts.review import files
from prompts.review.panel import Panel
from prompts.search import SearchUnreadable, search
from prompts.statistics import admin as statistics_admin  # noqa: F401  (registers its page)
from sanitization.admin import VIEW, holds
from sanitization.composition import chain
from sanitization.errors import PolicyInvalid
from sanitization.services import validated
from sanitization.views import revision_of

SEARCH_ROWS = 50_000
SEARCH_RESULTS = 200
EXPORT_ROWS = 10_000
PREVIEW_CHARS = 80
FINGERPRINT = re.compile(r"[0-9a-f]{16}")
PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]*(?:_[0-9]+|#[a-p]{12})\]")


class EstimatingPaginator(Paginator):  # type: ignore[type-arg]
    """Takes the database's estimate where it has one. What is narrowed is counted as far as the page that is
    looked at and `AHEAD` more: it says how the list goes on, not how long it is."""

    MOST, AHEAD = 10_000, 3
    page_number = 1

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        if not isinstance(rows, QuerySet):
            return len(rows)
        if not rows.query.where:
            estimate = estimated_rows(rows.model._meta.db_table)
            return estimate if estimate > self.MOST else int(rows[: self.MOST].count())
        seen = min(max(1, self.page_number), self.MOST // self.per_page) + self.AHEAD
        return int(rows[: seen * self.per_page].count())


def estimated_rows(table: str) -> int:
    """PostgreSQL's own estimate, or on SQLite the highest row number; 0 where there is none."""
    if connection.vendor == "postgresql":
        return partitions.estimated_rows(table)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(rowid) FROM {connection.ops.quote_name(table)}")  # noqa: S608  # nosec B608
        found = cursor.fetchone()
    return max(0, (found[0] if found else 0) or 0)


class When(admin.SimpleListFilter):
    """By time, as a range of ids."""

    title = "time"
    parameter_name = "when"
    spans = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, f"past {name}") for name in self.spans]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> QuerySet[Prompt]:
        if (days := self.spans.get(self.value() or "")) is None:
            return queryset
        since: datetime = timezone.now() - timedelta(days=days)
        return queryset.filter(id__gte=floor(since))


class DryRunForm(forms.Form):
    """How much of the book to look at."""

    rows = forms.IntegerField(min_value=1, max_value=MAX_ROWS, initial=DEFAULT_ROWS, label="newest prompts")


def highlighted(text: str, findings: list[dict[str, Any]], part: str) -> SafeString:
    """The text, escaped, with what the chain put in marked: by its findings, and in answers by the
    placeholders that the model took over from the prompt."""
    marks = [
        (finding["output_start"], finding["output_end"], f"{finding['rule']} ({finding['action']})")
        for finding in findings
        if finding.get("part") == part and finding.get("output_end", 0) > finding.get("output_start", 0)
    ]
    marks += [(*found.span(), "placeholder") for found in PLACEHOLDER.finditer(text)]
    pieces: list[tuple[str]] = []
    position = 0
    for start, end, label in sorted(marks, key=lambda mark: (mark[0], -mark[1])):
        if start < position or end > len(text):
            continue
        pieces.append((format_html("{}", text[position:start]),))
        pieces.append((format_html('<mark title="{}">{}</mark>', label, text[start:end]),))
        position = end
    pieces.append((format_html("{}", text[position:]),))
    body = format_html_join("", "{}", pieces)
    return format_html('<div style="white-space: pre-wrap; max-width: 60rem">{}</div>', body)


def same_value(fingerprint: str) -> SafeString:
    """A link to the rows in which the same value was found, without anybody knowing which value."""
    address = f"{reverse('admin:prompts_prompt_changelist')}?{urlencode({'q': fingerprint})}"
    return format_html('<a href="{}">{}</a>', address, fingerprint) if fingerprint else mark_safe("")  # nosec B308


@admin.register(Prompt)
class PromptAdmin(admin.ModelAdmin[Prompt]):
    """Rows for those who may view prompts; their text for those who also hold `prompts.read_text`."""

    list_display = ("created_at", "user", "outcome", "preview", "rule_names", "model", "cached", "total_ms")
    list_display_links = ("created_at",)
    list_select_related = ("user",)
    list_filter = (When, Panel)
    list_per_page = 50
    ordering = ("-id",)
    sortable_by = ()
    paginator = EstimatingPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # each would count the table
    search_fields = ("prompt", "response")
    search_help_text = (
        'Words of the sanitized texts ("a phrase", or, -not on PostgreSQL; the newest '
        f"{SEARCH_ROWS:,} rows on SQLite), or a fingerprint (the newest {SEARCH_ROWS:,} rows). The id of a "
        "request (X-Request-ID) or of an answer leads to its row."
    )
    actions = ("export_csv",)
    text_fields = ("sanitized_prompt", "sanitized_system", "sanitized_answer")
    fields = (
        *("id", "created_at", "finished_at", "user", "key_id", "outcome", "model", "policy"),
        *text_fields,
        *("finding_table", "finish_reason", "prompt_tokens", "completion_tokens", "cached_tokens"),
        "cached",
        *("queue_ms", "first_token_ms", "total_ms", "request_id", "instance_id", "erased_at"),
    )
    readonly_fields = fields

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list; or the one row that is meant, where its id or that of its request is searched for."""
        if request.method == "GET" and self.has_view_permission(request):
            ids = book.named(request.GET.get("q", ""))
            if len(ids) == 1:
                return HttpResponseRedirect(reverse("admin:prompts_prompt_change", args=ids))
        return super().changelist_view(request, extra_context)

    def get_paginator(self, request: HttpRequest, *arguments: Any, **more: Any) -> Paginator[Prompt]:
        paginator = super().get_paginator(request, *arguments, **more)
        number = request.GET.get("p", "")
        if isinstance(paginator, EstimatingPaginator) and number.isdecimal() and len(number) < 9:
            paginator.page_number = int(number)
        return paginator

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Prompt | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Prompt | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.dry_run)
        page = path("dry-run/<slug:slug>/<int:number>/", view, name="prompts_dry_run")
        return [page, *super().get_urls()]

    def dry_run(self, request: HttpRequest, slug: str, number: int) -> HttpResponse:
        """What a revision of a policy would have done: counts, so nobody needs the right to read the book."""
        holds(request, VIEW)
        revision = revision_of(slug, number)
        form = DryRunForm(request.POST or None)
        context: dict[str, Any] = {"title": f"{slug}, revision {number}, on the book", "form": form}
        if request.method == "POST" and form.is_valid():
            try:
                policy = validated(revision.document, slug=slug)
            except PolicyInvalid as error:
                form.add_error(None, str(error))
            else:
                context["counts"] = dry_run(policy, chain(), rows=form.cleaned_data["rows"])
        shared = self.admin_site.each_context(request)
        return TemplateResponse(
            request, "admin/prompts/dry_run.html", {**shared, "opts": self.opts, **context}
        )

    @staticmethod
    def may_read(request: HttpRequest) -> bool:
        return request.user.has_perm("prompts.read_text")

    def get_list_display(self, request: HttpRequest) -> Any:
        return [name for name in self.list_display if name != "preview" or self.may_read(request)]

    def get_fields(self, request: HttpRequest, obj: Prompt | None = None) -> Any:
        return [name for name in self.fields if name not in self.text_fields or self.may_read(request)]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return self.search_fields if self.may_read(request) else ("request_id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Prompt], search_term: str
    ) -> tuple[QuerySet[Prompt], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if ids := book.named(term):
            return queryset.filter(id__in=ids), False
        wanted = Q(request_id=term)
        if FINGERPRINT.fullmatch(term):
            queryset = queryset.alias(findings_text=Cast("findings", TextField()))
            wanted |= Q(findings_text__contains=term)
        if self.may_read(request) and connection.vendor != "postgresql":
            wanted |= Q(prompt__icontains=term) | Q(response__icontains=term)
        oldest = Prompt.objects.order_by("-id").values_list("id", flat=True)[SEARCH_ROWS : SEARCH_ROWS + 1]
        newest = queryset
        if (bound := next(iter(oldest), None)) is not None:
            newest = queryset.filter(id__gt=bound)
        if not self.may_read(request) or connection.vendor != "postgresql":
            return newest.filter(wanted), False
        ids = self._found(request, queryset, term)
        if FINGERPRINT.fullmatch(term):
            ids += newest.filter(wanted).values_list("id", flat=True)[:SEARCH_RESULTS]
        return queryset.filter(id__in=ids), False

    def _found(self, request: HttpRequest, queryset: QuerySet[Prompt], term: str) -> list[UUID]:
        """The newest rows that the index finds. Says so where it did not look at all of them."""
        try:
            found = search(queryset.select_related(None).only("id"), term, limit=SEARCH_RESULTS)
        except SearchUnreadable as error:
            self.message_user(request, str(error), messages.WARNING)
            return []
        if found.since is not None:
            reason = f"the newest {SEARCH_RESULTS}" if found.is_complete else "what was found in time"
            since = f"{found.since:%Y-%m-%d %H:%M} UTC"
            said = f"Searched back to {since}: {reason}. Filter by time to look further back."
            self.message_user(request, said, messages.WARNING)
        return [row.id for row in found.rows]

    # -- columns --

    @admin.display(description="prompt")
    def preview(self, row: Prompt) -> str:
        if row.erased_at:
            return "(erased)"
        return row.prompt[:PREVIEW_CHARS] + ("…" if len(row.prompt) > PREVIEW_CHARS else "")

    @admin.display(description="rules")
    def rule_names(self, row: Prompt) -> str:
        return ", ".join(row.rules)

    @admin.display(description="prompt, as the model saw it")
    def sanitized_prompt(self, row: Prompt) -> SafeString:
        roles = {part["part"]: part["role"] for part in row.parts}
        if not roles:
            return highlighted(row.prompt, row.findings, "/prompt")
        texts = row.texts.items()
        return format_html_join(
            "",
            "<p><b>{}</b></p>{}",
            ((roles[part] or part, highlighted(text, row.findings, part)) for part, text in texts),
        )

    @admin.display(description="system")
    def sanitized_system(self, row: Prompt) -> SafeString:
        return highlighted(row.system, row.findings, "/system")

    @admin.display(description="answer, sanitized")
    def sanitized_answer(self, row: Prompt) -> SafeString:
        shown = [highlighted(text, row.findings, part) for part, text in row.answers.items()]
        return format_html_join(mark_safe("<hr>"), "{}", ((one,) for one in shown))  # nosec B308

    @admin.display(description="findings")
    def finding_table(self, row: Prompt) -> SafeString:
        columns = ("direction", "part", "rule", "version", "action", "start", "end", "score")
        head = format_html_join("", "<th>{}</th>", ((name,) for name in (*columns, "same value")))
        lines = format_html_join(
            "",
            "<tr>" + "<td>{}</td>" * (len(columns) + 1) + "</tr>",
            (
                (*(finding.get(name, "") for name in columns), same_value(finding.get("fingerprint", "")))
                for finding in row.findings
            ),
        )
        return format_html("<table><tr>{}</tr>{}</table>", head, lines) if row.findings else mark_safe("none")  # nosec B308

    # -- export --

    @admin.action(description="Export the selection as CSV", permissions=["view"])
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> HttpResponseBase:
        """At most `EXPORT_ROWS` rows; cells cannot turn into formulas."""
        rows = queryset.select_related("user").order_by("-id")
        if (count := len(rows.values_list("id")[: EXPORT_ROWS + 1])) > EXPORT_ROWS:
            self.message_user(
                request, f"More than {EXPORT_ROWS:,} rows: narrow the selection.", messages.ERROR
            )
            return None  # type: ignore[return-value]  # Django shows the list again
        audit.record("prompts.exported", rows=count)
        text = self.may_read(request)
        return HttpResponse(
            files.csv_head(with_text=text) + "".join(files.csv_lines(rows, with_text=text)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="prompts.csv"'},
        )
