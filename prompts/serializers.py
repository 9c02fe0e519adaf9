"""
The shapes of `/prompt` on the wire. The names come from the service that this one succeeds.

One shape for a fresh answer and for a row of the book: `fields_of` gives a fresh one the row's names.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.strict import (
    StrictBooleanField,
    StrictCharField,
    StrictFloatField,
    StrictIntegerField,
    StrictSerializer,
)
from prompts.dry_run import DEFAULT_ROWS, MAX_ROWS
from prompts.errors import RequestRefused
from prompts.events import Done
from prompts.fields import Field
from prompts.ids import uuid7
from prompts.journal import Outcome
from prompts.sampling import DEADLINE, FORMAT, PRIORITY, SAMPLING, STOP, read_format

PAGE_ROWS = 20


NEW = "new"


@extend_schema_field({"anyOf": [{"type": "string", "format": "uuid"}, {"type": "string", "enum": [NEW]}]})
class ConversationField(serializers.UUIDField):
    """A UUID of the caller's, or `new` for one of ours; always as a string."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or len(data) > 36:
            self.fail("invalid", value="")
        return uuid7() if data == NEW else super().to_internal_value(data)


class DeclaredField(serializers.Field[Any, Any, Any, Any]):
    """A field that `prompts.fields` declares: the same here as under `/v1`."""

    def __init__(self, declared: Field, **more: Any) -> None:
        super().__init__(required=False, **more)
        self.declared = declared
        set_override(self, "field", declared.schema())

    def to_internal_value(self, data: Any) -> Any:
        try:
            return self.declared.read(data, self.field_name or "")
        except RequestRefused as error:
            raise serializers.ValidationError(error.sentence) from None


@extend_schema_field(FORMAT)
class FormatField(serializers.Field[Any, Any, Any, Any]):
    """What the answer must look like, as under `/v1`."""

    def to_internal_value(self, data: Any) -> Any:
        try:
            return read_format(data)
        except RequestRefused as error:
            raise serializers.ValidationError(error.sentence) from None


class AskSerializer(StrictSerializer):
    """What `POST /prompt` takes. The samplers are named and mean what they do under `/v1`."""

    prompt = StrictCharField(max_length=settings.PROMPT_MAX_CHARS, trim_whitespace=False)
    model = StrictCharField(max_length=200, required=False, help_text="Default: the model of this service.")
    max_tokens = StrictIntegerField(
        min_value=1, max_value=settings.LLM_MAX_TOKENS, default=settings.LLM_MAX_TOKENS
    )
    temperature = StrictFloatField(min_value=0, max_value=2, default=settings.LLM_TEMPERATURE)
    system = StrictCharField(
        max_length=settings.PROMPT_MAX_CHARS, trim_whitespace=False, allow_blank=True, default=""
    )
    stream = StrictBooleanField(default=False, help_text="true answers server-sent events.")
    top_p = DeclaredField(SAMPLING["top_p"])
    top_k = DeclaredField(SAMPLING["top_k"])
    min_p = DeclaredField(SAMPLING["min_p"])
    typical_p = DeclaredField(SAMPLING["typical_p"])
    repeat_penalty = DeclaredField(SAMPLING["repeat_penalty"])
    presence_penalty = DeclaredField(SAMPLING["presence_penalty"])
    frequency_penalty = DeclaredField(SAMPLING["frequency_penalty"])
    logit_bias = DeclaredField(SAMPLING["logit_bias"])
    seed = DeclaredField(SAMPLING["seed"])
    ignore_eos = DeclaredField(SAMPLING["ignore_eos"])
    stop = DeclaredField(STOP, help_text="The answer ends before one of these.")
    response_format = FormatField(source="format", required=False)
    priority = DeclaredField(PRIORITY)
    deadline_seconds = DeclaredField(DEADLINE)
    conversationId = ConversationField(
        source="conversation_id",
        required=False,
        help_text="Prompts of one conversation share their placeholders. A UUID of yours, or `new`.",
    )


class FindingSerializer(serializers.Serializer[Mapping[str, Any]]):
    """Where a rule matched. Offsets count code points; output offsets are in the sanitized text."""

    rule = serializers.CharField()
    direction = serializers.ChoiceField(choices=["prompt", "answer"])
    part = serializers.CharField(
        help_text="JSON pointer to the field, such as /prompt or /messages/0/content; of an answer, "
        "/response or /choices/1."
    )
    start = serializers.IntegerField()
    end = serializers.IntegerField()
    outputStart = serializers.IntegerField(source="output_start")
    outputEnd = serializers.IntegerField(source="output_end")
    action = serializers.CharField()
    score = serializers.FloatField(help_text="How sure the rule is, 0 to 1.")
    version = serializers.IntegerField(default=1, help_text="Of the rule.")
    fingerprint = serializers.CharField(
        default="", help_text="Keyed hash of rule and value: the same for the same value, and nothing else."
    )


class PartSerializer(serializers.Serializer[Any]):
    """One text of a request, sanitized."""

    part = serializers.CharField(help_text="Its JSON pointer.")
    role = serializers.CharField(help_text="Who says it; empty for what is no message.")
    text = serializers.CharField()


class ToolCallSerializer(serializers.Serializer[Any]):
    """A call of a tool, sanitized."""

    name = serializers.CharField()
    arguments = serializers.CharField(help_text="JSON.")


