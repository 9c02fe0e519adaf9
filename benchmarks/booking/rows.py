"""Prompts for the book: 1 KB, an answer of 1 KB, and two findings in each; and such a row by hand."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from benchmarks.relaying.texts import SIZE, Letters
from prompts.ids import uuid7
from prompts.journal import Charge, Entry, Outcome, Result, Usage, rules_of
from sanitization.chain import Sanitized

TOKENS = Usage(prompt_tokens=260, completion_tokens=250)
FINDING = {"version": 1, "score": 0.9, "fingerprint": "0123456789abcdef", "action": "mask"}
# What comes with an accepted row, and what ends it: the columns that the journal itself writes.
ACCEPTED = (
    *("id", "created_at", "user_id", "key_id", "instance_id", "request_id", "outcome", "model", "policy"),
    *("prompt", "system", "parts", "findings", "rules"),
    *("response", "choices", "finish_reason", "prompt_tokens", "completion_tokens", "cached"),
)
FINAL = (
    *("outcome", "finish_reason", "prompt_tokens", "completion_tokens", "cached_tokens", "cached"),
    *("queue_ms", "first_token_ms", "total_ms", "response", "choices", "findings", "rules"),
)
INSERT = f"INSERT INTO prompts_prompt ({', '.join(ACCEPTED)}) VALUES ({', '.join(['%s'] * len(ACCEPTED))})"
UPDATE = (
    f"UPDATE prompts_prompt SET {', '.join(f'{name} = %s' for name in FINAL)}, finished_at = now() "
    "WHERE id = %s"
)


@dataclass(frozen=True, slots=True)
class Client:
    """Who asks: a user with a key."""

    user_id: UUID
    key_id: UUID

    @classmethod
    def new(cls) -> "Client":
        return cls(uuid4(), uuid4())


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt and its end."""

    entry: Entry
    result: Result

    def inserted(self, instance_id: UUID) -> tuple[Any, ...]:
        """The values of INSERT."""
        entry = self.entry
        return (
            *(entry.id, entry.created_at, entry.user_id, entry.key_id, instance_id, entry.request_id),
            *(Outcome.ACCEPTED.value, entry.model, entry.policy, entry.prompt, entry.system, "[]"),
            *(json.dumps(entry.findings), json.dumps(rules_of(entry.findings))),
            *("", "[]", "", 0, 0, False),
        )

    def updated(self) -> tuple[Any, ...]:
        """The values of UPDATE."""
        result, usage = self.result, self.result.usage
        return (
            *(result.outcome.value, result.finish_reason),
            *(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, result.cached),
            *(result.queue_ms, result.first_token_ms, result.total_ms, result.response, "[]"),
            *(json.dumps(result.findings), json.dumps(result.rules), self.entry.id),
        )


def asked(client: Client, letters: Letters) -> Asked:
    """A prompt of this client's, and how it ended."""
    id, now = uuid7(), datetime.now(UTC)
    own = tuple(_finding(rule, "prompt", "/prompt") for rule in ("email", "credit_card"))
    answers = tuple(_finding(rule, "answer", "/response") for rule in ("email", "credit_card"))
    entry = Entry(
        id=id,
        created_at=now,
        user_id=client.user_id,
        key_id=client.key_id,
        request_id=str(uuid4()),
        model="smollm2-135m",
        policy="default@1",
        prompt=Sanitized(letters.text()),
        system=Sanitized(""),
        findings=own,
    )
    result = Result(
        outcome=Outcome.ANSWERED,
        response=Sanitized(letters.text()),
        findings=(*own, *answers),
        finish_reason="stop",
        usage=TOKENS,
        queue_ms=0.1,
        first_token_ms=41.5,
        total_ms=812.3,
        charge=Charge((client.user_id, client.key_id), TOKENS.prompt_tokens + TOKENS.completion_tokens),
    )
    return Asked(entry, result)


def _finding(rule: str, direction: str, part: str) -> dict[str, Any]:
    places = {
        "start": SIZE // 3,
        "end": SIZE // 3 + 20,
        "output_start": SIZE // 3,
        "output_end": SIZE // 3 + 9,
    }
    return {"rule": rule, "direction": direction, "part": part, **places, **FINDING}
