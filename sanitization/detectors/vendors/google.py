"""Keys of Google, and which of them everybody knows."""

from hashlib import sha256

from sanitization.detectors.vendors.forms import LEFT, Secret

# The first 16 hex digits of SHA-256 of keys that Google itself publishes, in samples of Firebase and others;
# Gitleaks' public configuration lists them. Finding one of them says nothing.
_PUBLISHED = frozenset(
    (
        "f56e323494a6ffc2",
        "2037abcaffb2b777",
        "3f370c9dd8225c63",
        "e4a5542bb7fd7b67",
        "a19f89ab3555eac1",
        "0b476bdf9acf2123",
        "eb540d2b6ee2a0a4",
        "37f8f09bdf12c2f2",
        "8731261cb72d8626",
        "49f777db995e8260",
        "27a9a42931dff7eb",
        "dc0fcf046c61640c",
        "4c98242dcadc8b29",
        "ea9bb1082cf95663",
        "3a8b61d0f636b007",
        "a6c814bc555ae62c",
    )
)


class GoogleKey(Secret):
    """Google API keys, OAuth client secrets, access and refresh tokens."""

    rule = "google_key"
    version = 2
    keywords = ("aiza", "gocspx-", "ya29.", "1//0")
    pattern = (
        rf"{LEFT}(?P<value>AIza[A-Za-z0-9_-]{{35}}|GOCSPX-[A-Za-z0-9_-]{{28}}"
        r"|ya29\.[A-Za-z0-9_-]{20,400}|1//0[A-Za-z0-9_-]{40,120})(?:[^A-Za-z0-9_-]|$)"
    )

    def accept(self, candidate: str) -> int:
        published = sha256(candidate.encode()).hexdigest()[:16] in _PUBLISHED
        return 0 if published else super().accept(candidate)
