"""
Users, their sessions and keys, invitations and the audit trail in the admin.

What changes anything goes through the same services as the API does, so that it is audited and counts at
once. Nobody but a superuser touches a superuser, makes one, or hands out permissions past the roles.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.forms import AdminAuthenticationForm, AdminPasswordChangeForm
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import BaseUserCreationForm, UserChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from accounts import browser, keys, logins, person, registration, services, sessions
from accounts.errors import SecondFactorNeeded, TooManyAttempts, WrongCredentials
from accounts.limits import admin as limits  # noqa: F401  (registers itself)
from accounts.models import ApiKey, AuditEvent, Invitation, Session, User, UserManager
from accounts.permissions import manageable, may_manage
from accounts.roles import NAMES
from accounts.serializers import CODE_CHARS


class LoginForm(AdminAuthenticationForm):
    """The admin's log-in: the same throttles, the same work and the same second factor as the API's."""

    code = forms.CharField(
        max_length=CODE_CHARS,
        required=False,
        label="Code",
        help_text="Of your authenticator, where that is on, or one of your recovery codes.",
    )

    def clean(self) -> dict[str, Any]:
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if email and password:
            try:
                user = logins.recognize(
                    email=email, password=password, code=self.cleaned_data.get("code", "")
                )
            except WrongCredentials:
                raise self.get_invalid_login_error() from None
            except SecondFactorNeeded:
                raise ValidationError("Enter the code of your authenticator too.") from None
            except TooManyAttempts as error:
                raise ValidationError(f"Too many attempts. Try again in {error} s.") from None
            self.confirm_login_allowed(user)
            user.backend = "django.contrib.auth.backends.ModelBackend"
            self.user_cache = user
            logins.entered_admin(user)
        return self.cleaned_data


class OwnPasswordForm(AdminPasswordChangeForm):
    """One's own password, changed as at the API: guesses are paused, and all other sessions end."""

    session_id: UUID | None = None  # the one that stays

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        try:
            services.confirm_password(self.user, old)
        except WrongCredentials:
            raise ValidationError(
                self.error_messages["password_incorrect"], code="password_incorrect"
            ) from None
        except TooManyAttempts as error:
            raise ValidationError(f"Too many attempts. Try again in {error} s.") from None
        return old

    def save(self, commit: bool = True) -> User:
        services.set_password(self.user, self.cleaned_data["new_password1"], but=self.session_id)
        return self.user


def change_own_password(
    request: HttpRequest, extra_context: dict[str, Any] | None = None
) -> HttpResponseBase:
    """The admin's page for one's own password."""
    form = type("Form", (OwnPasswordForm,), {"session_id": browser.session_id(request)})
    done = reverse("admin:password_change_done")
    more = {**admin.site.each_context(request), **(extra_context or {})}
    view = PasswordChangeView.as_view(form_class=form, success_url=done, extra_context=more)
    return view(request)


admin.site.password_change = change_own_password  # type: ignore[assignment,method-assign]
admin.site.login_form = LoginForm
admin.site.login_template = "accounts/admin_login.html"


