"""Accounts over HTTP. Synchronous, so Django runs them in threads: hashing never holds up the event loop."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import services
from accounts.models import User
from accounts.serializers import (
    LoginSerializer,
    PairSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegisterSerializer,
    UserSerializer,
)


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
        fields = RegisterSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        user = services.register(**fields.validated_data)
        return Response(RegisteredSerializer(user).data, status=201)


class LoginView(OpenView):
    @extend_schema(operation_id="auth_login", request=LoginSerializer, responses={200: PairSerializer})
    def post(self, request: Request) -> Response:
        """Gives an access token and a refresh token for e-mail and password."""
        fields = LoginSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        return Response(PairSerializer(services.log_in(**fields.validated_data)).data)


class RefreshView(OpenView):
    @extend_schema(operation_id="auth_refresh", request=RefreshSerializer, responses={200: PairSerializer})
    def post(self, request: Request) -> Response:
        """Gives a new pair for a refresh token, which is dead afterwards."""
        fields = RefreshSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        return Response(PairSerializer(services.refresh(**fields.validated_data)).data)


class LogoutView(OpenView):
    @extend_schema(operation_id="auth_logout", request=RefreshSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Kills a refresh token."""
        fields = RefreshSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        services.log_out(**fields.validated_data)
        return Response(status=204)


class ProfileView(APIView):
    @extend_schema(operation_id="auth_profile", responses={200: UserSerializer})
    def get(self, request: Request) -> Response:
        """Says who you are."""
        assert isinstance(request.user, User)  # IsAuthenticated let only users in
        return Response(UserSerializer(request.user).data)
