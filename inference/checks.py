"""
What would otherwise be found when the model is loaded. None of it stops the start: without a model everything
but answering works, and /readyz says why.

    inference.W001   LLM_NAME is neither in the catalogue nor a file in the models' folder
    inference.W002   LLM_MODEL_PATH is not a GGUF file
    inference.I001   the model is not downloaded: prompts get 503
"""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info, Tags, Warning, register

from inference import catalogue
from inference.composition import model_path


@register(Tags.compatibility)
def a_model_is_named(**kwargs: Any) -> list[CheckMessage]:
    """What would otherwise be found when the model is loaded."""
    path = model_path()
    if settings.LLM_MODEL_PATH:
        if is_gguf(path):
            return []
        hint = "Point it at a .gguf file, or unset it and use LLM_NAME."
        return [Warning("LLM_MODEL_PATH is not a GGUF file.", hint=hint, id="inference.W002")]
    if catalogue.find(settings.LLM_NAME) is None and not is_gguf(path):
        hint = "See manage.py download_model --list, or set LLM_MODEL_PATH to a file."
        return [Warning("LLM_NAME is not in the catalogue.", hint=hint, id="inference.W001")]
    return []


@register(Tags.compatibility, deploy=True)
def the_model_is_there(**kwargs: Any) -> list[CheckMessage]:
    """Only where a server is about to start."""
    if model_path().is_file():
        return []
    hint = "Run: manage.py download_model"
    return [Info("The model is not downloaded; prompts will get 503.", hint=hint, id="inference.I001")]


def is_gguf(path: Any) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False
