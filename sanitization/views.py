"""
Policies over HTTP, for operators and their programs. Synchronous, so Django runs them in threads.

`needs` names the permission that each method takes, of this app.
"""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from sanitization import services
from sanitization.composition import chain
from sanitization.models import Policy, PolicyActivation, PolicyAssignment, PolicyRevision
from sanitization.rules import catalogue
from sanitization.screening import screen
from sanitization.serializers import (
    ActivationSerializer,
    AssignmentSerializer,
    NewAssignmentSerializer,
    NewPolicySerializer,
    NewRevisionSerializer,
    PolicyChangeSerializer,
    PolicySerializer,
    PreviewedSerializer,
    PreviewSerializer,
    RevisionSerializer,
    RevisionSummarySerializer,
    RuleSerializer,
)

VIEW, ADD, ACTIVATE = "view_policyrevision", "add_policyrevision", "activate_policy"


class Holds(BasePermission):
    """The caller holds the permission that the view needs for this method."""

    def has_permission(self, request: Request, view: Any) -> bool:
        needed = view.needs.get(request.method)
        return needed is None or bool(request.user.has_perm(f"sanitization.{needed}"))  # None: 405 follows


class BySlug(CursorPagination):
    ordering = "slug"
    page_size = 50


class ById(CursorPagination):
    ordering = "-id"
    page_size = 50


class PolicyView(GenericViewSet[Any]):
    """What the views of this module share."""

    permission_classes = (IsAuthenticated, Holds)
    needs: ClassVar[dict[str, str]] = {"GET": VIEW}
    queryset: Any = PolicyRevision.objects.none()

    def page(self, rows: QuerySet[Any], serializer: Any) -> Response:
        """One page of a list. A query that it does not know is refused, not ignored."""
        if unknown := sorted(set(self.request.query_params) - {"cursor"}):
            raise ValidationError({unknown[0][:50]: ["There is no such parameter. Known: cursor."]})
        return self.get_paginated_response(serializer(self.paginate_queryset(rows), many=True).data)


def actor_of(request: Request) -> UUID:
    """The id of a caller who has been let in."""
    return UUID(str(request.user.pk))


def checked(serializer: Any, request: Request) -> dict[str, Any]:
    """The fields of the body. Raises ValidationError."""
    fields = serializer(data=request.data)
    fields.is_valid(raise_exception=True)
    return dict(fields.validated_data)


def policy_called(slug: str) -> Policy:
    return get_object_or_404(Policy.objects.select_related("active"), slug=slug)


def revision_of(slug: str, number: int) -> PolicyRevision:
    """Raises Http404."""
    rows = PolicyRevision.objects.select_related("policy")
    found: PolicyRevision = get_object_or_404(rows, policy__slug=slug, number=number)
    return found


class PoliciesViewSet(PolicyView):
    """Policies, each a name under which revisions follow each other."""

    needs = {"GET": VIEW, "POST": ADD, "PATCH": ACTIVATE}
    pagination_class = BySlug
    serializer_class = PolicySerializer

    @extend_schema(operation_id="policies_list")
    def list(self, request: Request) -> Response:
        """All policies, archived ones too."""
        return self.page(Policy.objects.select_related("active"), PolicySerializer)

    @extend_schema(
        operation_id="policies_create", request=NewPolicySerializer, responses={201: PolicySerializer}
    )
    def create(self, request: Request) -> Response:
        """Makes a policy without revisions, in force nowhere."""
        made = services.create_policy(**checked(NewPolicySerializer, request))
        return Response(PolicySerializer(made).data, status=201)

    @extend_schema(operation_id="policies_retrieve")
    def retrieve(self, request: Request, slug: str) -> Response:
        """One policy."""
        return Response(PolicySerializer(policy_called(slug)).data)

    @extend_schema(
        operation_id="policies_update", request=PolicyChangeSerializer, responses={200: PolicySerializer}
    )
    def partial_update(self, request: Request, slug: str) -> Response:
        """Renames a policy, takes it out of force (`archived: true`), or back."""
        wanted, policy = checked(PolicyChangeSerializer, request), policy_called(slug)
        if "archived" in wanted:
            policy = services.archive(policy, archived=wanted["archived"])
        if "title" in wanted:
            policy = services.rename(policy, title=wanted["title"])
        return Response(PolicySerializer(policy).data)


