"""Credentials whose shape no single vendor owns: tokens, keys and logins in a telling place."""

import re
from base64 import b64decode

from sanitization.detectors.base import LOOKBACK, PatternDetector
from sanitization.detectors.vendors.forms import Secret
from sanitization.detectors.wording import (
    DOTTED,
    ELSEWHERE,
    IN_ITS_PLACE,
    UUID,
    is_by_chance,
    is_in_its_place,
    is_name,
)
from sanitization.rules import Category

_PREFIXED = re.compile(r"[a-z]{2,10}[_-][A-Za-z0-9_-]+")
_HEXADECIMAL = re.compile(r"(?:[a-z]{2,8}[_-])*[0-9A-Fa-f_-]+")
# Five letters of the alphabet in a row, or digits: nobody's random choice.
_ORDERS = "abcdefghijklmnopqrstuvwxyz", "1234567890"
_IN_ORDER = re.compile("|".join(order[at : at + 5] for order in _ORDERS for at in range(len(order) - 4)))


class JsonWebToken(PatternDetector):
    """RFC 7519 tokens in compact form: two base64url JSON objects and a signature, which may be empty.

    The signature has to begin within LIMIT characters, and what is behind those is no part of it.
    """

    rule = "jwt"
    version = 2
    category = Category.SECRET
    keywords = ("ey",)
    pattern = r"ey[A-Za-z0-9_-]{15,}\.ey[A-Za-z0-9/\\_-]{15,}\.(?:[A-Za-z0-9/\\_-]{10,}={0,2})?"
    LIMIT = 16_384
    reach = LIMIT

    def find(self, text: str, start: int, limit: int) -> tuple[int, int] | None:
        while found := super().find(text, start, limit):
            begin, end = found
            signature = text.index(".", text.index(".", begin) + 1)
            if signature - begin < self.LIMIT:
                return begin, min(end, begin + self.LIMIT)
            start = signature - self.LIMIT + 1
        return None


class JsonWebTokenEncoded(PatternDetector):
    """JSON Web Tokens that were encoded in base64 once more, as in Kubernetes secrets."""

    rule = "jwt_base64"
    category = Category.SECRET
    keywords = ("zxlk",)
    pattern = r"ZXlK[A-Za-z0-9+/_-]{80,}={0,2}"


class UrlPassword(PatternDetector):
    """The password in scheme://user:password@host (RFC 3986, section 3.2.1)."""

    rule = "url_password"
    category = Category.SECRET
    score = 0.95
    keywords = ("://",)
    pattern = (
        r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/?#:\"'<>]{0,128}:"
        r"(?P<value>[^\s/@\[\]\"'<>`]{1,256})@[A-Za-z0-9\[]"
    )

    def accept(self, candidate: str) -> int:
        shown = candidate.lower() in IN_ITS_PLACE or not candidate.strip("*x.")
        return 0 if shown or candidate.startswith(("$", "{", "#{", "%(", "%s")) else len(candidate)


class AwsSecretKey(Secret):
    """The 40 characters of an AWS secret access key, which only their name or their id tells from a hash."""

    rule = "aws_secret_key"
    keywords = ("aws", "secret", "akia", "asia")
    randomness = 3.5
    pattern = (
        r"(?:(?i:aws.{0,20}secret|secret.{0,3}access.{0,3}key|secret.{0,3}key)[\w .-]{0,20}"
        r"[\"']?\s{0,3}(?i:=>|:=|=|:|is|,)\s{0,3}[\"'`]?|(?:AKIA|ASIA)[A-Z0-9]{16}"
        r"[^A-Za-z0-9+/](?:(?s:.){0,60}?[\s\"'`:=,;|>])?)(?P<value>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"
    )

    def accept(self, candidate: str) -> int:
        # Forty hexadecimal digits are a commit.
        mixed = any(map(str.isupper, candidate)) and any(map(str.islower, candidate))
        return super().accept(candidate) if mixed else 0


class AzureStorageKey(PatternDetector):
    """Azure storage account keys: 64 bytes in base64, always with two equals signs."""

    rule = "azure_storage_key"
    category = Category.SECRET
    keywords = ("==",)
    # As many bytes as SHA-512 has, which lock files write behind a hyphen: sha512-…
    pattern = r"[^A-Za-z0-9/+_-](?P<value>[A-Za-z0-9/+]{86}==)"


class AuthorizationHeader(Secret):
    """The credentials in an HTTP Authorization header (RFC 9110, section 11.6.2), and bearer tokens."""

    rule = "authorization_header"
    version = 3
    keywords = ("authorization", "bearer ")
    randomness = 2.5
    pattern = (
        r"(?i:authorization)[\"'`\]]{0,2}\s{0,3}(?:[:=,]|=>)\s{0,3}[\"'`]{0,2}(?i:(?:basic|bearer|token|api-?token|"
        r"api-?key|digest|negotiate|key|ssws|bot)[\s:=]{1,3}[\"']?)?(?P<value>[A-Za-z0-9+/_.~:=-]{12,400})"
        r"|(?i:bearer) (?P<bearer>[A-Za-z0-9+/_.~=-]{20,400})"
    )

    def accept(self, candidate: str) -> int:
        return 0 if is_name(candidate) else super().accept(candidate)


