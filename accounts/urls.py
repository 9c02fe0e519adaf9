"""`/user/…` and `/auth/…`, with and without a trailing slash."""

from django.urls import URLPattern, path
from rest_framework.views import APIView

from accounts import views

DOORS = {
    "user/register": views.RegisterView,
    "auth/login": views.LoginView,
    "auth/refresh": views.RefreshView,
    "auth/logout": views.LogoutView,
    "auth/profile": views.ProfileView,
}


def _both(address: str, view: type[APIView]) -> list[URLPattern]:
    return [path(address, view.as_view()), path(f"{address}/", view.as_view())]


urlpatterns = [pattern for address, view in DOORS.items() for pattern in _both(address, view)]
