"""The forms of the policies' pages in the admin."""

import json
from typing import Any

from django import forms

from sanitization import services
from sanitization.errors import PolicyInvalid

SAMPLE_CHARS = 20_000


class RevisionForm(forms.Form):
    """A document as JSON, and why."""

    document = forms.CharField(
        widget=forms.Textarea(
            attrs={"rows": 30, "style": "font-family: monospace; width: 60rem", "spellcheck": "false"}
        ),
        help_text="JSON. Every field may be left out. Actions: off, flag, mask, hash, remove, block.",
    )
    note = forms.CharField(max_length=500, required=False, widget=forms.TextInput(attrs={"size": 80}))

    def __init__(self, *args: Any, slug: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.slug = slug

    def clean_document(self) -> Any:
        try:
            document = json.loads(self.cleaned_data["document"], object_pairs_hook=_each_once)
        except json.JSONDecodeError as error:
            raise forms.ValidationError(
                f"This is no JSON: line {error.lineno}, column {error.colno}: {error.msg}."
            ) from None
        except (ValueError, RecursionError) as error:
            raise forms.ValidationError(f"This cannot be read: {error}.") from None
        try:
            services.validated(document, slug=self.slug)
        except PolicyInvalid as error:
            raise forms.ValidationError(
                [f"{pointer or 'document'}: {sentence}" for pointer, sentence in error.problems.items()]
            ) from None
        return document


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError where it has a key twice, of which one would be lost without a word."""
    seen = dict(pairs)
    if len(seen) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in seen if keys.count(key) > 1)} stands there twice")
    return seen


class SampleForm(forms.Form):
    """A text to try a revision on. It is neither stored nor logged."""

    text = forms.CharField(
        max_length=SAMPLE_CHARS, strip=False, widget=forms.Textarea(attrs={"rows": 6, "cols": 80})
    )
    direction = forms.ChoiceField(choices=[("prompt", "as a prompt"), ("answer", "as an answer")])
