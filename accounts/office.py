"""
What programs and administrators manage over HTTP: keys of one's own, and the accounts, sessions and keys of
others.

`needs` names the permission that each method takes. Accounts that an administrator may not touch do not exist
for him (`accounts.permissions.manageable`).
"""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts import keys, person, registration, services, sessions
from accounts.authentication import caller_of
from accounts.limits import definitions
from accounts.limits.quotas import Quota, wider_than
from accounts.limits.serializers import WIRE
from accounts.models import ApiKey, Invitation, Session, User
from accounts.permissions import Holds, manageable, own
from accounts.serializers import (
    AccountChangeSerializer,
    AccountSerializer,
    ErasedSerializer,
    EraseSerializer,
    InvitationSerializer,
    InviteSerializer,
    KeyChangeSerializer,
    KeySerializer,
    MadeInvitationSerializer,
    MadeKeySerializer,
    NewKeySerializer,
    RoleSerializer,
    RotateSerializer,
    SessionSerializer,
)
from accounts.views import checked, user_of


class Newest(CursorPagination):
    ordering = ("-date_joined", "id")
    page_size = 50


class OfficeView(GenericViewSet[Any]):
    """What the views of this module share."""

    permission_classes = (IsAuthenticated, Holds)
    needs: ClassVar[dict[str, str]] = {}
    queryset: Any = User.objects.none()
    pagination_class: Any = None


def asked(request: Request, *known: str) -> dict[str, str]:
    """The query of a request. One that is not known is refused, not ignored."""
    if unknown := sorted(set(request.query_params) - set(known)):
        raise ValidationError(
            {unknown[0][:50]: [f"There is no such parameter. Known: {', '.join(known) or 'none'}."]}
        )
    return request.query_params.dict()


class KeysViewSet(OfficeView):
    """API keys of one's own."""

    queryset = ApiKey.objects.none()

    @extend_schema(operation_id="keys_list", responses={200: KeySerializer(many=True)})
    def list(self, request: Request) -> Response:
        """Your keys that have not been revoked."""
        asked(request)
        return Response(KeySerializer(keys.standing(own(ApiKey.objects.all(), request.user)), many=True).data)

    @extend_schema(operation_id="keys_create", request=NewKeySerializer, responses={201: MadeKeySerializer})
    def create(self, request: Request) -> Response:
        """Makes a key. Its `secret` is shown here and never again."""
        wanted = self._narrower(request, NewKeySerializer)
        key, secret = keys.create(user_of(request), **wanted)
        return Response(MadeKeySerializer(key, context={"secret": secret}).data, status=201)

    @extend_schema(operation_id="keys_update", request=KeyChangeSerializer, responses={200: KeySerializer})
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Changes the limits of a key: all four at once. Every process goes by them within half a second."""
        key = self._own(request, pk)
        wanted = self._narrower(request, KeyChangeSerializer)
        if "quota" in wanted:
            definitions.set_of_key(key, wanted["quota"])
        return Response(KeySerializer(self._own(request, pk)).data)

    @extend_schema(operation_id="keys_rotate", request=RotateSerializer, responses={200: MadeKeySerializer})
    def rotate(self, request: Request, pk: UUID) -> Response:
        """Gives a key another secret. The older one stays good for `overlapSeconds`."""
        key = self._own(request, pk)
        overlap = timedelta(seconds=checked(RotateSerializer, request)["overlap_seconds"])
        secret = keys.rotate(key, overlap=overlap)
        return Response(MadeKeySerializer(key, context={"secret": secret}).data)

    @extend_schema(operation_id="keys_revoke", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Revokes a key, everywhere within half a second."""
        self._own(request, pk)
        keys.revoke(ApiKey.objects.filter(pk=pk))
        return Response(status=204)

    def _narrower(self, request: Request, serializer: Any) -> dict[str, Any]:
        """The fields of the body, whose limits may be no wider than the caller's own. Raises
        ValidationError."""
        wanted = checked(serializer, request)
        owner = caller_of(request).bounds[0].quota
        if wider := wider_than(wanted.get("quota", Quota()), owner):
            raise ValidationError(
                {"limits": {WIRE[name]: [f"Your own limit is {limit}."] for name, limit in wider.items()}}
            )
        return wanted

    def _own(self, request: Request, pk: UUID) -> ApiKey:
        return get_object_or_404(own(ApiKey.objects.filter(revoked_at=None), request.user), pk=pk)


class RolesViewSet(OfficeView):
    """The roles that there are."""

    queryset = Group.objects.none()
    needs = {"GET": "accounts.view_user"}

    @extend_schema(operation_id="roles_list", responses={200: RoleSerializer(many=True)})
    def list(self, request: Request) -> Response:
        """Roles and what each permits."""
        asked(request)
        groups = Group.objects.order_by("name").prefetch_related("permissions__content_type")
        shown = [
            {
                "name": group.name,
                "permissions": sorted(
                    f"{right.content_type.app_label}.{right.codename}" for right in group.permissions.all()
                ),
            }
            for group in groups
        ]
        return Response(RoleSerializer(shown, many=True).data)


