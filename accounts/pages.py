"""
The pages that e-mails lead to: confirm an address, set another password. Plain forms, no scripts.

A GET changes nothing: mail servers open links to look at them.
"""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import registration
from accounts.errors import LinkWrong, TooManyAttempts
from accounts.models import User
from accounts.validators import LONGEST

DEAD = "This link was used already, or is too old. Ask for another."


class EmailForm(forms.Form):
    email = forms.EmailField(label="E-mail", max_length=254)


class PasswordForm(forms.Form):
    """A new password, for the user who is given."""

    password = forms.CharField(
        label="New password", max_length=LONGEST, strip=False, widget=forms.PasswordInput
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password


def page(request: HttpRequest, title: str, sentence: str, status: int = 200, **more: Any) -> HttpResponse:
    return render(
        request, "accounts/page.html", {"title": title, "sentence": sentence, **more}, status=status
    )


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest) -> HttpResponse:
    """`/account/confirm?token=…`: a button, and what became of it."""
    if request.method != "POST":
        return page(request, "Confirm your address", "One click, and you can log in.", button="Confirm")
    try:
        user = registration.confirm(request.GET.get("token", ""))
    except LinkWrong:
        return page(request, "Confirm your address", DEAD, 400)
    waits = " An administrator still has to let you in." if user.awaits_approval else " You can log in now."
    return page(request, "Thank you", f"Your address is confirmed.{waits}")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest) -> HttpResponse:
    """`/account/reset`: asks for a link; with `?token=…`, for another password."""
    token = request.GET.get("token", "")
    return _set(request, token) if token else _ask(request)


def _ask(request: HttpRequest) -> HttpResponse:
    title, form = "Another password", EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            registration.ask_for_reset(form.cleaned_data["email"])
        except TooManyAttempts:
            return page(request, title, "Too many attempts. Try again in some minutes.", 429)
        return page(request, title, "If there is such an account, we sent an e-mail to it.")
    return page(request, title, "We send you a link.", form=form, button="Send")


def _set(request: HttpRequest, token: str) -> HttpResponse:
    title = "Another password"
    try:
        user = registration.owner_of_reset(token)
        form = PasswordForm(request.POST or None, user=user)
        if request.method == "POST" and form.is_valid():
            registration.reset(token, form.cleaned_data["password"])
            return page(request, title, "Your password is set. You can log in with it now.")
    except LinkWrong:
        return page(request, title, DEAD, 400)
    return page(request, title, "All your sessions will end.", form=form, button="Set")
