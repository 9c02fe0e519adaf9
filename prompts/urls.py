"""
`/prompt`, `/prompt/{id}`, `/api/journal`, `/api/statistics`, dry-runs of policies; with and without a
trailing slash.
"""

from django.urls import path

from prompts import views
from prompts.review.views import CsvView, JournalView, JsonLinesView
from prompts.statistics.views import StatisticsView

DRY_RUN = "api/policies/<slug:slug>/revisions/<int:number>/dry-run"
dry_run = views.DryRunViewSet.as_view({"post": "create"})

urlpatterns = [
    path("prompt", views.collection, name="prompts"),
    path("prompt/", views.collection),
    path("prompt/<uuid:pk>", views.one, name="prompt"),
    path("prompt/<uuid:pk>/", views.one),
    path(DRY_RUN, dry_run),
    path(f"{DRY_RUN}/", dry_run),
    path("api/journal", JournalView.as_view()),
    path("api/journal/", JournalView.as_view()),
    path("api/journal.jsonl", JsonLinesView.as_view()),
    path("api/journal.csv", CsvView.as_view()),
    path("api/statistics", StatisticsView.as_view()),
    path("api/statistics/", StatisticsView.as_view()),
]