class CurlCredentials(PatternDetector):
    """User and password on the command line of curl (`-u`, `--user`) and wget."""

    rule = "curl_credentials"
    version = 2
    category = Category.SECRET
    keywords = ("curl", "wget")
    pattern = (
        r"(?i:curl|wget)\b[^\n]{0,200}?(?:\\\n[^\n]{0,100}?)?\s(?:-u|--user|--proxy-user|-U)[ =]?\s{0,3}"
        r"(?P<value>[\"'][^\s:\"']{1,64}:[^\n\"']{3,64}[\"']|[^\s:\"'$]{1,64}:(?:'[^\n']{3,64}'|[^\s\"'$]{3,64}))"
    )

    def accept(self, candidate: str) -> int:
        password = candidate.partition(":")[2].strip("\"'")
        told = any(map(str.isdigit, password)) or is_by_chance(password)
        return len(candidate) if told and len(password) >= 6 and not ELSEWHERE.search(candidate) else 0


class ConnectionString(PatternDetector):
    """Passwords and keys in connection strings: `Server=…;Password=…`, `AccountKey=…`."""

    rule = "connection_string"
    category = Category.SECRET
    keywords = ("password", "pwd", "accountkey=", "sharedaccesskey=")
    pattern = (
        r"(?i:[;?&] ?(?:password|pwd) ?= ?|accountkey=|sharedaccesskey=)"
        r"(?P<value>\"[^\"\n]{4,128}\"|'[^'\n]{4,128}'|[^\s;&\"'<>]{4,128})"
    )

    def accept(self, candidate: str) -> int:
        return 0 if is_in_its_place(candidate) else len(candidate)


class NetrcPassword(PatternDetector):
    """Passwords in .netrc files."""

    rule = "netrc_password"
    category = Category.SECRET
    keywords = ("machine", "default")
    pattern = (
        r"(?:(?i:machine)\s{1,3}\S{1,80}|default)\s{1,5}login\s{1,3}\S{1,80}\s{1,5}password\s{1,3}"
        r"(?P<value>\S{2,128})"
    )

    def accept(self, candidate: str) -> int:
        return 0 if ELSEWHERE.match(candidate) else len(candidate)


class SessionId(Secret):
    """What logs its bearer in, by the names of cookies: `sessionid=…`, `PHPSESSID=…`, `connect.sid=…`."""

    rule = "session_id"
    randomness = 3.2
    keywords = (
        *("session=", "sessionid=", "session_id=", "sessid=", "sid=", "csrftoken=", "xsrf-token="),
        *("remember_me=", "remember_token=", "remember_user_token="),
    )
    pattern = (
        r"(?i:session(?:_?id)?|sessid|\bsid|[._-]sid|csrftoken|xsrf-token|remember_(?:me|token|user_token))"
        r"=[\"']?(?P<value>[A-Za-z0-9_.%+/~-]{16,400}={0,2})"
    )

    def accept(self, candidate: str) -> int:
        own = candidate.rstrip(".")  # a point ends the sentence
        return 0 if is_name(own) or DOTTED.fullmatch(own) else super().accept(own)


class PgpassPassword(PatternDetector):
    """Passwords in .pgpass files of PostgreSQL: `host:5432:database:user:password`."""

    rule = "pgpass_password"
    category = Category.SECRET
    keywords = (":5432:",)
    pattern = r"[\w.*-]{1,100}:5432:[\w.*-]{1,64}:[\w.@*-]{1,64}:(?P<value>[^\s:\"'`<>]{4,128})"

    def accept(self, candidate: str) -> int:
        return 0 if is_in_its_place(candidate) else len(candidate)


class DockerAuth(PatternDetector):
    """User and password in Docker's config.json, in base64: `"auth": "…"`."""

    rule = "docker_auth"
    category = Category.SECRET
    keywords = ('"auth"',)
    pattern = r'"auth"\s{0,4}:\s{0,4}"(?P<value>[A-Za-z0-9+/]{6,400}={0,2})"'

    def accept(self, candidate: str) -> int:
        try:
            user, colon, password = b64decode(candidate, validate=True).decode().partition(":")
        except ValueError:
            return 0
        return len(candidate) if user and colon and password and user.isprintable() else 0


class NpmrcToken(Secret):
    """The token, login or password of a registry in .npmrc: `_authToken`, `_auth` and `_password`."""

    rule = "npmrc_token"
    keywords = ("_auth", "_password")
    pattern = (
        r"[:\s\"/](?i:_authToken|_auth|_password)[\"']?\s{0,3}[=:]\s{0,3}[\"']?"
        r"(?P<value>[A-Za-z0-9+/_.=~-]{8,300})(?:[^A-Za-z0-9+/_.=~-]|$)"
    )


