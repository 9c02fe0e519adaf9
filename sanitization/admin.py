"""
Policies in the admin: revisions are read, compared, tried and put into force, and written as new ones.

Nothing here edits a revision. Everything that changes what is in force is a POST behind a confirmation.
"""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sanitization import services
from sanitization.composition import chain
from sanitization.diffs import changes
from sanitization.errors import PolicyConflict, PolicyInvalid, ScreeningFailed
from sanitization.forms import RevisionForm, SampleForm
from sanitization.models import Policy, PolicyActivation, PolicyAssignment, PolicyRevision
from sanitization.screening import Screening, screen

VIEW, ADD, ACTIVATE = (
    f"sanitization.{name}" for name in ("view_policyrevision", "add_policyrevision", "activate_policy")
)


def holds(request: HttpRequest, permission: str) -> None:
    """Raises PermissionDenied for whoever does not hold it."""
    if not request.user.has_perm(permission):
        raise PermissionDenied


def actor_of(request: HttpRequest) -> UUID:
    return UUID(str(request.user.pk))


def with_name(rows: QuerySet[Any], of: str) -> QuerySet[Any]:
    """The rows with `person`: the log-in name of the user whose id they hold, in the same query."""
    users = get_user_model()
    named = users.objects.filter(pk=OuterRef(of)).values(users.USERNAME_FIELD)[:1]
    found: QuerySet[Any] = rows.annotate(person=Subquery(named))
    return found


def pretty(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2)


def marked(result: Screening) -> SafeString:
    """The sanitized text, escaped, with what was put in marked and named."""
    pieces: list[tuple[SafeString]] = []
    position = 0
    for finding in sorted(result.findings, key=lambda one: one.output_start):
        start, end = finding.output_start, finding.output_end
        if start < position or end <= start:
            continue
        label = f"{finding.rule} ({finding.action.value})"
        pieces.append((format_html("{}", result.text[position:start]),))
        pieces.append((format_html('<mark title="{}">{}</mark>', label, result.text[start:end]),))
        position = end
    pieces.append((format_html("{}", result.text[position:]),))
    return format_html_join("", "{}", pieces)


# -- read-only lists --


class Read(admin.TabularInline[Any, Any]):
    """Rows that are only shown."""

    extra = 0
    can_delete = False
    show_change_link = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(VIEW)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description="by")
    def by(self, row: Any) -> str:
        return row.person or ""


class RevisionInline(Read):
    model = PolicyRevision
    fk_name = "policy"
    fields = readonly_fields = ("link", "revision", "note", "by", "created_at")
    verbose_name_plural = "revisions, newest first"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = with_name(super().get_queryset(request), of="author_id")
        return rows.select_related("policy").defer("document").order_by("-number")

    @admin.display(description="number")
    def link(self, row: PolicyRevision) -> SafeString:
        address = reverse("admin:sanitization_revision", args=[row.policy.slug, row.number])
        active = " (in force)" if row.policy.active_id == row.pk else ""
        return format_html('<a href="{}">{}</a>{}', address, row.number, active)


class ActivationInline(Read):
    model = PolicyActivation
    fk_name = "policy"
    fields = readonly_fields = ("created_at", "number", "by")
    verbose_name_plural = "what was put into force when, newest first"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = with_name(super().get_queryset(request), of="actor_id")
        return rows.select_related("revision").defer("revision__document").order_by("-id")

    @admin.display(description="revision")
    def number(self, row: PolicyActivation) -> int:
        return row.revision.number


# -- the pages --