class AsideSerializer(serializers.Serializer[Any]):
    """What was said beside an answer, sanitized."""

    part = serializers.CharField(help_text="reasoning_content or refusal, and from the second on a number.")
    text = serializers.CharField()


class ChoiceSerializer(serializers.Serializer[Any]):
    """One of several answers, sanitized."""

    text = serializers.CharField()
    finishReason = serializers.CharField(source="finish_reason")
    toolCalls = ToolCallSerializer(source="tool_calls", many=True, default=list)
    asides = AsideSerializer(many=True, default=list)


class UsageSerializer(serializers.Serializer[Any]):
    """Tokens as the model counts them."""

    promptTokens = serializers.IntegerField(source="prompt_tokens")
    completionTokens = serializers.IntegerField(source="completion_tokens")
    totalTokens = serializers.SerializerMethodField()

    def get_totalTokens(self, counted: Any) -> int:  # noqa: N802  (DRF derives this name from the field's)
        if isinstance(counted, Mapping):
            return int(counted["prompt_tokens"]) + int(counted["completion_tokens"])
        return int(counted.prompt_tokens) + int(counted.completion_tokens)


class PromptSerializer(serializers.Serializer[Any]):
    """A prompt and its answer."""

    id = serializers.UUIDField()
    response = serializers.CharField(
        help_text="The answer. In the answer to POST, your own values are restored; in the book they are not."
    )
    sanitizedPrompt = serializers.CharField(source="sanitized", help_text="The sanitized answer.")
    promptSent = serializers.CharField(source="prompt", help_text="What the model saw of the prompt.")
    parts = PartSerializer(
        many=True, help_text="The other texts of the request; of a conversation, all messages."
    )
    choices = ChoiceSerializer(
        many=True, help_text="All answers, where one alone does not say it: several, tools, reasoning."
    )
    emailsSanitized = serializers.ListField(
        source="own_emails",
        child=serializers.CharField(),
        help_text="Your own addresses that were masked. Not kept, so it is empty in the book.",
    )
    findings = FindingSerializer(many=True)
    model = serializers.CharField()
    usage = UsageSerializer(source="*")
    cached = serializers.BooleanField()
    finishReason = serializers.CharField(source="finish_reason")
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    createdAt = serializers.DateTimeField(source="created_at")
    erasedAt = serializers.DateTimeField(source="erased_at", allow_null=True)
    requestId = serializers.CharField(source="request_id")
    conversationId = serializers.UUIDField(
        source="conversation_id",
        default=None,
        allow_null=True,
        help_text="Send it with the next prompt of the conversation. Not kept, so it is null in the book.",
    )


def fields_of(done: Done, *, request_id: str, conversation_id: UUID | None = None) -> dict[str, Any]:
    """A fresh answer under the names that `PromptSerializer` reads from a row."""
    result = done.result
    return {
        "id": done.begun.id,
        "response": done.response,
        "sanitized": result.response,
        "prompt": done.prompt_sent,
        "parts": [part.as_dict() for part in done.parts],
        "choices": [choice.as_dict() for choice in result.choices],
        "own_emails": done.own_emails,
        "findings": result.findings,
        "model": done.begun.model,
        "prompt_tokens": result.usage.prompt_tokens,
        "completion_tokens": result.usage.completion_tokens,
        "cached": result.cached,
        "finish_reason": result.finish_reason,
        "outcome": result.outcome.value,
        "created_at": done.begun.created_at,
        "erased_at": None,
        "request_id": request_id,
        "conversation_id": conversation_id,
    }


class FilterSerializer(StrictSerializer):
    """Which rows of the book."""

    since = serializers.DateTimeField(required=False, help_text="At or after this instant.")
    until = serializers.DateTimeField(required=False, help_text="Before this instant.")
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome], required=False)
    rule = serializers.RegexField(r"^[a-z][a-z0-9_]*$", max_length=64, required=False)


class BookQuerySerializer(FilterSerializer):
    """The filters of `GET /prompt`."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=PAGE_ROWS, help_text="Rows a page.")


class DryRunSerializer(StrictSerializer):
    """How much of the book to look at."""

    rows = StrictIntegerField(
        min_value=1, max_value=MAX_ROWS, default=DEFAULT_ROWS, help_text="The newest so many prompts."
    )


class RuleCountSerializer(serializers.Serializer[Any]):
    """What the revision would do about one rule's findings, by action."""

    rule = serializers.CharField()
    rows = serializers.IntegerField(help_text="Prompts with a finding that is not off.")
    new = serializers.IntegerField(help_text="Findings that were let through without a word then.")
    off = serializers.IntegerField()
    flag = serializers.IntegerField()
    mask = serializers.IntegerField()
    hash = serializers.IntegerField()
    remove = serializers.IntegerField()
    block = serializers.IntegerField()


class DryRanSerializer(serializers.Serializer[Any]):
    """What a revision would have done. A prompt counts once: as blocked, else changed, else flagged."""

    rows = serializers.IntegerField(help_text="Prompts looked at.")
    complete = serializers.BooleanField(help_text="false: the time ran out before.")
    blocked = serializers.IntegerField()
    changed = serializers.IntegerField()
    flagged = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Prompts that could not be screened.")
    blockedThen = serializers.IntegerField(source="blocked_then", help_text="Blocked or cut off at the time.")
    byRule = RuleCountSerializer(source="rule_counts", many=True)
