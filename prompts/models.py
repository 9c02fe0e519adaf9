"""
The journal's tables.

No foreign key points at a prompt and its only unique column is the id: on PostgreSQL the table is partitioned
by id range, a month each (`prompts.partitions`). Findings live in the row; times come from the id.
"""

from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from prompts.ids import uuid7
from prompts.journal import Outcome
from prompts.lookups import RulesField
from prompts.statistics.latency import PLACES

NOBODY = UUID(int=0)
EVERYBODY = UUID(int=(1 << 128) - 1)


class Instance(models.Model):
    """One running process that writes the journal. Its rows in progress are its own while the lease runs."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    started_at = models.DateTimeField(db_default=Now())
    lease_expires_at = models.DateTimeField(help_text="On the database's clock.")

    def __str__(self) -> str:
        return str(self.id)


class Prompt(models.Model):
    """One prompt and its answer, as sanitized. Written by `prompts.writer` alone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    # No constraint in the database: a user who is erased while a prompt runs must not undo a whole group of
    # rows, and erasing one must not rewrite a million.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        db_index=False,
    )
    key_id = models.UUIDField(null=True, help_text="The API key that it came by.")
    instance_id = models.UUIDField()
    request_id = models.CharField(max_length=64)
    outcome = models.CharField(max_length=16, choices=[(o.value, o.value) for o in Outcome])
    model = models.CharField(max_length=200)
    policy = models.CharField(max_length=200)
    prompt = models.TextField(blank=True)
    system = models.TextField(blank=True)
    # The texts that are not called /prompt or /system, each with its pointer and role: `journal.Part`.
    parts = models.JSONField(default=list, db_default=[])
    response = models.TextField(blank=True)
    # All answers, where there was more than one or one that called tools: `journal.Answered`. The text of the
    # first is `response` too.
    choices = models.JSONField(default=list, db_default=[])
    findings = models.JSONField(default=list)
    rules = RulesField(default=list)
    finish_reason = models.CharField(max_length=32, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0, db_default=0)
    cached = models.BooleanField(default=False)
    queue_ms = models.FloatField(null=True)
    first_token_ms = models.FloatField(null=True)
    total_ms = models.FloatField(null=True)
    erased_at = models.DateTimeField(null=True)
    is_tallied = models.BooleanField(default=False, db_default=False)
    # Whether the search index has its texts. Until then it is searched without one: `prompts.posting`.
    is_searchable = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["user", "-id"], name="prompts_by_user"),
            models.Index(fields=["outcome", "-id"], name="prompts_by_outcome"),
            models.Index(fields=["request_id"], name="prompts_by_request"),
            models.Index(fields=["model", "-id"], name="prompts_by_model"),
            models.Index(
                fields=["key_id", "-id"], condition=models.Q(key_id__isnull=False), name="prompts_by_key"
            ),
            models.Index(
                fields=["instance_id"],
                condition=models.Q(outcome=Outcome.ACCEPTED),
                name="prompts_in_progress",
            ),
        ]
        permissions = [("read_text", "Can read the text of prompts and answers")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def texts(self) -> dict[str, str]:
        """The texts of the request by their pointers, as findings name them."""
        if any(
            part["role"] for part in self.parts
        ):  # a conversation: question and system are among its messages
            own = {}
        else:
            own = (
                {"/system": self.system, "/prompt": self.prompt} if self.system else {"/prompt": self.prompt}
            )
        return own | {part["part"]: part["text"] for part in self.parts}

    @property
    def answers(self) -> dict[str, str]:
        """The answers by the pointers that findings name them by."""
        answers = {"/response": self.response}
        for number, one in enumerate(self.choices):
            part = f"/choices/{number}" if number else "/response"
            answers[part] = one["text"]
            for call, called in enumerate(one.get("tool_calls", ())):
                answers[f"{part}/tool_calls/{call}/function/arguments"] = called["arguments"]
            answers |= {f"{part}/{aside['part']}": aside["text"] for aside in one.get("asides", ())}
        return answers

    @property
    def sanitized(self) -> str:
        """The answer under its older name: the book keeps only the sanitized one."""
        return self.response

    @property
    def own_emails(self) -> list[str]:
        """Always empty: the caller's own values are never kept."""
        return []


def tally() -> models.IntegerField[int, int]:
    """A count that is added to. It has no check in the database: what was counted too early is taken back by
    adding less than nothing."""
    return models.IntegerField(default=0, db_default=0)


class Counted(models.Model):
    """What is counted of prompts. How long answers took that a model made (not the cache), and until their
    first word, is counted by `latency.PLACES`."""

    prompts = tally()
    cached = tally()
    prompt_tokens = models.BigIntegerField(default=0, db_default=0)
    completion_tokens = models.BigIntegerField(default=0, db_default=0)
    cached_tokens = models.BigIntegerField(default=0, db_default=0)

    class Meta:
        abstract = True


for _kind in ("total", "first"):
    for _place in PLACES:
        Counted.add_to_class(f"{_kind}_{_place}", tally())


class HourlyTally(Counted):
    """What came to its end of the prompts of one hour, by who asked what with which outcome.

    Written by `prompts.statistics.tallies` alone. No user and no key are NOBODY, which a unique constraint
    can compare.
    """

    hour = models.DateTimeField()
    user_id = models.UUIDField(default=NOBODY)
    key_id = models.UUIDField(default=NOBODY)
    model = models.CharField(max_length=200)
    outcome = models.CharField(max_length=16)
    is_summed = models.BooleanField(default=False, db_default=False, help_text="By `statistics.summing`.")

    class Meta:
        verbose_name = verbose_name_plural = "statistics"
        default_permissions = ()
        permissions = [("view_statistics", "Can see everybody's statistics")]
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "user_id", "key_id", "model", "outcome"], name="tallies_unique"
            )
        ]
        indexes = [
            models.Index(fields=["user_id", "hour"], name="tallies_by_user"),
            models.Index(fields=["hour"], condition=models.Q(is_summed=False), name="tallies_not_summed"),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}: {self.prompts} {self.outcome}"


