"""Limits in the admin: of a role, a user or a key."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.limits import definitions
from accounts.limits.quotas import NAMES
from accounts.models import Limit, User
from accounts.permissions import may_manage

WHOSE = ("role", "user", "key")


class LimitForm(forms.ModelForm[Limit]):
    """Whose, and four numbers. Whose stays what it was."""

    request: HttpRequest

    class Meta:
        model = Limit
        fields = (*WHOSE, *NAMES)

    def clean_user(self) -> User | None:
        return self._manageable(self.cleaned_data["user"])

    def clean_key(self) -> Any:
        key = self.cleaned_data["key"]
        self._manageable(key and key.user)
        return key

    def _manageable(self, user: User | None) -> User | None:
        if user is not None and not may_manage(self.request.user, user):
            raise ValidationError("This account is not yours to administer.")
        return user


@admin.register(Limit)
class LimitAdmin(admin.ModelAdmin[Limit]):
    """A user's own limits decide before those of his roles, those before the settings; a key's count
    besides."""

    form = LimitForm
    list_display = ("__str__", *WHOSE, *NAMES)
    list_select_related = ("role", "user", "key__user")
    list_filter = ("role",)
    search_fields = ("role__name", "user__email", "key__name", "key__user__email")
    raw_id_fields = ("user", "key")
    show_full_result_count = False
    ordering = ("role__name", "user__email", "key__name")
    actions = None  # one at a time: every process has to hear of it

    def get_form(
        self, request: HttpRequest, obj: Limit | None = None, change: bool = False, **more: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **more)
        return type("LimitForm", (form,), {"request": request})

    def get_readonly_fields(self, request: HttpRequest, obj: Limit | None = None) -> Any:
        return () if obj is None else WHOSE

    def has_change_permission(self, request: HttpRequest, obj: Limit | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_manageable(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Limit | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._is_manageable(request, obj)

    @staticmethod
    def _is_manageable(request: HttpRequest, obj: Limit | None) -> bool:
        user = None if obj is None else obj.key.user if obj.key else obj.user
        return user is None or may_manage(request.user, user)

    def save_model(self, request: HttpRequest, obj: Limit, form: Any, change: bool) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            definitions.changed(obj)

    def delete_model(self, request: HttpRequest, obj: Limit) -> None:
        with transaction.atomic():
            of = {f"{name}_id": getattr(obj, f"{name}_id") for name in WHOSE}
            super().delete_model(request, obj)
            definitions.changed(Limit(**of))
