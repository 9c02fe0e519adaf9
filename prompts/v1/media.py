"""
Images and recordings in a content. Nobody here can look into them, so what is taken is what is no text: bytes
that are what they say, and no address that a model server would have to fetch.
"""

import base64
import binascii
from typing import Any, get_args

from inference.backends import Detail, Media
from prompts.errors import RequestRefused
from prompts.fields import OneOf, check_names, required

DETAIL = OneOf(get_args(Detail))
# How the bytes of each kind begin.
IMAGES: dict[str, tuple[bytes, ...]] = {
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/gif": (b"GIF87a", b"GIF89a"),
    "image/webp": (b"RIFF",),
}
RECORDINGS: dict[str, tuple[bytes, ...]] = {
    "wav": (b"RIFF",),
    "mp3": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xfa"),
}
# For the schema: what it cannot say is that the bytes begin as their kind does.
BASE64 = {"type": "string", "pattern": r"^[A-Za-z0-9+/]+={0,2}$"}
IMAGE_ADDRESS = {"type": "string", "pattern": r"^data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$"}


def read_image_url(part: dict[str, Any], at: str) -> Media:
    """Of chat completions, where the address stands in an object."""
    check_names(part, ("type", "image_url"), (), at=at)
    given, at = required(part, "image_url", at=at), f"{at}.image_url"
    if not isinstance(given, dict):
        raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
    check_names(given, ("url", "detail"), (), at=at)
    return _image(required(given, "url", at=at), given.get("detail"), f"{at}.url")


def read_input_image(part: dict[str, Any], at: str) -> Media:
    """Of responses."""
    check_names(part, ("type", "image_url", "detail"), ("file_id",), at=at)
    return _image(required(part, "image_url", at=at), part.get("detail"), f"{at}.image_url")


def read_input_audio(part: dict[str, Any], at: str) -> Media:
    check_names(part, ("type", "input_audio"), (), at=at)
    given, at = required(part, "input_audio", at=at), f"{at}.input_audio"
    if not isinstance(given, dict):
        raise RequestRefused(f"`{at}` must be an object.", param=at, code="invalid_type")
    check_names(given, ("data", "format"), (), at=at)
    kind = OneOf(tuple(RECORDINGS)).read(required(given, "format", at=at), f"{at}.format")
    return Media("audio", kind, _data(required(given, "data", at=at), RECORDINGS[kind], f"{at}.data"))


def _image(url: Any, detail: Any, param: str) -> Media:
    head, _, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    kind = head.removeprefix("data:").removesuffix(";base64")
    if head != f"data:{kind};base64" or kind not in IMAGES:
        sentence = f"`{param}` must be the image itself: data:TYPE;base64,… of {', '.join(IMAGES)}."
        raise RequestRefused(sentence, param=param, code="unsupported_content")
    level: Any = None if detail is None else DETAIL.read(detail, f"{param.rpartition('.')[0]}.detail")
    return Media("image", kind, _data(data, IMAGES[kind], param), level)


def _data(given: Any, beginnings: tuple[bytes, ...], param: str) -> str:
    """base64 of what begins so, as one line."""
    try:
        raw = base64.b64decode(given, validate=True) if isinstance(given, str) else b""
    except (binascii.Error, ValueError):
        raw = b""
    if not raw.startswith(beginnings):
        sentence = f"`{param}` is not base64 of what it is said to be."
        raise RequestRefused(sentence, param=param)
    return str(given)
