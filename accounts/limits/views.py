"""Where one stands, over HTTP. `accounts.urls` has the addresses."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from accounts.access import Scope
from accounts.authentication import caller_of
from accounts.limits import definitions
from accounts.limits.quotas import Bound
from accounts.limits.serializers import LimitsSerializer
from accounts.limits.standings import standings_of
from accounts.models import ApiKey, User
from accounts.permissions import Holds

MOST_KEYS = 200


class LimitsViewSet(GenericViewSet[User]):
    """One's own limits."""

    queryset = User.objects.none()
    key_scopes = {"GET": Scope.READ}

    @extend_schema(operation_id="limits_retrieve", responses={200: LimitsSerializer})
    def retrieve(self, request: Request) -> Response:
        """Your limits and where you stand; of your keys those that have limits. A key sees itself."""
        caller = caller_of(request)
        user, *own = caller.bounds
        keys = own if caller.key else keys_of(ApiKey.objects.filter(user_id=caller.user_id))
        return Response(shown(user, keys))


class UserLimitsViewSet(GenericViewSet[User]):
    """The limits of anybody."""

    queryset = User.objects.none()
    permission_classes = (IsAuthenticated, Holds)
    needs = {"GET": "accounts.view_user"}

    @extend_schema(operation_id="user_limits_retrieve", responses={200: LimitsSerializer})
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """The limits of an account, and where it stands."""
        user = get_object_or_404(User, pk=pk)
        return Response(shown(definitions.bound_of(user.pk), keys_of(ApiKey.objects.filter(user=user))))


def keys_of(keys: QuerySet[ApiKey]) -> list[Bound]:
    """Those of these keys that stand and have limits, the newest first."""
    limited = keys.filter(revoked_at=None, limit__isnull=False).select_related("limit")
    return [definitions.bound_of_key(key) for key in limited.order_by("-created_at")[:MOST_KEYS]]


def shown(user: Bound, keys: list[Bound]) -> Any:
    first, *others = standings_of([user, *keys])
    named = [{"id": bound.subject, **one} for bound, one in zip(keys, others, strict=True)]
    return LimitsSerializer({"user": first, "keys": named}).data
