"""
What would otherwise be found when a model is loaded, or on somebody's prompt. Without a model everything but
answering works, and /readyz says why; so only what can never work stops the start.

    inference.E001   two models have one name
    inference.E002   LLM_KV_TYPE is quantised, which needs LLM_FLASH_ATTENTION
    inference.E003   the default model is an embedding model: it answers no prompt
    inference.E004   BACKENDS_FILE cannot be used
    inference.W001   a model is neither in the catalogue nor a file in the models' folder
    inference.W002   a path names no GGUF file
    inference.W003   LLM_MAX_TOKENS leaves no room for a prompt
    inference.W004   LLM_KV_TOKENS is less than one slot's LLM_CONTEXT
    inference.W005   LLM_PREFIX_DIR cannot be written, or others can read it
    inference.W006   the pinned models do not fit into the memory together
    inference.W007   a key would travel unencrypted
    inference.I001   a model is not downloaded: prompts for it get 503
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register

from inference import fleet
from inference.composition import memory_budget, need
from inference.routing.file import TableInvalid
from inference.runner import ModelBroken
from inference.served import served


@register(Tags.compatibility)
def models_are_named(**kwargs: Any) -> list[CheckMessage]:
    """Every name leads to one model, and every path to a model file."""
    found: list[CheckMessage] = []
    names: set[str] = set()
    for model in served():
        if model.name.lower() in names:
            hint = "Give one of them another one in LLM_MODELS, as in name=another."
            found.append(Error(f"Two models are called {model.name}.", hint=hint, id="inference.E001"))
        names.add(model.name.lower())
        if model.known is not None or is_gguf(model.path):
            continue
        if len(Path(model.wanted.source).parts) > 1 or model.variable == "LLM_MODEL_PATH":
            text = f"{model.variable} names a path that is no GGUF file: {model.wanted.source}."
            hint = "Point it at a .gguf file, or use a name of manage.py models."
            found.append(Warning(text, hint=hint, id="inference.W002"))
        else:
            text = f"{model.variable}: {model.wanted.source} is not in the catalogue."
            hint = "See manage.py models, or name the path of a .gguf file."
            found.append(Warning(text, hint=hint, id="inference.W001"))
    return found


@register(Tags.compatibility)
def options_go_together(**kwargs: Any) -> list[CheckMessage]:
    """What each variable allows, but not beside the others."""
    found: list[CheckMessage] = []
    default = served()[0]
    if settings.LLM_KV_TYPE != "f16" and settings.LLM_FLASH_ATTENTION is False:
        hint = "Set LLM_FLASH_ATTENTION=auto, or LLM_KV_TYPE=f16."
        text = f"LLM_KV_TYPE={settings.LLM_KV_TYPE} needs flash attention, which is off."
        found.append(Error(text, hint=hint, id="inference.E002"))
    if default.wanted.kind == "embedding":
        hint = "Make a chat model the default by LLM_NAME, and list this one in LLM_MODELS."
        found.append(
            Error(
                "The default model is an embedding model, which answers no prompt.",
                hint=hint,
                id="inference.E003",
            )
        )
    if fleet.uses_local() and default.context_tokens <= settings.LLM_MAX_TOKENS:
        text = f"LLM_MAX_TOKENS leaves no room for a prompt in {default.context_tokens} tokens."
        hint = "Raise LLM_CONTEXT, or lower LLM_MAX_TOKENS: a prompt and its answer share it."
        found.append(Warning(text, hint=hint, id="inference.W003"))
    if 0 < settings.LLM_KV_TOKENS < settings.LLM_CONTEXT:
        text = "LLM_KV_TOKENS is less than LLM_CONTEXT, so no prompt can have that much."
        hint = "Raise LLM_KV_TOKENS, set it to 0, or lower LLM_CONTEXT."
        found.append(Warning(text, hint=hint, id="inference.W004"))
    return found


@register(Tags.compatibility)
def backends_can_be_used(**kwargs: Any) -> list[CheckMessage]:
    """Everything that is wrong with the file, at once."""
    if not settings.BACKENDS_FILE:
        return []
    try:
        table = fleet.table()
    except TableInvalid as error:
        hint = "Correct the file that BACKENDS_FILE names; docs/MODELS.md shows a whole one."
        return [Error(problem, hint=hint, id="inference.E004") for problem in error.problems]
    hint = "Give it an https address, or say `local = true` if the way there is yours alone."
    return [
        Warning(
            f"[backends.{server.name}]: its key would travel unencrypted.", hint=hint, id="inference.W007"
        )
        for server in table.servers
        if server.remote is not None and server.remote.api_key and not server.is_local
        if server.remote.base_url.startswith("http://")
    ]


@register(Tags.security, deploy=True)
def prefixes_are_private(**kwargs: Any) -> list[CheckMessage]:
    """The folder holds what operators and callers wrote at the beginning of prompts."""
    if not settings.LLM_PREFIX_DIR:
        return []
    folder = Path(settings.LLM_PREFIX_DIR)
    if not folder.exists():
        wrong = "" if os.access(folder.parent, os.W_OK) else "cannot be made"
    elif not folder.is_dir() or not os.access(folder, os.W_OK):
        wrong = "cannot be written"
    else:
        wrong = "can be read by others" if folder.stat().st_mode & 0o077 else ""
    if not wrong:
        return []
    hint = "Make it a folder that only the service's account may enter (chmod 700), or leave it empty."
    return [Warning(f"LLM_PREFIX_DIR {wrong}.", hint=hint, id="inference.W005")]


@register(Tags.compatibility, deploy=True)
def pinned_models_fit(**kwargs: Any) -> list[CheckMessage]:
    """Those that are there, with one slot each."""
    needed, budget = 0, memory_budget()
    for model in served():
        if model.pinned and not model.lacks:
            with suppress(ModelBroken):  # said when it is loaded
                needed += need(model, slots=model.wanted.slots or settings.LLM_SLOTS or 1).total
    if needed <= budget:
        return []
    text = f"The pinned models need {needed >> 20} MiB of memory, and {budget >> 20} MiB are allowed."
    hint = "Pin fewer, give them less LLM_CONTEXT or fewer LLM_SLOTS, or raise LLM_MEMORY_MB."
    return [Warning(text, hint=hint, id="inference.W006")]


@register(Tags.compatibility, deploy=True)
def models_are_there(**kwargs: Any) -> list[CheckMessage]:
    """Only where a server is about to start."""
    hint = "Run: manage.py download_model --all"
    if not fleet.uses_local():
        return []
    return [
        Info(
            f"The model {model.name} is not downloaded; prompts for it will get 503.",
            hint=hint,
            id="inference.I001",
        )
        for model in served()
        if model.known is not None and model.lacks
    ]


def is_gguf(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False