class HourlyFindings(models.Model):
    """What the filters found in the prompts of one hour and their answers, and what was done about it."""

    hour = models.DateTimeField()
    user_id = models.UUIDField(default=NOBODY)
    rule = models.CharField(max_length=64)
    direction = models.CharField(max_length=8)
    action = models.CharField(max_length=16)
    prompts = tally()
    findings = tally()
    is_summed = models.BooleanField(default=False, db_default=False, help_text="By `statistics.summing`.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "user_id", "rule", "direction", "action"], name="findings_tallies_unique"
            )
        ]
        indexes = [
            models.Index(fields=["user_id", "hour"], name="findings_tallies_by_user"),
            models.Index(fields=["hour"], condition=models.Q(is_summed=False), name="findings_not_summed"),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}: {self.findings} {self.rule} ({self.action})"


class SummedTally(Counted):
    """Tallies of `hours` hours from `hour` on, whatever the key: of EVERYBODY by the hour and by the day (1
    and 24 hours), of each user by the day. Written by `prompts.statistics.summing` alone, as the next two."""

    hours = models.SmallIntegerField()
    hour = models.DateTimeField()
    user_id = models.UUIDField()
    model = models.CharField(max_length=200)
    outcome = models.CharField(max_length=16)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "hours", "hour", "model", "outcome"], name="summed_tallies_unique"
            )
        ]
        indexes = [models.Index(fields=["hour"], name="summed_tallies_by_hour")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}, {self.hours} h: {self.prompts} {self.outcome}"


class SummedFindings(models.Model):
    """Findings of `hours` hours from `hour` on: of EVERYBODY by the hour and the day, of users by the day."""

    hours = models.SmallIntegerField()
    hour = models.DateTimeField()
    user_id = models.UUIDField()
    rule = models.CharField(max_length=64)
    direction = models.CharField(max_length=8)
    action = models.CharField(max_length=16)
    prompts = tally()
    findings = tally()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user_id", "hours", "hour", "rule", "direction", "action"],
                name="summed_findings_unique",
            )
        ]
        indexes = [models.Index(fields=["hour"], name="summed_findings_by_hour")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H}, {self.hours} h: {self.findings} {self.rule} ({self.action})"


class SummedAsker(models.Model):
    """How much a user asked by a key on the day that begins with this hour: narrow, because who asked most in
    a year is found by reading the year."""

    hour = models.DateTimeField()
    user_id = models.UUIDField()
    key_id = models.UUIDField()
    prompts = tally()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["hour", "user_id", "key_id"], name="summed_askers_unique")
        ]
        indexes = [models.Index(fields=["user_id", "hour"], name="summed_askers_by_user")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d}: {self.prompts} of {self.user_id}"
