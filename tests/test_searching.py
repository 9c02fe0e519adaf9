"""What looks for raw values finds them."""

import base64
import json
import urllib.parse

import pytest

from tests.searching import found

VALUE = "ann.smith+x@corp.example/ü"


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
@pytest.mark.parametrize("after", ["", "z", "zy"])
@pytest.mark.parametrize(
    "encode",
    [
        str.encode,
        lambda text: base64.b64encode(text.encode()),
        lambda text: base64.urlsafe_b64encode(text.encode()),
        lambda text: urllib.parse.quote(text, safe="").encode(),
        lambda text: urllib.parse.quote_plus(text).encode(),
        lambda text: json.dumps(text).encode(),
        lambda text: text.encode().hex().encode(),
    ],
)
def test_a_value_is_found_however_it_is_written_and_wherever(before, after, encode):
    assert found([VALUE], {"log": b"12" + encode(before + VALUE + after)}) == [("log", VALUE)]


def test_what_is_not_there_is_not_found():
    assert found([VALUE], {"log": b"ann.smith+x at corp.example", "empty": b""}) == []
    assert found([], {"log": b"anything"}) == []
