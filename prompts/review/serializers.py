"""The shapes of `/api/journal` on the wire."""

from typing import Any

from rest_framework import serializers

from prompts.journal import Outcome
from prompts.serializers import (
    PAGE_ROWS,
    ChoiceSerializer,
    FilterSerializer,
    FindingSerializer,
    PartSerializer,
    UsageSerializer,
)


class JournalFilterSerializer(FilterSerializer):
    """Which rows of everybody's."""

    user = serializers.UUIDField(required=False, help_text="Whose prompts.")
    key = serializers.UUIDField(required=False, help_text="The API key that they came by.")
    model = serializers.CharField(required=False, max_length=200, help_text="The model that answered.")
    cached = serializers.ChoiceField(choices=["true", "false"], required=False)
    slowerThan = serializers.FloatField(
        source="slower_than_ms", required=False, min_value=0, help_text="Milliseconds that it took at least."
    )
    fasterThan = serializers.FloatField(
        source="faster_than_ms", required=False, min_value=0, help_text="Milliseconds that it took at most."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {**attrs, "cached": attrs["cached"] == "true"} if "cached" in attrs else attrs


class JournalQuerySerializer(JournalFilterSerializer):
    """The filters of `GET /api/journal`."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=PAGE_ROWS, help_text="Rows a page.")


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
