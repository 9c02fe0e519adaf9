"""
The filters of `/api/journal` beside the admin's list: one form, the same names and sentences, no scripts.

Drawing it asks nothing of the book: outcomes, rules and models are known without. What no index knows is
looked for among the newest `LOOKED_THROUGH` rows of the time, user, key, model and outcome that are given;
the form says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin import ListFilter
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.http import HttpRequest
from rest_framework import serializers

from prompts import book
from prompts.models import NOBODY, Prompt
from prompts.review.serializers import JournalFilterSerializer

LOOKED_THROUGH = 50_000
# Of these an index, or the id itself, leads to the rows, the newest first. By a rule one does too, but in no
# order.
BY_INDEX = frozenset({"since", "until", "user", "key", "model", "outcome", "request_id"})
LABELS = {
    "since": "from (UTC)",
    "until": "until (UTC)",
    "user": "user: e-mail or id",
    "key": "API key: id",
    "outcome": "outcome",
    "rule": "rule",
    "action": "what was done about it",
    "direction": "found in",
    "model": "model",
    "cached": "from the cache",
    "slowerThan": "took at least, ms",
    "fasterThan": "took at most, ms",
    "firstTokenSlowerThan": "first token after at least, ms",
    "firstTokenFasterThan": "first token after at most, ms",
    "requestId": "request id",
    "erased": "erased",
}


class UserField(serializers.UUIDField):
    """Takes an e-mail too."""

    def to_internal_value(self, data: Any) -> UUID:
        if "@" not in str(data):
            return super().to_internal_value(data)
        users = get_user_model()._default_manager
        found = users.filter(email=str(data).strip().lower()).values_list("pk", flat=True).first()
        if found is None:
            raise serializers.ValidationError("Nobody has this e-mail.")
        return UUID(str(found))


class PanelSerializer(JournalFilterSerializer):
    user = UserField(required=False)


@dataclass(frozen=True, slots=True)
class Input:
    """One of the form: an `<input>`, with proposals if it has options; a `<select>` if nothing else goes."""

    name: str
    label: str
    kind: str
    value: str
    options: tuple[str, ...]
    error: str

    @property
    def is_select(self) -> bool:
        return self.kind == "select"


class Panel(ListFilter):
    """All of it as one filter of the list."""

    title = "what, who, when, how fast"
    template = "admin/prompts/panel.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in LABELS:
            given = params.pop(name, [""])[-1].strip()
            if given:
                self.used_parameters[name] = given
        self.looked_through = LOOKED_THROUGH
        self.hidden: list[tuple[str, str]] = []
        self._asked = PanelSerializer(data=self.used_parameters)
        self._asked.is_valid()
        self._errors = {name: str(told[0]) for name, told in self._asked.errors.items()}

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [*LABELS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Prompt]) -> QuerySet[Prompt]:
        """The rows that match; none where a filter cannot be read, and the page says which."""
        if self._errors:
            for name, sentence in self._errors.items():
                messages.error(request, f"{LABELS[name]}: {sentence}")
            return queryset.filter(id=NOBODY)  # nothing; of `none()` a search could make no queries
        return newest(queryset, dict(self._asked.validated_data))

    def choices(self, changelist: ChangeList) -> Iterator[Input]:  # type: ignore[override]
        asked = changelist.get_filters_params()
        self.hidden = [(name, value) for name, all_ in asked.items() for value in all_ if name not in LABELS]
        self.hidden += [("q", changelist.query)] if changelist.query else []
        for name, label in LABELS.items():
            value = str(self.used_parameters.get(name, ""))
            yield Input(name, label, *_drawn(self._asked.fields[name], value), self._errors.get(name, ""))


def newest(rows: QuerySet[Prompt], wanted: dict[str, Any]) -> QuerySet[Prompt]:
    """What matches; where no index leads to it, among the newest `LOOKED_THROUGH`."""
    if wanted.keys() - BY_INDEX and "rule" not in wanted:
        found = book.narrow(rows, **{name: wanted[name] for name in wanted.keys() & BY_INDEX})
        ids = found.order_by("-id").values_list("id", flat=True)
        if (bound := next(iter(ids[LOOKED_THROUGH : LOOKED_THROUGH + 1]), None)) is not None:
            rows = rows.filter(id__gt=bound)
    return book.narrow(rows, **wanted)


def _drawn(field: Any, value: str) -> tuple[str, str, tuple[str, ...]]:
    """Kind, value and options of an input."""
    from prompts.composition import house

    if isinstance(field, serializers.ChoiceField):
        return "select", value, tuple(field.choices)
    if isinstance(field, serializers.FloatField):
        return "number", value, ()
    if isinstance(field, serializers.DateTimeField):
        return "datetime-local", _minutes(value), ()
    if field.field_name == "rule":
        return "text", value, tuple(sorted(house().chain.rules))
    if field.field_name == "model":
        return "text", value, tuple(card.name for card, _ in house().backend.models())
    return "text", value, ()


def _minutes(value: str) -> str:
    """An instant as a browser's input takes it; as it came where it is none."""
    try:
        read = serializers.DateTimeField().to_internal_value(value)
    except serializers.ValidationError:
        return value
    return f"{read:%Y-%m-%dT%H:%M:%S}"
