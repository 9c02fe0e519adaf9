"""The shapes of policies on the wire."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers

from accounts.strict import StrictBooleanField, StrictCharField, StrictIntegerField, StrictSerializer
from sanitization.models import SLUG, PolicyAssignment

DIRECTIONS = ("prompt", "answer")


class PolicySerializer(serializers.Serializer[Any]):
    """A policy; what it says is in its revisions."""

    slug = serializers.CharField()
    title = serializers.CharField()
    activeRevision = serializers.IntegerField(
        source="active.number", allow_null=True, help_text="The number of the revision in force."
    )
    archivedAt = serializers.DateTimeField(source="archived_at", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")


class NewPolicySerializer(StrictSerializer):
    """What `POST /api/policies` takes."""

    slug = serializers.RegexField(SLUG, max_length=63)
    title = StrictCharField(max_length=200, allow_blank=True, default="")


class PolicyChangeSerializer(StrictSerializer):
    """What `PATCH /api/policies/{slug}` takes."""

    title = StrictCharField(max_length=200, allow_blank=True, required=False)
    archived = StrictBooleanField(required=False)


class RevisionSummarySerializer(serializers.Serializer[Any]):
    """A revision without what it says."""

    number = serializers.IntegerField()
    revision = serializers.CharField(help_text="Hash of the content, as the journal names it.")
    note = serializers.CharField()
    authorId = serializers.UUIDField(source="author_id", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")
    isActive = serializers.SerializerMethodField()

    def get_isActive(self, row: Any) -> bool:  # noqa: N802  (DRF derives this name from the field's)
        return bool(row.policy.active_id == row.pk)


class RevisionSerializer(RevisionSummarySerializer):
    """A revision."""

    document = serializers.DictField(help_text="What the policy says; every field may be left out.")


class NewRevisionSerializer(StrictSerializer):
    """What `POST /api/policies/{slug}/revisions` takes."""

    document = serializers.DictField(help_text="What the policy says; every field may be left out.")
    note = StrictCharField(max_length=500, allow_blank=True, default="", help_text="Why.")


class PreviewSerializer(StrictSerializer):
    """A sample text. It is neither stored nor logged."""

    text = StrictCharField(max_length=settings.PROMPT_MAX_CHARS, trim_whitespace=False, allow_blank=True)
    direction = serializers.ChoiceField(choices=DIRECTIONS, default="prompt")


class PreviewFindingSerializer(serializers.Serializer[Mapping[str, Any]]):
    """Where a rule matched. Offsets count code points; output offsets are in the sanitized text."""

    rule = serializers.CharField()
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    outputStart = serializers.IntegerField(source="output_start")
    outputEnd = serializers.IntegerField(source="output_end")
    action = serializers.CharField()
    score = serializers.FloatField()


class PreviewedSerializer(serializers.Serializer[Any]):
    """What a revision makes of a sample."""

    text = serializers.CharField(help_text="Sanitized; of an answer that is blocked, what comes before.")
    findings = PreviewFindingSerializer(many=True)
    blocked = serializers.BooleanField()


class ActivationSerializer(serializers.Serializer[Any]):
    """A revision became the active one."""

    revision = serializers.IntegerField(source="revision.number")
    actorId = serializers.UUIDField(source="actor_id", allow_null=True)
    createdAt = serializers.DateTimeField(source="created_at")


class AssignmentSerializer(serializers.Serializer[Any]):
    """Whose policy it is."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    subject = serializers.CharField()
    policy = serializers.CharField(source="policy.slug")
    rank = serializers.IntegerField()


class NewAssignmentSerializer(StrictSerializer):
    """What `POST /api/policy-assignments` takes. It replaces what the subject had."""

    kind = serializers.ChoiceField(choices=PolicyAssignment.Kind.values)
    subject = StrictCharField(max_length=150, help_text="The id of an API key, or the name of a role.")
    policy = StrictCharField(max_length=63, help_text="The slug of a policy in force.")
    rank = StrictIntegerField(
        min_value=0, max_value=32767, default=100, help_text="Of several roles, the lowest rank counts."
    )


class DefaultSerializer(serializers.Serializer[Any]):
    """What is done where no policy says otherwise."""

    prompt = serializers.CharField()
    answer = serializers.CharField()


class RuleSerializer(serializers.Serializer[Any]):
    """One rule that a policy may name."""

    rule = serializers.CharField()
    category = serializers.CharField()
    description = serializers.CharField()
    default = DefaultSerializer()
    advisory = serializers.BooleanField(help_text="Off unless a policy asks for it.")
    aliases = serializers.ListField(child=serializers.CharField())
    version = serializers.IntegerField()