@admin.register(Policy)
class PolicyAdmin(admin.ModelAdmin[Policy]):
    """Policies, their revisions, and the pages around them."""

    list_display = ("slug", "title", "in_force", "archived_at")
    list_select_related = ("active",)
    search_fields = ("slug", "title")
    ordering = ("slug",)
    fields = ("slug", "title", "in_force", "archived_at")
    readonly_fields = ("in_force", "archived_at")
    inlines = (RevisionInline, ActivationInline)
    actions = ("archive", "take_back")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW)

    def has_view_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return request.user.has_perm(VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ADD)

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return request.user.has_perm(ACTIVATE)

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        return self.readonly_fields if obj is None else ("slug", *self.readonly_fields)

    def get_inlines(self, request: HttpRequest, obj: Policy | None = None) -> Any:
        return self.inlines if obj is not None else ()

    @admin.display(description="in force")
    def in_force(self, row: Policy) -> str:
        return f"revision {row.active.number}" if row.active else "nothing"

    @admin.action(description="Archive: in force nowhere", permissions=["change"])
    def archive(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._archive(request, queryset, archived=True)

    @admin.action(description="Take back from the archive", permissions=["change"])
    def take_back(self, request: HttpRequest, queryset: QuerySet[Policy]) -> None:
        self._archive(request, queryset, archived=False)

    def _archive(self, request: HttpRequest, queryset: QuerySet[Policy], *, archived: bool) -> None:
        for policy in queryset:
            try:
                services.archive(policy, archived=archived)
            except PolicyConflict as error:
                self.message_user(request, f"{policy}: {error.sentence}", messages.ERROR)

    def get_urls(self) -> list[URLPattern]:
        pages: list[tuple[str, Any, str]] = [
            ("<slug:slug>/revisions/add/", self.new_revision, "sanitization_new_revision"),
            ("<slug:slug>/revisions/<int:number>/", self.revision, "sanitization_revision"),
            ("<slug:slug>/revisions/<int:number>/activate/", self.activate, "sanitization_activate"),
            ("<slug:slug>/compare/", self.compare, "sanitization_compare"),
        ]
        own = [path(route, self.admin_site.admin_view(view), name=name) for route, view, name in pages]
        return own + super().get_urls()

    def page(self, request: HttpRequest, name: str, policy: Policy, **context: Any) -> HttpResponse:
        """One of this app's own pages."""
        shared = self.admin_site.each_context(request)
        more = {"opts": self.opts, "policy": policy, "may_add": request.user.has_perm(ADD)}
        more["may_activate"] = request.user.has_perm(ACTIVATE)
        return TemplateResponse(
            request, f"admin/sanitization/policy/{name}.html", {**shared, **more, **context}
        )

    def new_revision(self, request: HttpRequest, slug: str) -> HttpResponse:
        """A form with what is in force, or else what was written last, to change."""
        holds(request, ADD)
        policy = _policy(slug)
        form = RevisionForm(request.POST or None, slug=slug, initial={"document": _start(policy)})
        if request.method == "POST" and form.is_valid():
            made = services.add_revision(policy, author_id=actor_of(request), **form.cleaned_data)
            self.message_user(request, f"Revision {made.number} is written. It is not in force yet.")
            return HttpResponseRedirect(reverse("admin:sanitization_revision", args=[slug, made.number]))
        return self.page(request, "new_revision", policy, form=form, title=f"New revision of {slug}")

    def revision(self, request: HttpRequest, slug: str, number: int) -> HttpResponse:
        """What a revision says, how it differs from the one in force, and what it makes of a sample."""
        holds(request, VIEW)
        revision = _revision(slug, number)
        policy = revision.policy
        sample = SampleForm(request.POST or None)
        tried: dict[str, Any] = {}
        if request.method == "POST" and sample.is_valid():
            tried = _tried(revision, **sample.cleaned_data)
        differs = policy.active is not None and policy.active_id != revision.pk
        return self.page(
            request,
            "revision",
            policy,
            title=f"{slug}, revision {number}",
            revision=revision,
            document=pretty(revision.document),
            is_active=policy.active_id == revision.pk,
            differs=differs,
            changes=changes(policy.active.document, revision.document) if differs and policy.active else (),
            sample=sample,
            dry_run=_address_of("prompts_dry_run", slug, number),
            **tried,
        )

    def activate(self, request: HttpRequest, slug: str, number: int) -> HttpResponse:
        """Asks, and puts the revision into force."""
        holds(request, ACTIVATE)
        revision = _revision(slug, number)
        problems: list[str] = []
        if request.method == "POST":
            try:
                services.activate(revision, actor_id=actor_of(request))
            except PolicyInvalid as error:
                problems = [f"{pointer}: {sentence}" for pointer, sentence in error.problems.items()]
            except PolicyConflict as error:
                problems = [error.sentence]
            else:
                self.message_user(request, f"Revision {number} of {slug} is in force.")
                return HttpResponseRedirect(
                    reverse("admin:sanitization_policy_change", args=[revision.policy.pk])
                )
        active = revision.policy.active
        return self.page(
            request,
            "activate",
            revision.policy,
            title=f"Put revision {number} of {slug} into force?",
            revision=revision,
            problems=problems,
            changes=changes(active.document, revision.document) if active else (),
            active=active,
        )

    def compare(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Two revisions side by side."""
        holds(request, VIEW)
        policy = _policy(slug)
        numbers = list(policy.revisions.order_by("-number").values_list("number", flat=True)[:500])
        chosen = [_number(request.GET.get(name, "")) for name in ("before", "after")]
        shown: dict[str, Any] = {}
        if all(number is not None for number in chosen):
            before, after = (_revision(slug, number or 0) for number in chosen)
            shown = {"changes": changes(before.document, after.document), "before": before, "after": after}
        return self.page(request, "compare", policy, title=f"Revisions of {slug}", numbers=numbers, **shown)


def _number(given: str) -> int | None:
    return int(given) if given.isascii() and given.isdigit() and len(given) < 9 else None


def _policy(slug: str) -> Policy:
    return get_object_or_404(Policy.objects.select_related("active"), slug=slug)


def _revision(slug: str, number: int) -> PolicyRevision:
    rows = PolicyRevision.objects.select_related("policy__active")
    found: PolicyRevision = get_object_or_404(rows, policy__slug=slug, number=number)
    return found


def _start(policy: Policy) -> str:
    """The document that a new revision begins with."""
    last = policy.active or policy.revisions.order_by("-number").first()
    return pretty(last.document if last else services.validated({}, slug=policy.slug).as_document())


def _tried(revision: PolicyRevision, *, text: str, direction: Any) -> dict[str, Any]:
    """What the revision makes of a sample, for the page."""
    try:
        policy = services.validated(revision.document, slug=revision.policy.slug)
        result = screen(chain(), policy, text, direction)
    except PolicyInvalid as error:
        return {"failed": str(error)}
    except ScreeningFailed:
        return {"failed": "The text could not be screened, so nothing would pass."}
    return {"result": result, "marked": marked(result)}


def _address_of(name: str, *args: Any) -> str:
    """The address of a page that another app may have."""
    try:
        return reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""


@admin.register(PolicyAssignment)
class PolicyAssignmentAdmin(admin.ModelAdmin[PolicyAssignment]):
    """Which key or role has which policy."""

    list_display = ("kind", "subject", "policy", "rank")
    list_filter = ("kind",)
    list_select_related = ("policy",)
    search_fields = ("subject", "policy__slug")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(VIEW)

    def has_view_permission(self, request: HttpRequest, obj: PolicyAssignment | None = None) -> bool:
        return request.user.has_perm(VIEW)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ACTIVATE)

    def has_change_permission(self, request: HttpRequest, obj: PolicyAssignment | None = None) -> bool:
        return request.user.has_perm(ACTIVATE)

    def has_delete_permission(self, request: HttpRequest, obj: PolicyAssignment | None = None) -> bool:
        return request.user.has_perm(ACTIVATE)

    def get_readonly_fields(self, request: HttpRequest, obj: PolicyAssignment | None = None) -> Any:
        return () if obj is None else ("kind", "subject")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "policy":
            kwargs["queryset"] = Policy.objects.filter(archived_at=None, active__isnull=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: PolicyAssignment, form: Any, change: bool) -> None:
        made = services.assign(kind=obj.kind, subject=obj.subject, policy=obj.policy, rank=obj.rank)
        obj.pk = made.pk

    def delete_model(self, request: HttpRequest, obj: PolicyAssignment) -> None:
        services.unassign(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[PolicyAssignment]) -> None:
        for assignment in queryset:
            services.unassign(assignment)
