"""`/user/…`, `/auth/…`, `/account/…`, and of `/api/`: keys, limits, users, roles, invitations. With and
without a trailing slash."""

from typing import Any

from django.urls import URLPattern, path

from accounts import office, pages, views
from accounts.admission import admitted
from accounts.limits.views import LimitsViewSet, UserLimitsViewSet

DOORS: dict[str, Any] = {
    "user/register": admitted(views.RegisterView.as_view()),
    "auth/login": admitted(views.LoginView.as_view()),
    "auth/refresh": views.RefreshView.as_view(),
    "auth/logout": views.LogoutView.as_view(),
    "auth/profile": views.ProfileView.as_view(),
    "auth/confirm": views.ConfirmView.as_view(),
    "auth/password-reset": views.ResetView.as_view(),
    "auth/password-reset/confirm": views.ResetConfirmView.as_view(),
    "auth/totp": views.TotpView.as_view(),
    "auth/totp/confirm": views.TotpConfirmView.as_view(),
    "auth/totp/recovery-codes": views.RecoveryCodesView.as_view(),
    "auth/export": views.ExportView.as_view(),
    "auth/erase": views.ErasureView.as_view(),
    "auth/password": views.PasswordView.as_view(),
    "auth/sessions": views.SessionsView.as_view(),
    "auth/sessions/<uuid:pk>": views.SessionView.as_view(),
    "api/keys": office.KeysViewSet.as_view({"get": "list", "post": "create"}),
    "api/keys/<uuid:pk>": office.KeysViewSet.as_view({"delete": "destroy", "patch": "partial_update"}),
    "api/keys/<uuid:pk>/rotate": office.KeysViewSet.as_view({"post": "rotate"}),
    "api/limits": LimitsViewSet.as_view({"get": "retrieve"}),
    "api/roles": office.RolesViewSet.as_view({"get": "list"}),
    "api/users": office.UsersViewSet.as_view({"get": "list"}),
    "api/users/<uuid:pk>": office.UsersViewSet.as_view({"get": "retrieve", "patch": "partial_update"}),
    "api/users/<uuid:pk>/export": office.UserExportViewSet.as_view({"get": "retrieve"}),
    "api/users/<uuid:pk>/erase": office.UserErasureViewSet.as_view({"post": "create"}),
    "api/invitations": office.InvitationsViewSet.as_view({"get": "list", "post": "create"}),
    "api/invitations/<uuid:pk>": office.InvitationsViewSet.as_view({"delete": "destroy"}),
    "api/users/<uuid:pk>/sessions": office.UserSessionsViewSet.as_view({"get": "list", "delete": "destroy"}),
    "api/users/<uuid:pk>/limits": UserLimitsViewSet.as_view({"get": "retrieve"}),
    "api/users/<uuid:pk>/keys": office.UserKeysViewSet.as_view({"get": "list"}),
    "api/users/<uuid:pk>/keys/<uuid:key>": office.UserKeysViewSet.as_view({"delete": "destroy"}),
}


def _both(address: str, view: Any) -> list[URLPattern]:
    return [path(address, view), path(f"{address}/", view)]


urlpatterns = [
    *(pattern for address, view in DOORS.items() for pattern in _both(address, view)),
    path("account/confirm", pages.confirm, name="account-confirm"),
    path("account/reset", pages.reset, name="account-reset"),
]
