"""The shapes of `/api/journal` on the wire."""

import math
from typing import Any

from rest_framework import serializers

from prompts.journal import Outcome
from prompts.search import MAX_CHARS
from prompts.serializers import (
    PAGE_ROWS,
    ChoiceSerializer,
    FilterSerializer,
    FindingSerializer,
    PartSerializer,
    UsageSerializer,
)
from sanitization.spans import Action

RANGES = (
    ("slowerThan", "slower_than_ms", "faster_than_ms"),
    ("firstTokenSlowerThan", "first_token_slower_than_ms", "first_token_faster_than_ms"),
)


def a_number(value: float) -> None:
    """`nan` and `inf` are floats too."""
    if not math.isfinite(value):
        raise serializers.ValidationError("A valid number is required.")


def milliseconds(source: str, help_text: str) -> serializers.FloatField:
    return serializers.FloatField(
        source=source, required=False, min_value=0, validators=[a_number], help_text=help_text
    )


class YesOrNo(serializers.ChoiceField):
    """true or false, as a query string has them."""

    def __init__(self, **more: Any) -> None:
        super().__init__(choices=["true", "false"], **more)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data) == "true"


class JournalFilterSerializer(FilterSerializer):
    """Which rows of everybody's."""

    user = serializers.UUIDField(required=False, help_text="Whose prompts.")
    key = serializers.UUIDField(required=False, help_text="The API key that they came by.")
    model = serializers.CharField(required=False, max_length=200, help_text="The model that answered.")
    action = serializers.ChoiceField(
        choices=[action.value for action in Action if action is not Action.OFF],
        required=False,
        help_text="What was done about a finding of `rule`.",
    )
    direction = serializers.ChoiceField(
        choices=["prompt", "answer"], required=False, help_text="Where a finding of `rule` was."
    )
    cached = YesOrNo(required=False, help_text="Whether the answer came from the cache.")
    slowerThan = milliseconds("slower_than_ms", "Milliseconds that it took at least.")
    fasterThan = milliseconds("faster_than_ms", "Milliseconds that it took at most.")
    firstTokenSlowerThan = milliseconds(
        "first_token_slower_than_ms", "Milliseconds until the first token, at least."
    )
    firstTokenFasterThan = milliseconds(
        "first_token_faster_than_ms", "Milliseconds until the first token, at most."
    )
    requestId = serializers.UUIDField(
        source="request_id", required=False, help_text="The `X-Request-ID` that the caller got."
    )
    erased = YesOrNo(required=False, help_text="Whether its texts and findings were erased.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        wrong: dict[str, list[str]] = {}
        if "since" in attrs and "until" in attrs and attrs["since"] >= attrs["until"]:
            wrong["since"] = ["It is not before `until`."]
        for name, least, most in RANGES:
            if least in attrs and most in attrs and attrs[least] > attrs[most]:
                wrong[name] = ["Nothing is that slow and that fast at once."]
        if "rule" not in attrs:
            wrong |= {name: ["Name the `rule` too."] for name in ("action", "direction") if name in attrs}
        if wrong:
            raise serializers.ValidationError(wrong)
        return attrs


class JournalQuerySerializer(JournalFilterSerializer):
    """The filters of `GET /api/journal`."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=PAGE_ROWS, help_text="Rows a page.")
    search = serializers.CharField(
        required=False,
        max_length=MAX_CHARS,
        help_text='Words in the sanitized texts, for who may read them; on PostgreSQL. "A phrase", or, -not.',
    )


class JournalRowSerializer(serializers.Serializer[Any]):
    """A row of the book. Its texts are sanitized, and left out for who may not read them."""

    TEXTS = ("prompt", "system", "parts", "response", "choices")

    id = serializers.UUIDField()
    createdAt = serializers.DateTimeField(source="created_at")
    finishedAt = serializers.DateTimeField(source="finished_at", allow_null=True)
    userId = serializers.UUIDField(source="user_id", allow_null=True, help_text="Null for who was erased.")
    keyId = serializers.UUIDField(source="key_id", allow_null=True)
    requestId = serializers.CharField(source="request_id")
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    model = serializers.CharField()
    policy = serializers.CharField(help_text="Its name and its revision.")
    rules = serializers.ListField(child=serializers.CharField(), help_text="The rules that matched.")
    findings = FindingSerializer(many=True)
    usage = UsageSerializer(source="*")
    cached = serializers.BooleanField()
    finishReason = serializers.CharField(source="finish_reason")
    queueMs = serializers.FloatField(source="queue_ms", allow_null=True)
    firstTokenMs = serializers.FloatField(source="first_token_ms", allow_null=True)
    totalMs = serializers.FloatField(source="total_ms", allow_null=True)
    erasedAt = serializers.DateTimeField(source="erased_at", allow_null=True)
    prompt = serializers.CharField(required=False)
    system = serializers.CharField(required=False)
    parts = PartSerializer(many=True, required=False)
    response = serializers.CharField(required=False)
    choices = ChoiceSerializer(many=True, required=False)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        if not self.context.get("with_text", True):
            for name in self.TEXTS:
                del fields[name]
        return fields
