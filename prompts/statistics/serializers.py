"""The shapes of `/api/statistics` on the wire."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from rest_framework import serializers

from accounts.strict import StrictSerializer
from prompts.models import NOBODY
from prompts.statistics.reading import LONGEST, Counts, Span, Statistics, Step

DEFAULT_SPAN = timedelta(days=1)


def in_our_time(instant: datetime) -> None:
    """Days before and after it exist too."""
    if not 1970 <= instant.year <= 9000:
        raise serializers.ValidationError("There are no statistics of that time.")


class StatisticsQuerySerializer(StrictSerializer):
    """What `GET /api/statistics` takes; becomes a `Span`."""

    since = serializers.DateTimeField(
        required=False, validators=[in_our_time], help_text="Default: a day before `until`."
    )
    until = serializers.DateTimeField(required=False, validators=[in_our_time], help_text="Default: now.")
    step = serializers.ChoiceField(choices=[step.value for step in Step], default=Step.HOUR.value)
    user = serializers.UUIDField(required=False, help_text="Of one user; for those who see everybody's.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        until: datetime = attrs.get("until") or timezone.now()
        since: datetime = attrs.get("since") or until - DEFAULT_SPAN
        step = Step(attrs["step"])
        if since >= until:
            raise serializers.ValidationError({"since": ["It is not before `until`."]})
        if until - since > LONGEST[step]:
            raise serializers.ValidationError(
                {"since": [f"By {step}, at most {LONGEST[step].days} days at once."]}
            )
        span = Span.around(since, until, step)
        return {"since": since, "until": until, "span": span, "user_id": attrs.get("user")}


class CountsSerializer(serializers.Serializer[Any]):
    """How many prompts, and their tokens. `cached` were answered from the cache."""

    prompts = serializers.IntegerField()
    outcomes = serializers.DictField(child=serializers.IntegerField())
    cached = serializers.IntegerField()
    promptTokens = serializers.IntegerField(source="prompt_tokens")
    completionTokens = serializers.IntegerField(source="completion_tokens")
    cachedTokens = serializers.IntegerField(
        source="cached_tokens", help_text="Of the prompt's tokens, those that the model had computed before."
    )


class PointSerializer(CountsSerializer):
    """One hour, day or week, by its beginning."""

    at = serializers.DateTimeField()


class FoundSerializer(serializers.Serializer[Any]):
    """Findings of one rule that met with one action."""

    rule = serializers.CharField()
    direction = serializers.CharField(help_text="prompt or answer.")
    action = serializers.CharField()
    prompts = serializers.IntegerField(help_text="Prompts with at least one of them.")
    findings = serializers.IntegerField()


class PercentilesSerializer(serializers.Serializer[Any]):
    """In milliseconds, interpolated between fixed bounds."""

    p50 = serializers.FloatField(allow_null=True)
    p90 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)


class LatencySerializer(serializers.Serializer[Any]):
    """How long one model took; answers from the cache are not in it."""

    model = serializers.CharField()
    answers = serializers.IntegerField()
    total = PercentilesSerializer()
    firstToken = PercentilesSerializer(source="first_token")


class AskerSerializer(serializers.Serializer[Any]):
    """Who asked how much; null are those who were erased."""

    userId = serializers.UUIDField(allow_null=True)
    prompts = serializers.IntegerField()


class AskedKeySerializer(serializers.Serializer[Any]):
    """By which key how much was asked; null is without one."""

    keyId = serializers.UUIDField(allow_null=True)
    prompts = serializers.IntegerField()


class AskedModelSerializer(serializers.Serializer[Any]):
    """Of which model how much was asked."""

    model = serializers.CharField()
    prompts = serializers.IntegerField()


class StatisticsSerializer(serializers.Serializer[Any]):
    """What was asked and answered in whole hours, days or weeks (UTC)."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    step = serializers.ChoiceField(choices=[step.value for step in Step])
    counts = CountsSerializer()
    series = PointSerializer(many=True)
    findings = FoundSerializer(many=True)
    latencies = LatencySerializer(many=True)
    users = AskerSerializer(many=True, help_text="Those who asked most.")
    keys = AskedKeySerializer(many=True, help_text="Those by which most was asked.")
    models = AskedModelSerializer(many=True, help_text="Those that were asked most.")


def fields_of(found: Statistics) -> dict[str, Any]:
    """Statistics under the names that `StatisticsSerializer` reads."""
    return {
        "since": found.span.since,
        "until": found.span.until,
        "step": found.span.step.value,
        "counts": found.counts,
        "series": [_point(at, counts) for at, counts in found.series.items()],
        "findings": found.findings,
        "latencies": found.latencies,
        "users": [
            {"userId": None if id == NOBODY else id, "prompts": prompts}
            for id, prompts in found.users.items()
        ],
        "keys": [
            {"keyId": None if id == NOBODY else id, "prompts": prompts} for id, prompts in found.keys.items()
        ],
        "models": [{"model": model, "prompts": prompts} for model, prompts in found.models.items()],
    }


def _point(at: datetime, counts: Counts) -> dict[str, Any]:
    return {"at": at, **{name: getattr(counts, name) for name in Counts.__dataclass_fields__}}
