"""`/v1/…`, with and without a trailing slash."""

from django.urls import path

from prompts.v1 import views
from prompts.v1.responses.views import responses

ADDRESSES = {
    "v1/chat/completions": views.chat,
    "v1/completions": views.completions,
    "v1/responses": responses,
    "v1/embeddings": views.embeddings,
    "v1/moderations": views.moderations,
    "v1/models": views.models,
    "v1/models/<path:id>": views.model,
}
urlpatterns = [path(address + slash, view) for address, view in ADDRESSES.items() for slash in ("", "/")]
