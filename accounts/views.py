"""
One's own account over HTTP. Synchronous, so Django runs these in threads: a password check never holds up the
event loop. `accounts.office` has what administrators do with the accounts of others.
"""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services, sessions
from accounts.access import Scope
from accounts.authentication import caller_of
from accounts.models import Session, User
from accounts.permissions import own
from accounts.serializers import (
    LoginSerializer,
    PairSerializer,
    PasswordSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegisterSerializer,
    SessionSerializer,
    UserSerializer,
)


def checked(serializer: Any, request: Request) -> dict[str, Any]:
    """The fields of the body. Raises ValidationError."""
    fields = serializer(data=request.data)
    fields.is_valid(raise_exception=True)
    return dict(fields.validated_data)


def user_of(request: Request) -> User:
    """A caller who has been let in."""
    assert isinstance(request.user, User)
    return request.user


class OpenView(APIView):
    """For callers who have no token yet: none is asked for, and a stale one does no harm."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class RegisterView(OpenView):
    @extend_schema(
        operation_id="user_register", request=RegisterSerializer, responses={201: RegisteredSerializer}
    )
    def post(self, request: Request) -> Response:
        """Makes an account."""
        user = services.register(**checked(RegisterSerializer, request))
        return Response(RegisteredSerializer(user).data, status=201)


class LoginView(OpenView):
    @extend_schema(operation_id="auth_login", request=LoginSerializer, responses={200: PairSerializer})
    def post(self, request: Request) -> Response:
        """Gives an access token and a refresh token for e-mail and password."""
        return Response(PairSerializer(services.log_in(**checked(LoginSerializer, request))).data)


class RefreshView(OpenView):
    @extend_schema(operation_id="auth_refresh", request=RefreshSerializer, responses={200: PairSerializer})
    def post(self, request: Request) -> Response:
        """Gives a new pair for a refresh token, which is spent by that. One that comes twice ends its
        session."""
        return Response(PairSerializer(sessions.refresh(**checked(RefreshSerializer, request))).data)


class LogoutView(OpenView):
    @extend_schema(operation_id="auth_logout", request=RefreshSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Ends the session of a refresh token, and its access tokens at once."""
        sessions.log_out(**checked(RefreshSerializer, request))
        return Response(status=204)


class ProfileView(APIView):
    key_scopes = {"GET": Scope.READ}

    @extend_schema(operation_id="auth_profile", responses={200: UserSerializer})
    def get(self, request: Request) -> Response:
        """Says who you are."""
        return Response(UserSerializer(user_of(request)).data)


class PasswordView(APIView):
    @extend_schema(operation_id="auth_password", request=PasswordSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Changes your password. All your other sessions end."""
        fields = PasswordSerializer(data=request.data, context={"user": request.user})
        fields.is_valid(raise_exception=True)
        services.change_password(
            user_of(request), **fields.validated_data, session_id=caller_of(request).session_id
        )
        return Response(status=204)


class SessionsView(APIView):
    @extend_schema(operation_id="auth_sessions_list", responses={200: SessionSerializer(many=True)})
    def get(self, request: Request) -> Response:
        """Your sessions that stand, the last used first; at most 200."""
        rows = sessions.standing(own(Session.objects.all(), request.user))
        shown = SessionSerializer(
            list(rows[:200]), many=True, context={"session_id": caller_of(request).session_id}
        )
        return Response(shown.data)

    @extend_schema(operation_id="auth_sessions_end_others", responses={204: None})
    def delete(self, request: Request) -> Response:
        """Ends all your sessions but this one."""
        sessions.end_all(user_of(request).pk, reason="ended-by-user", but=caller_of(request).session_id)
        return Response(status=204)


class SessionView(APIView):
    @extend_schema(operation_id="auth_sessions_end", responses={204: None})
    def delete(self, request: Request, pk: UUID) -> Response:
        """Ends one of your sessions: its tokens are dead at once."""
        get_object_or_404(sessions.standing(own(Session.objects.all(), request.user)), pk=pk)
        sessions.end([pk], reason="ended-by-user")
        return Response(status=204)
