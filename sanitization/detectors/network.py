"""Names of machines and places on networks: MAC addresses, IMEI, URLs, domains."""

from stdnum import imei

from sanitization.detectors.base import ContextualDetector, PatternDetector
from sanitization.spans import Action

# The domains that people write without a scheme. A full list would take every `README.md` for one.
_TOP = (
    r"(?:com|org|net|edu|gov|mil|int|info|biz|name|io|ai|app|dev|co|me|tv|us|uk|de|fr|it|es|nl|be|ch|at|se|no|"
    r"fi|dk|pl|cz|pt|ie|ru|ua|jp|cn|kr|in|au|nz|br|mx|ca|za|eu|xyz|online|site|shop|cloud|tech)"
)


class MacAddress(PatternDetector):
    """MAC addresses (IEEE 802, EUI-48) in the usual three notations."""

    rule = "mac_address"
    aliases = ("MAC_ADDRESS",)
    needs = r"[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\."
    pattern = (
        r"[^A-Za-z0-9:.-](?P<value>[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})"
        r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?:[^A-Za-z0-9:-]|:(?:[^0-9A-Fa-f]|$)|$)"
    )

    def accept(self, candidate: str) -> int:
        digits = {char for char in candidate.lower() if char.isalnum()}
        return len(candidate) if len(digits) > 1 else 0  # neither all zeros nor broadcast is anybody's


class Imei(ContextualDetector):
    """Numbers of mobile telephones (IMEI, 3GPP TS 23.003) with the right check digit, next to their name."""

    rule = "imei"
    aliases = ("IMEI",)
    context = ("imei",)
    needs = r"\d{2}"
    pattern = r"[^A-Za-z0-9](?P<value>\d{15}|\d{2}[ -]\d{6}[ -]\d{6}[ -]\d)(?:[^A-Za-z0-9]|$)"

    def accept(self, candidate: str) -> int:
        return len(candidate) if imei.is_valid(candidate) else 0


class Url(PatternDetector):
    """Web addresses with a scheme or `www.`; off unless a policy asks for it, for most are public."""

    rule = "url"
    aliases = ("URL",)
    default = Action.OFF
    keywords = ("http://", "https://", "ftp://", "www.")
    pattern = (
        r"[^A-Za-z0-9](?P<value>(?i:(?:https?|ftp)://|www\.[^\s<>\"'`.]{1,80}\.)[^\s<>\"'`{}|\\^\[\]]{3,400})"
    )

    def accept(self, candidate: str) -> int:
        return len(candidate.rstrip(".,;:!?)"))


class Domain(PatternDetector):
    """Domain names without a scheme, under the most common top-level domains; off unless a policy asks."""

    rule = "domain"
    aliases = ("DOMAIN_NAME", "DOMAIN")
    default = Action.OFF
    needs = r"[A-Za-z0-9]\.[A-Za-z]{2}"
    pattern = (
        r"[^A-Za-z0-9@._-](?P<value>(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,4}"
        rf"(?i:{_TOP}))(?:[^A-Za-z0-9_@.-]|\.(?:[^A-Za-z0-9]|$)|$)"
    )

    def accept(self, candidate: str) -> int:
        return len(candidate)
