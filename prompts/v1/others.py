"""What OpenAI's API has beside answers: vectors of texts, and what is found in them."""

import asyncio
import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from accounts.limits.ledger import Standing
from prompts.askers import Asker
from prompts.asks import Ask, Said
from prompts.events import Embedded
from prompts.fields import Field, OneOf, Text, Texts, check_names, read_fields, required
from prompts.house import House
from prompts.v1.requests import IGNORED, MODEL, Bounds, make_ask
from prompts.work import INLINE_CHARS
from sanitization.chain import Screened
from sanitization.rules import RULES, Category
from sanitization.spans import Finding

MAX_INPUTS = 2048
EMBEDDING: dict[str, Field] = {"model": MODEL, "encoding_format": OneOf(("float", "base64")), **IGNORED}
MODERATION: dict[str, Field] = {"model": MODEL, **IGNORED}
# What a text that was not answered by anybody can hold.
CATEGORIES = tuple(
    category.value for category in Category if category not in (Category.ANSWER, Category.UNSCANNED)
)

Encoding = Literal["float", "base64"]


def inputs(body: dict[str, Any], bounds: Bounds) -> tuple[Said, ...]:
    """The texts of `input`, each under its pointer."""
    texts = Texts(Text(bounds.max_chars, 1), MAX_INPUTS).read(required(body, "input"), "input")
    return tuple(Said(f"/input/{number}", "user", text) for number, text in enumerate(texts))


# -- embeddings --


def read_embedding(body: dict[str, Any], asker: Asker, bounds: Bounds) -> tuple[Ask, Encoding]:
    check_names(body, {*EMBEDDING, "input"}, ("dimensions",))
    given = read_fields(body, EMBEDDING)
    ask = make_ask({**given, "n": 0}, asker, bounds, field="input", messages=inputs(body, bounds))
    return ask, given.get("encoding_format", "float")


def embeddings(made: Embedded, encoding: Encoding) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": number, "embedding": encoded(vector, encoding)}
        for number, vector in enumerate(made.vectors)
    ]
    spent = made.usage.prompt_tokens
    counted = {"prompt_tokens": spent, "total_tokens": spent}
    return {"object": "list", "data": data, "model": made.begun.model, "usage": counted}


def encoded(vector: Sequence[float], encoding: Encoding) -> str | list[float]:
    """Base64 is of 32-bit floats, little-endian, as OpenAI's clients read it."""
    if encoding == "float":
        return list(vector)
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


# -- moderations --


def read_moderation(body: dict[str, Any], asker: Asker, bounds: Bounds) -> Ask:
    """`model` is read and means nothing: the caller's policy decides what is looked for."""
    check_names(body, {*MODERATION, "input"}, ())
    read_fields(body, MODERATION)
    texts = body.get("input")
    if isinstance(texts, list):  # parts of type text, as newer clients send them
        texts = [one.get("text") if is_text_part(one) else one for one in texts]
    return make_ask({}, asker, bounds, field="input", messages=inputs({"input": texts}, bounds))


def is_text_part(one: Any) -> bool:
    return isinstance(one, dict) and set(one) == {"type", "text"} and one["type"] == "text"


@dataclass(frozen=True, slots=True)
class Moderated:
    policy: str
    screened: Screened
    standings: tuple[Standing, ...] = ()


async def moderate(ask: Ask, house: House) -> Moderated:
    """What the caller's policy finds in the texts. Nothing is written down and no model is asked: it counts
    as a request and takes no tokens. Raises LimitReached, LimitsUnavailable, PolicyMissing,
    PoliciesUnavailable and ScreeningFailed."""
    taken = None
    if house.limits is not None:
        taken = await house.limits.reserve(ask.bounds, tokens=0, with_lease=False)
    policy, parts = await house.policy_of(ask), ask.parts()
    if sum(map(len, parts.values())) > INLINE_CHARS:
        screened = await asyncio.to_thread(house.chain.screen_prompt, parts, policy)
    else:
        screened = house.chain.screen_prompt(parts, policy)
    name = f"{policy.slug}@{policy.revision}"
    return Moderated(name, screened, () if taken is None else taken.standings)


def moderations(moderated: Moderated, ask: Ask) -> dict[str, Any]:
    """`findings` is ours: rule, place in code points, action and score."""
    found: dict[str, list[Finding]] = {said.part: [] for said in ask.messages}
    for finding in moderated.screened.findings:
        found[finding.part].append(finding)
    return {
        "id": f"modr-{ask.request_id.replace('-', '')}",
        "model": moderated.policy,
        "results": [result(findings) for findings in found.values()],
    }


def result(findings: Sequence[Finding]) -> dict[str, Any]:
    scores = dict.fromkeys(CATEGORIES, 0.0)
    found = set()
    for finding in findings:
        category = category_of(finding.rule)
        found.add(category)
        scores[category] = max(scores[category], finding.score)
    return {
        "flagged": bool(findings),
        "categories": {name: name in found for name in scores},
        "category_scores": scores,
        "category_applied_input_types": {name: ["text"] for name in scores},
        "findings": [
            {
                "rule": finding.rule,
                "start": finding.start,
                "end": finding.end,
                "action": finding.action.value,
                "score": finding.score,
            }
            for finding in findings
        ],
    }


def category_of(rule: str) -> str:
    """A rule that nobody declared is an operator's own."""
    return RULES[rule].category.value if rule in RULES else Category.CUSTOM.value
