"""
What a message says: a text, or parts of text and media.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from inference.backends import MARK, Media
from prompts.errors import RequestRefused
from prompts.fields import check_names, required

# Which parts of a content are text, and which of their fields are known, and known but not done.
Parts = dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
TEXT_PART: Parts = {"text": (("type", "text"), ())}
# Of parts that are none: how each kind is read. Only users show something.
MediaReaders = Mapping[str, Callable[[dict[str, Any], str], Media]]
NO_MEDIA: MediaReaders = {}


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says: its text, and the media at the marks in it, with what they are called there."""

    text: str
    media: tuple[Media, ...] = ()
    at: tuple[int, ...] = ()


def read_content(
    content: Any, param: str, parts: Parts = TEXT_PART, media: MediaReaders = NO_MEDIA
) -> Content:
    """Parts that are text become lines of one text, so that a value that is split over two is still seen."""
    if isinstance(content, str):
        return Content(content)
    names = " or ".join((*parts, *media))
    if not isinstance(content, list) or not content:
        sentence = f"`{param}` must be a string or an array of parts of type {names}."
        raise RequestRefused(sentence, param=param, code="invalid_type")
    texts, found = [], {}
    for number, part in enumerate(content):
        at = f"{param}[{number}]"
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and kind in media:
            found[number] = media[kind](part, at)
            texts.append(MARK)
            continue
        if not isinstance(kind, str) or kind not in parts:
            sentence = f"`{at}`: only parts of type {names} are taken here."
            raise RequestRefused(sentence, param=f"{at}.type", code="unsupported_content")
        check_names(part, *parts[kind], at=at)
        text = required(part, "text", at=at)
        if not isinstance(text, str):
            raise RequestRefused(f"`{at}.text` must be a string.", param=f"{at}.text", code="invalid_type")
        texts.append(text)
    text = "\n".join(texts)
    if found and text.count(MARK) > len(found):
        sentence = (
            f"`{param}`: U+FFFC cannot stand in a text beside images or recordings: it says where they are."
        )
        raise RequestRefused(sentence, param=param)
    return Content(text, (*found.values(),), (*found,))
