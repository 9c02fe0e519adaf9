"""`/api/policies/…`, `/api/policy-assignments` and `/api/rules`, with and without a trailing slash."""

from collections.abc import Callable, Iterator
from typing import Any

from django.urls import URLPattern, path

from sanitization import views

COLLECTION: Any = {"get": "list", "post": "create"}
ITEM: Any = {"get": "retrieve", "patch": "partial_update"}
REVISION = "api/policies/<slug:slug>/revisions/<int:number>"

DOORS: dict[str, Callable[..., Any]] = {
    "api/rules": views.RulesView.as_view(),
    "api/policies": views.PoliciesViewSet.as_view(COLLECTION),
    "api/policies/<slug:slug>": views.PoliciesViewSet.as_view(ITEM),
    "api/policies/<slug:slug>/activations": views.ActivationsViewSet.as_view({"get": "list"}),
    "api/policies/<slug:slug>/revisions": views.RevisionsViewSet.as_view(COLLECTION),
    REVISION: views.RevisionsViewSet.as_view({"get": "retrieve"}),
    f"{REVISION}/activate": views.ActivateViewSet.as_view({"post": "create"}),
    f"{REVISION}/preview": views.PreviewViewSet.as_view({"post": "create"}),
    "api/policy-assignments": views.AssignmentsViewSet.as_view(COLLECTION),
    "api/policy-assignments/<int:pk>": views.AssignmentsViewSet.as_view({"delete": "destroy"}),
}


def _both() -> Iterator[URLPattern]:
    for address, view in DOORS.items():
        yield path(address, view)
        yield path(f"{address}/", view)


urlpatterns = list(_both())
