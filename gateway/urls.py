"""
Every address of the service. Each app brings its own; with and without a trailing slash.

    /  /problems  /healthz  /readyz  /metrics  /admin/  /api/schema/  /api/docs/      gateway
    /user/…  /auth/…                                                        accounts
    /api/policies…  /api/policy-assignments…  /api/rules                    sanitization
    /prompt  /prompt/{id}  /api/policies/…/dry-run                          prompts
    /v1/…   OpenAI's API                                                    prompts.v1
"""

from django.contrib import admin
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from gateway import health, pages
from gateway.metrics import views as metrics

admin.site.site_header = admin.site.site_title = "LLM Gateway"
admin.site.index_title = "Users and the book of prompts"

urlpatterns = [
    path("", include("prompts.v1.urls")),  # tried first: most requests are here
    path("", pages.front, name="front"),
    re_path(r"^problems/?$", pages.problems, name="problems"),
    re_path(r"^healthz/?$", health.alive, name="healthz"),
    re_path(r"^readyz/?$", health.ready, name="readyz"),
    re_path(r"^metrics/?$", metrics.metrics, name="metrics"),
    path("admin/", admin.site.urls),
    re_path(r"^api/schema/?$", SpectacularAPIView.as_view(), name="schema"),
    re_path(r"^api/docs/?$", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("", include("accounts.urls")),
    path("", include("sanitization.urls")),
    path("", include("prompts.urls")),
]

handler400 = "gateway.problems.bad_request"
handler403 = "gateway.problems.forbidden"
handler404 = "gateway.problems.not_found"
handler500 = "gateway.problems.server_error"