class KubernetesSecret(PatternDetector):
    """The entries of a Kubernetes Secret manifest: names, and values in base64, behind `data`."""

    rule = "kubernetes_secret"
    version = 2
    category = Category.SECRET
    keywords = ("kind", "data")
    _KIND = r"(?i:kind[\"']?:\s{0,3}[\"']?secret)\b"
    _ENTRY = r"[\w.\"'-]{1,64}:\s{0,3}[\"']?[A-Za-z0-9+/]{8,}={0,2}[\"']?"
    _NEXT = r",?[ \t\r]*\n(?:[ \t]*#[^\n]*\n)*[ \t]{1,16}"
    _ENTRIES = rf"{_ENTRY}(?:{_NEXT}{_ENTRY})*"
    _DATA = r"\bdata\"?:[ \t]*\{?\s{0,3}(?:[ \t]*#[^\n]*\n)*[ \t]{0,16}"
    pattern = (
        rf"{_KIND}(?s:.){{0,600}}?\n[ \t]{{0,8}}\"?{_DATA}(?P<a>{_ENTRIES})"
        rf"|{_DATA}(?P<b>{_ENTRIES})\s{{1,5}}\"?{_KIND}"
    )


_JOINTS = ("", "_", ".", " ", "-")
_KINDS = (
    *("api", "access", "auth", "private", "encryption", "signing"),
    *("client", "master", "account", "service", "admin", "session"),
)
_KEYS = [f"{kind}{joint}key" for kind in _KINDS for joint in _JOINTS]


def _is_random(text: str, *, digits: int) -> bool:
    """Whether the longest stretch of letters and digits is like no word: digits in so many places of it, and
    capitals among small letters or great length.
    """
    longest = max(re.split("[^A-Za-z0-9]", text), key=len)
    mixed = any(map(str.isupper, longest)) and any(map(str.islower, longest))
    spread = len(re.findall("[0-9]+", longest)) >= digits
    return spread and len(longest) >= (16 if mixed else 32)


class PrefixedToken(Secret):
    """What looks like the token of some vendor: a short word, and behind it random letters and digits."""

    rule = "prefixed_token"
    score = 0.6
    randomness = 4.0
    needs = r"[_-][A-Za-z0-9_-]{30}"
    pattern = (
        r"(?:\\[nrt]|[^A-Za-z0-9_/-])"
        r"(?P<value>[a-z][a-z0-9]{1,11}(?:[_-][a-z0-9]{1,8}){0,3}[_-][A-Za-z0-9_-]{30,160})(?:[^A-Za-z0-9_+/=-]|$)"
    )

    def accept(self, candidate: str) -> int:
        tail = re.split("[_-]", candidate, maxsplit=1)[1]
        cases = any(map(str.isupper, tail)) and any(map(str.islower, tail))
        made_up = _HEXADECIMAL.fullmatch(tail) or _IN_ORDER.search(tail.lower())
        if not cases or made_up or not _is_random(tail, digits=3):
            return 0
        return super().accept(candidate)


class GenericSecret(Secret):
    """Anything random that is assigned to a name such as token, secret or api key."""

    rule = "generic_secret"
    version = 2
    score = 0.8
    randomness = 3.4
    keywords = ("token", "secret", "credential", *_KEYS, *(f"access{joint}code" for joint in _JOINTS))
    pattern = (
        r"(?i:token|secret|credentials?|access[_. -]?code|(?:api|access|auth|private|encryption|signing|"
        r"client|master|account|service|admin|session)[_. -]?key)"
        r"(?i:s|[_. -]?(?:value|string|hash|b(?:ase)?64|prod|dev|live|key|token))?(?:[_.-][\w.-]{0,20})?"
        r"(?:(?:[\"'`]\]?)?\s{0,3}(?:=>|:{1,3}=|\|\||\?=|\.=|[=>:,])[\s'\"`=]{0,5}"
        r"|\s(?i:is|was)(?i: now)?:?\s{1,2}[\"'`]?)"
        r"(?:(?P<value>[A-Za-z0-9_.+/=~!@#$%^&*-]{16,150})(?:[^A-Za-z0-9_.+/=-]|\.(?:[^A-Za-z0-9]|$)|$)"
        r"|[\"'](?P<quoted>[A-Za-z0-9_.+/=~!@#$%^&*()-]{16,150})[\"'])"
    )

    def least(self, candidate: str) -> float:
        if len(candidate) >= 32 and _HEXADECIMAL.fullmatch(candidate):
            return 3.0  # of 32 random hexadecimal digits one in seven has less than 3.4
        return self.randomness if len(candidate) >= 20 else 3.2

    def rate(self, text: str, begin: int) -> float:
        name = text[max(0, begin - LOOKBACK) : begin].rpartition("\n")[2].lower()
        return 0.4 if "public" in name or "publishable" in name else self.score

    def accept(self, candidate: str) -> int:
        if not super().accept(candidate) or is_name(candidate) or ELSEWHERE.match(candidate):
            return 0
        if any(one.fullmatch(candidate) for one in (DOTTED, UUID)):
            return 0
        if _PREFIXED.fullmatch(candidate) and not _is_random(candidate, digits=2):
            return 0
        dummy = ".." in candidate or "12345678" in candidate
        short = len(candidate) < 20 and candidate == candidate.lower()
        return 0 if dummy or short else len(candidate.rstrip("."))  # which ends the sentence
