"""
Looks for raw values wherever something may have been written, also as they look when something has encoded
them.
"""

import base64
import json
import urllib.parse

from ahocorasick_rs import BytesAhoCorasick

SHORTEST = 8  # of an encoded form: less would be found by chance


def forms(value):
    """The bytes that betray the value: as it is, in URLs, in JSON, in hexadecimal digits and in base64, where
    it may begin anywhere in a longer text."""
    raw = value.encode()
    found = {
        raw,
        urllib.parse.quote(value, safe="").encode(),
        urllib.parse.quote_plus(value).encode(),
        json.dumps(value)[1:-1].encode(),
        json.dumps(value)[1:-1].replace("/", "\\/").encode(),
        raw.hex().encode(),
    }
    for shift in range(3):
        # Characters that hold bits of the neighbours are left off.
        first, end = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found.add(encode(b"\0" * shift + raw)[first:end])
    return {form for form in found if len(form) >= min(SHORTEST, len(raw))}


def found(values, places):
    """(place, value) of each value that is in a place. `places` are bytes by name."""
    values = list(dict.fromkeys(values))
    owners, patterns = [], []
    for value in values:
        for form in sorted(forms(value)):
            owners.append(value)
            patterns.append(form)
    if not patterns:
        return []
    searcher = BytesAhoCorasick(patterns)
    return sorted(
        {
            (name, owners[index])
            for name, content in places.items()
            for index, _, _ in searcher.find_matches_as_indexes(content, overlapping=True)
        }
    )