class UsersViewSet(OfficeView):
    """Everybody's accounts."""

    needs = {"GET": "accounts.view_user", "PATCH": "accounts.change_user"}
    pagination_class = Newest
    serializer_class = AccountSerializer

    @extend_schema(
        operation_id="users_list",
        parameters=[OpenApiParameter("email", str, description="Part of an e-mail.")],
    )
    def list(self, request: Request) -> Response:
        """Accounts, the newest first."""
        wanted = asked(request, "email", "cursor").get("email", "")
        rows = User.objects.filter(email__icontains=wanted) if wanted else User.objects.all()
        page = self.paginate_queryset(rows.prefetch_related("groups"))
        return self.get_paginated_response(AccountSerializer(page, many=True).data)

    @extend_schema(operation_id="users_retrieve", responses={200: AccountSerializer})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One account."""
        return Response(AccountSerializer(get_object_or_404(User, pk=pk)).data)

    @extend_schema(
        operation_id="users_update", request=AccountChangeSerializer, responses={200: AccountSerializer}
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """Changes roles, or keeps somebody out (`isActive: false`). Either ends all the sessions."""
        wanted = checked(AccountChangeSerializer, request)
        user = managed(request, pk)
        if "is_active" in wanted:
            services.set_active(User.objects.filter(pk=pk), active=wanted["is_active"])
        if "roles" in wanted:
            services.set_roles(user, wanted["roles"])
        return Response(AccountSerializer(User.objects.get(pk=pk)).data)


class UserExportViewSet(OfficeView):
    """Everything that is stored about somebody."""

    needs = {"GET": "accounts.delete_user"}

    @extend_schema(operation_id="users_export", responses={200: OpenApiTypes.OBJECT})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """Everything that is stored about an account, for the person who asks for it."""
        return Response(person.export(managed(request, pk)))


class UserErasureViewSet(OfficeView):
    """Erasing somebody."""

    needs = {"POST": "accounts.delete_user"}

    @extend_schema(operation_id="users_erase", request=EraseSerializer, responses={200: ErasedSerializer})
    def create(self, request: Request, pk: UUID) -> Response:
        """Erases an account and the texts of its prompts, for good; `dryRun` counts what would go."""
        is_dry = checked(EraseSerializer, request)["dry_run"]
        counts = person.erase(managed(request, pk), dry_run=is_dry)
        return Response(ErasedSerializer({"counts": counts, "dryRun": is_dry}).data)


class InvitationsViewSet(OfficeView):
    """Codes that let people register."""

    queryset = Invitation.objects.none()
    needs = {
        "GET": "accounts.view_invitation",
        "POST": "accounts.add_invitation",
        "DELETE": "accounts.change_invitation",
    }

    @extend_schema(operation_id="invitations_list", responses={200: InvitationSerializer(many=True)})
    def list(self, request: Request) -> Response:
        """The newest 200 invitations."""
        asked(request)
        return Response(
            InvitationSerializer(Invitation.objects.order_by("-created_at")[:200], many=True).data
        )

    @extend_schema(
        operation_id="invitations_create", request=InviteSerializer, responses={201: MadeInvitationSerializer}
    )
    def create(self, request: Request) -> Response:
        """Makes an invitation. Its `code` is shown here and never again."""
        wanted = checked(InviteSerializer, request)
        expires_at = timezone.now() + timedelta(days=wanted.pop("days"))
        made, code = registration.invite(expires_at=expires_at, by=user_of(request), **wanted)
        return Response(MadeInvitationSerializer(made, context={"code": code}).data, status=201)

    @extend_schema(operation_id="invitations_withdraw", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Withdraws an invitation that was not used."""
        registration.withdraw(get_object_or_404(Invitation, pk=pk, used_at=None))
        return Response(status=204)


class UserSessionsViewSet(OfficeView):
    """Sessions of anybody."""

    queryset = Session.objects.none()
    needs = {"GET": "accounts.view_session", "DELETE": "accounts.change_session"}

    @extend_schema(operation_id="user_sessions_list", responses={200: SessionSerializer(many=True)})
    def list(self, request: Request, pk: UUID) -> Response:
        """The sessions of an account that stand."""
        asked(request)
        rows = sessions.standing(Session.objects.filter(user=get_object_or_404(User, pk=pk)))
        return Response(SessionSerializer(rows, many=True).data)

    @extend_schema(operation_id="user_sessions_end", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Ends all sessions of an account."""
        sessions.end_all(managed(request, pk).pk, reason="ended-by-admin")
        return Response(status=204)


class UserKeysViewSet(OfficeView):
    """Keys of anybody."""

    queryset = ApiKey.objects.none()
    needs = {"GET": "accounts.view_apikey", "DELETE": "accounts.change_apikey"}

    @extend_schema(operation_id="user_keys_list", responses={200: KeySerializer(many=True)})
    def list(self, request: Request, pk: UUID) -> Response:
        """The keys of an account that have not been revoked."""
        asked(request)
        rows: QuerySet[ApiKey] = ApiKey.objects.filter(user=get_object_or_404(User, pk=pk))
        return Response(KeySerializer(keys.standing(rows), many=True).data)

    @extend_schema(operation_id="user_keys_revoke", responses={204: None})
    def destroy(self, request: Request, pk: UUID, key: UUID) -> Response:
        """Revokes one key of an account."""
        found = get_object_or_404(ApiKey, pk=key, user=managed(request, pk), revoked_at=None)
        keys.revoke(ApiKey.objects.filter(pk=found.pk))
        return Response(status=204)


def managed(request: Request, pk: UUID) -> User:
    """An account that the caller may administer. Raises Http404."""
    return get_object_or_404(manageable(request.user), pk=pk)
