"""`/prompt` and `/prompt/{id}`, with and without a trailing slash."""

from django.urls import path

from prompts import views

urlpatterns = [
    path("prompt", views.collection, name="prompts"),
    path("prompt/", views.collection),
    path("prompt/<uuid:pk>", views.one, name="prompt"),
    path("prompt/<uuid:pk>/", views.one),
]
