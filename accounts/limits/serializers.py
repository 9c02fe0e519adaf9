"""Limits on the wire."""

from typing import Any

from rest_framework import serializers

from accounts.limits.quotas import NAMES, Quota
from accounts.models import MOST_OF_A_LIMIT
from accounts.strict import StrictIntegerField, StrictSerializer

WIRE = dict(zip(NAMES, ("requestsPerMinute", "tokensPerMinute", "streams", "monthlyTokens"), strict=True))


def _number(source: str, help_text: str) -> Any:
    more: dict[str, Any] = {} if WIRE[source] == source else {"source": source}
    return StrictIntegerField(
        min_value=1,
        max_value=MOST_OF_A_LIMIT,
        required=False,
        allow_null=True,
        help_text=help_text,
        **more,
    )


class KeyLimitsSerializer(StrictSerializer):
    """The limits of a key, beside those of its owner. null, or left out, is none."""

    requestsPerMinute = _number("requests_per_minute", "Requests in any 60 seconds.")
    tokensPerMinute = _number("tokens_per_minute", "Tokens of prompts and answers in any 60 seconds.")
    streams = _number("streams", "Answers in progress at once, streamed or not.")
    monthlyTokens = _number("monthly_tokens", "Tokens in a calendar month, UTC.")

    def to_internal_value(self, data: Any) -> Quota:
        return Quota(**super().to_internal_value(data))


class MinuteSerializer(serializers.Serializer[Any]):
    """Of the last 60 seconds. `limit` null: none, and then nothing is counted. `resetSeconds`: after how long
    all of it is back."""

    limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField()
    remaining = serializers.IntegerField(allow_null=True)
    resetSeconds = serializers.FloatField()


class StreamsSerializer(serializers.Serializer[Any]):
    """Answers in progress."""

    limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField()
    remaining = serializers.IntegerField(allow_null=True)


class MonthSerializer(serializers.Serializer[Any]):
    """Of this calendar month, UTC. `used` was used, `held` is what answers in progress may still take."""

    limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField()
    held = serializers.IntegerField()
    remaining = serializers.IntegerField(allow_null=True)
    requests = serializers.IntegerField()
    resetsAt = serializers.DateTimeField()


class StandingSerializer(serializers.Serializer[Any]):
    """Where one stands."""

    requestsPerMinute = MinuteSerializer()
    tokensPerMinute = MinuteSerializer()
    streams = StreamsSerializer()
    monthlyTokens = MonthSerializer()


class KeyStandingSerializer(StandingSerializer):
    """Where a key stands."""

    id = serializers.UUIDField()


class LimitsSerializer(serializers.Serializer[Any]):
    """A request is held to the limits of its user and to those of the key that it comes by."""

    user = StandingSerializer()
    keys = KeyStandingSerializer(many=True)
