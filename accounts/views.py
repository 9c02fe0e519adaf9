"""
One's own account over HTTP. Synchronous, so Django runs these in threads: a password check never holds up the
event loop. `accounts.office` has what administrators do with the accounts of others.
"""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import logins, person, recovery, registration, services, sessions, throttles, totp
from accounts.access import Scope
from accounts.authentication import caller_of
from accounts.errors import SecondFactorWrong
from accounts.models import Session, User
from accounts.permissions import own
from accounts.serializers import (
    CodeSerializer,
    EmailSerializer,
    ErasedSerializer,
    ErasureSerializer,
    LoginSerializer,
    MessageSerializer,
    PairSerializer,
    PasswordSerializer,
    RecoveryCodesSerializer,
    RefreshSerializer,
    RegisteredSerializer,
    RegisterSerializer,
    ResetSerializer,
    SecondFactorSerializer,
    SessionSerializer,
    TokenSerializer,
    TotpSerializer,
    UserSerializer,
    WithCodeSerializer,
    WithPasswordSerializer,
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
        operation_id="user_register",
        request=RegisterSerializer,
        responses={201: RegisteredSerializer, 202: MessageSerializer},
    )
    def post(self, request: Request) -> Response:
        """Makes an account, by the mode that REGISTRATION sets.

        Where addresses are confirmed, 202 is all that anybody learns; the rest comes by e-mail.
        """
        user = registration.register(**checked(RegisterSerializer, request))
        if user is None:
            return Response({"message": "We sent you an e-mail. Follow its link."}, status=202)
        return Response(RegisteredSerializer(user).data, status=201)


class ConfirmView(OpenView):
    @extend_schema(operation_id="auth_confirm", request=TokenSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Confirms an address by the token of the e-mail's link."""
        registration.confirm(**checked(TokenSerializer, request))
        return Response(status=204)


class ResetView(OpenView):
    @extend_schema(
        operation_id="auth_password_reset", request=EmailSerializer, responses={202: MessageSerializer}
    )
    def post(self, request: Request) -> Response:
        """Sends a link for another password, if there is such an account. The answer is always the same."""
        registration.ask_for_reset(**checked(EmailSerializer, request))
        return Response({"message": "If there is such an account, we sent an e-mail to it."}, status=202)


class ResetConfirmView(OpenView):
    @extend_schema(operation_id="auth_password_reset_confirm", request=ResetSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Another password, by the token of the e-mail's link. All sessions end; pauses after guesses end
        too."""
        fields = ResetSerializer(data=request.data)
        fields.is_valid(raise_exception=True)
        registration.reset(**fields.validated_data)
        return Response(status=204)


class LoginView(OpenView):
    @extend_schema(operation_id="auth_login", request=LoginSerializer, responses={200: PairSerializer})
    def post(self, request: Request) -> Response:
        """Gives an access token and a refresh token for e-mail and password, and a code where that is on."""
        return Response(PairSerializer(logins.log_in(**checked(LoginSerializer, request))).data)


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


def confirm_second_factor(request: Request) -> User:
    """Whoever asks knows password and code. Raises WrongCredentials, SecondFactorWrong, TooManyAttempts."""
    user, sent = user_of(request), checked(WithCodeSerializer, request)
    services.confirm_password(user, sent["password"])
    throttles.guess_at(user.email)
    if not totp.check(user, sent["code"]):
        raise SecondFactorWrong
    throttles.succeed(user.email)
    return user


class TotpView(APIView):
    @extend_schema(operation_id="auth_totp", responses={200: SecondFactorSerializer})
    def get(self, request: Request) -> Response:
        """Whether your log-ins need a code, and how many recovery codes you have left."""
        user = user_of(request)
        shown = {"on": totp.is_on(user), "recoveryCodesLeft": recovery.left(user)}
        return Response(SecondFactorSerializer(shown).data)

    @extend_schema(
        operation_id="auth_totp_begin", request=WithPasswordSerializer, responses={200: TotpSerializer}
    )
    def post(self, request: Request) -> Response:
        """Begins a second factor: the secret for an authenticator, which counts once it is confirmed."""
        user = user_of(request)
        services.confirm_password(user, checked(WithPasswordSerializer, request)["password"])
        return Response(TotpSerializer(totp.begin(user)).data)

    @extend_schema(operation_id="auth_totp_switch_off", request=WithCodeSerializer, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Switches the second factor off, by password and code."""
        totp.switch_off(confirm_second_factor(request))
        return Response(status=204)


class TotpConfirmView(APIView):
    @extend_schema(
        operation_id="auth_totp_confirm", request=CodeSerializer, responses={200: RecoveryCodesSerializer}
    )
    def post(self, request: Request) -> Response:
        """Switches the second factor on, by a first code. The recovery codes are shown here and never
        again."""
        throttles.guess_at(user_of(request).email)
        codes = totp.confirm(user_of(request), checked(CodeSerializer, request)["code"])
        throttles.succeed(user_of(request).email)
        return Response(RecoveryCodesSerializer({"recoveryCodes": codes}).data)


class RecoveryCodesView(APIView):
    @extend_schema(
        operation_id="auth_totp_recovery_codes",
        request=WithCodeSerializer,
        responses={200: RecoveryCodesSerializer},
    )
    def post(self, request: Request) -> Response:
        """Ten new recovery codes, by password and code; the older ones are good no longer."""
        codes = recovery.make(confirm_second_factor(request))
        return Response(RecoveryCodesSerializer({"recoveryCodes": codes}).data)


class ExportView(APIView):
    @extend_schema(operation_id="auth_export", responses={200: OpenApiTypes.OBJECT})
    def get(self, request: Request) -> Response:
        """Everything that is stored about you."""
        return Response(person.export(user_of(request)))


class ErasureView(APIView):
    @extend_schema(operation_id="auth_erase", request=ErasureSerializer, responses={200: ErasedSerializer})
    def post(self, request: Request) -> Response:
        """Erases your account and the texts of your prompts, for good; `dryRun` counts what would go."""
        user, sent = user_of(request), checked(ErasureSerializer, request)
        services.confirm_password(user, sent["password"])
        counts = person.erase(user, dry_run=sent["dry_run"])
        return Response(ErasedSerializer({"counts": counts, "dryRun": sent["dry_run"]}).data)