class RevisionsViewSet(PolicyView):
    """What a policy said and says. Revisions are added, never changed."""

    needs = {"GET": VIEW, "POST": ADD}
    pagination_class = ById
    serializer_class = RevisionSummarySerializer

    @extend_schema(operation_id="policy_revisions_list")
    def list(self, request: Request, slug: str) -> Response:
        """The revisions of a policy, newest first."""
        rows = PolicyRevision.objects.filter(policy=policy_called(slug)).select_related("policy")
        return self.page(rows.defer("document"), RevisionSummarySerializer)

    @extend_schema(
        operation_id="policy_revisions_create",
        request=NewRevisionSerializer,
        responses={201: RevisionSerializer},
    )
    def create(self, request: Request, slug: str) -> Response:
        """Adds a revision, which is not in force until it is activated.

        In the problem `policy-invalid`, `errors` has JSON pointers into the document.
        """
        wanted = checked(NewRevisionSerializer, request)
        made = services.add_revision(policy_called(slug), author_id=actor_of(request), **wanted)
        return Response(RevisionSerializer(made).data, status=201)

    @extend_schema(operation_id="policy_revisions_retrieve", responses=RevisionSerializer)
    def retrieve(self, request: Request, slug: str, number: int) -> Response:
        """One revision and what it says."""
        return Response(RevisionSerializer(revision_of(slug, number)).data)


class ActivateViewSet(PolicyView):
    """Puts a revision into force."""

    needs = {"POST": ACTIVATE}

    @extend_schema(operation_id="policy_revisions_activate", request=None, responses={200: PolicySerializer})
    def create(self, request: Request, slug: str, number: int) -> Response:
        """Puts a revision into force, everywhere within half a second. Refused if it cannot be used by the
        rules that there are now.
        """
        policy = services.activate(revision_of(slug, number), actor_id=actor_of(request))
        return Response(PolicySerializer(policy).data)


class PreviewViewSet(PolicyView):
    """Tries a revision."""

    needs = {"POST": VIEW}

    @extend_schema(
        operation_id="policy_revisions_preview",
        request=PreviewSerializer,
        responses={200: PreviewedSerializer},
    )
    def create(self, request: Request, slug: str, number: int) -> Response:
        """What a revision would make of a sample text. The text is neither stored nor logged."""
        wanted, revision = checked(PreviewSerializer, request), revision_of(slug, number)
        policy = services.validated(revision.document, slug=slug)
        result = screen(chain(), policy, wanted["text"], wanted["direction"])
        findings = [finding.as_dict() for finding in result.findings]
        shown = {"text": result.text, "findings": findings, "blocked": result.blocked}
        return Response(PreviewedSerializer(shown).data)


class ActivationsViewSet(PolicyView):
    """What was in force when."""

    pagination_class = ById
    serializer_class = ActivationSerializer

    @extend_schema(operation_id="policy_activations_list")
    def list(self, request: Request, slug: str) -> Response:
        """Which revision became active when, and by whom; newest first."""
        rows = PolicyActivation.objects.filter(policy=policy_called(slug)).select_related("revision")
        return self.page(rows.defer("revision__document"), ActivationSerializer)


class AssignmentsViewSet(PolicyView):
    """Whose policy is which."""

    needs = {"GET": VIEW, "POST": ACTIVATE, "DELETE": ACTIVATE}
    pagination_class = ById
    serializer_class = AssignmentSerializer

    @extend_schema(operation_id="policy_assignments_list")
    def list(self, request: Request) -> Response:
        """Keys and roles with a policy of their own. All others have `default`."""
        return self.page(PolicyAssignment.objects.select_related("policy"), AssignmentSerializer)

    @extend_schema(
        operation_id="policy_assignments_create",
        request=NewAssignmentSerializer,
        responses={201: AssignmentSerializer},
    )
    def create(self, request: Request) -> Response:
        """Gives a key or a role a policy, instead of the one it had."""
        wanted = checked(NewAssignmentSerializer, request)
        policy = Policy.objects.filter(slug=wanted["policy"]).first()
        if policy is None:
            raise ValidationError({"policy": ["There is no such policy."]})
        made = services.assign(**wanted | {"policy": policy})
        return Response(AssignmentSerializer(made).data, status=201)

    @extend_schema(operation_id="policy_assignments_destroy", responses={204: None})
    def destroy(self, request: Request, pk: int) -> Response:
        """Leaves a key or a role to what else there is for it."""
        services.unassign(get_object_or_404(PolicyAssignment, pk=pk))
        return Response(status=204)


class RulesView(APIView):
    """The catalogue, open to everybody who is logged in: it is in the documentation too."""

    @extend_schema(operation_id="rules_list", responses=RuleSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every rule that a policy may name, and what is done where none does."""
        return Response(RuleSerializer(catalogue(chain().rules), many=True).data)
