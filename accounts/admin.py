"""Users in the admin. Tokens stay out of it: the blacklist is machinery, not evidence."""

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import ReadOnlyPasswordHashField, SetPasswordMixin
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from accounts.models import User, UserManager

for _model in (BlacklistedToken, OutstandingToken):
    admin.site.unregister(_model)


class NewUserForm(SetPasswordMixin, forms.ModelForm[User]):
    """E-mail, names, and a password that keeps the rule."""

    password1, password2 = SetPasswordMixin.create_password_fields()

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")

    def clean_email(self) -> str:
        return UserManager.normalize_email(self.cleaned_data["email"])

    def clean(self) -> dict[str, object]:
        self.validate_passwords("password1", "password2")
        return super().clean() or self.cleaned_data

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own hook for checks that need the instance
        self.validate_password_for_user(self.instance, "password2")

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        return self.set_password_and_save(user, "password1", commit=commit)


class UserForm(forms.ModelForm[User]):
    """A user without the password, which has a form of its own."""

    password = ReadOnlyPasswordHashField(
        label="Password", help_text="Stored as a hash. <a href='../password/'>Set another one</a>."
    )

    class Meta:
        model = User
        fields = "__all__"

    def clean_email(self) -> str:
        return UserManager.normalize_email(self.cleaned_data["email"])


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Search, roles, activation."""

    form = UserForm
    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "first_name", "last_name")
    show_full_result_count = False
    readonly_fields = ("id", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("id", "email", "password")}),
        ("Person", {"fields": ("first_name", "last_name")}),
        ("Roles", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "first_name", "last_name", "password1", "password2")}),)
    actions = ("activate", "deactivate")

    @admin.action(description="Activate the selected users", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        self.message_user(request, f"{queryset.update(is_active=True)} users may log in.")

    @admin.action(description="Deactivate the selected users", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Their tokens are dead at once: every request looks the user up. Never oneself."""
        count = queryset.exclude(pk=request.user.pk).update(is_active=False)
        self.message_user(request, f"{count} users may no longer log in.")