class NewUserForm(BaseUserCreationForm[User]):
    """E-mail, names, and a password that keeps the rule."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name")

    def clean_email(self) -> str:
        return UserManager.normalize_email(self.cleaned_data["email"])


class UserForm(UserChangeForm[User]):
    """A user; the password has a form of its own."""

    class Meta:
        model = User
        fields = ("email", "first_name", "last_name", "is_active", "is_superuser")

    def clean_email(self) -> str:
        return UserManager.normalize_email(self.cleaned_data["email"])


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Search, roles, activation, erasure."""

    form = UserForm
    add_form = NewUserForm
    ordering = ("email",)
    list_display = ("email", "first_name", "last_name", "is_active", "is_staff", "date_joined")
    list_filter = ("is_active", "awaits_approval", "awaits_email", "is_staff", "is_superuser", "groups")
    search_fields = ("email", "first_name", "last_name")
    show_full_result_count = False
    always_readonly = ("id", "last_login", "date_joined", "is_staff", "awaits_email", "awaits_approval")
    superusers_fields = ("is_superuser", "user_permissions")
    fieldsets = (
        (None, {"fields": ("id", "email", "password")}),
        ("Person", {"fields": ("first_name", "last_name")}),
        ("Roles", {"fields": ("is_active", "groups", "is_staff", "is_superuser", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined", "awaits_email", "awaits_approval")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "first_name", "last_name", "password1", "password2")}),)
    actions = ("activate", "deactivate", "end_sessions", "erase", "count_erasure")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        more = () if getattr(request.user, "is_superuser", False) else self.superusers_fields
        return (*self.always_readonly, *more)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        is_mine = obj is None or may_manage(request.user, obj)
        return is_mine and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Accounts are erased by the action, which also reaches what other rooms have."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        before = User.objects.filter(pk=obj.pk).first() if change else None
        wants_active = obj.is_active
        if before is not None:
            obj.is_active = before.is_active
        super().save_model(request, obj, form, change)
        if before is None:
            services.made(obj)
            return
        if "password" in form.changed_data or before.password != obj.password:
            services.password_replaced(obj)
        if before.is_superuser != obj.is_superuser:
            services.roles_changed(obj)
        if before.is_active != wants_active:
            services.set_active(User.objects.filter(pk=obj.pk), active=wants_active)
        services.noted(obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        before = set(form.instance.groups.values_list("pk", flat=True))
        super().save_related(request, form, formsets, change)
        if change and before != set(form.instance.groups.values_list("pk", flat=True)):
            services.roles_changed(form.instance)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and getattr(response, "status_code", 0) == 302:
            services.password_replaced(User.objects.get(pk=id))
        return response

    def _others(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """The selected accounts that the administrator may touch, never his own."""
        allowed = manageable(request.user).exclude(email=request.user.get_username())
        return queryset.filter(pk__in=allowed.values("pk"))

    @admin.action(description="Activate (and approve) the selected users", permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        count = services.set_active(self._others(request, queryset), active=True)
        self.message_user(request, f"{count} users may log in.")

    @admin.action(description="Deactivate the selected users", permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Their sessions and keys are dead at once."""
        count = services.set_active(self._others(request, queryset), active=False)
        self.message_user(request, f"{count} users may no longer log in.")

    @admin.action(description="End all sessions of the selected users", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        ids = self._others(request, queryset).values_list("pk", flat=True)
        count = sum(sessions.end_all(id, reason="ended-by-admin") for id in ids)
        self.message_user(request, f"{count} sessions are over.")

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.delete_user")

    @admin.action(description="Erasure, dry-run: count what would be erased", permissions=["erase"])
    def count_erasure(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in self._others(request, queryset):
            self.message_user(request, f"{user}: {person.erase(user, dry_run=True)}")

    @admin.action(
        description="ERASE the selected users and the texts of their prompts", permissions=["erase"]
    )
    def erase(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """One at a time: for good, so nobody does it to a whole page by a slip."""
        chosen = list(self._others(request, queryset)[:2])
        if len(chosen) != 1:
            self.message_user(request, "Select exactly one user (not yourself) to erase.", messages.ERROR)
            return
        self.message_user(request, f"Erased: {person.erase(chosen[0])}")


class ReadOnly(admin.ModelAdmin[Any]):
    """Evidence: looked at, not edited."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Session)
class SessionAdmin(ReadOnly):
    """Log-ins. Ending one kills its tokens."""

    list_display = ("created_at", "user", "device", "address", "last_used_at", "ended_at", "end_reason")
    list_select_related = ("user",)
    list_filter = (("ended_at", admin.EmptyFieldListFilter),)
    search_fields = ("user__email",)
    exclude = ("refresh_id",)
    ordering = ("-created_at",)
    actions = ("end",)

    def has_end_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_session")

    @admin.action(description="End the selected sessions", permissions=["end"])
    def end(self, request: HttpRequest, queryset: QuerySet[Session]) -> None:
        mine = queryset.filter(user__in=manageable(request.user)).values_list("pk", flat=True)
        self.message_user(request, f"{sessions.end(mine, reason='ended-by-admin')} sessions are over.")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnly):
    """Keys of programs. Nobody sees a secret."""

    list_display = ("name", "user", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("user",)
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "user__email", "secrets__prefix")
    ordering = ("-created_at",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_apikey")

    @admin.action(description="Revoke the selected keys", permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        mine = queryset.filter(user__in=manageable(request.user))
        self.message_user(request, f"{keys.revoke(mine)} keys are revoked.")


class InvitationForm(forms.ModelForm[Invitation]):
    """For whom, with which roles, for how long."""

    roles = forms.MultipleChoiceField(
        choices=[(name, name) for name in NAMES], required=False, help_text="Besides user."
    )
    expires_at = forms.SplitDateTimeField(
        initial=lambda: timezone.now() + timedelta(days=7), widget=AdminSplitDateTime
    )

    class Meta:
        model = Invitation
        fields = ("email", "roles", "expires_at")


@admin.register(Invitation)
class InvitationAdmin(ReadOnly):
    """Codes that let people register. One is shown once, when it is made."""

    list_display = ("created_at", "email", "roles", "created_by", "expires_at", "used_at", "used_by")
    list_select_related = ("created_by", "used_by")
    ordering = ("-created_at",)
    form = InvitationForm
    actions = ("withdraw",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.add_invitation")

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        made, code = registration.invite(
            expires_at=obj.expires_at,
            email=obj.email,
            roles=form.cleaned_data["roles"],
            by=User.objects.get(email=request.user.get_username()),
        )
        obj.pk = made.pk
        self.message_user(request, f"The invitation's code, shown once: {code}", messages.WARNING)

    def has_withdraw_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_invitation")

    @admin.action(description="Withdraw the selected invitations", permissions=["withdraw"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        for invitation in queryset.filter(used_at=None):
            registration.withdraw(invitation)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    """The audit trail. `manage.py verify_audit` checks its chain."""

    list_display = ("number", "at", "action", "actor_id", "subject_id", "address", "details")
    list_filter = ("action",)
    search_fields = ("=actor_id", "=subject_id", "=request_id", "=address")
    show_facets = admin.ShowFacets.NEVER
    actions = None
