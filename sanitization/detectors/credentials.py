"""Credentials whose shape no single vendor owns: tokens, keys and passwords in a telling place."""

import re
from base64 import b64decode

from sanitization.detectors.base import LOOKBACK, PatternDetector
from sanitization.detectors.vendors.forms import Secret, is_worded
from sanitization.normalize import fold
from sanitization.rules import Category

# A word of code rather than a value: names, paths, calls, references to where the value really is.
_DOTTED = re.compile(r"[A-Za-z_]\w{0,39}(?:\.[A-Za-z_]\w{0,39})+")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_PREFIXED = re.compile(r"[a-z]{2,10}[_-][A-Za-z0-9_-]+")
_IDENTIFIER = re.compile(
    r"[A-Za-z_]+(?:[._-][A-Za-z_]+)*\d{0,2}|[a-z]+(?:[A-Z][a-z]+)+\d{0,2}|[./~]?(?:/[\w.-]+)+/?"
)
_HEXADECIMAL = re.compile(r"(?:[a-z]{2,8}[_-])*[0-9A-Fa-f_-]+")
# Five letters of the alphabet in a row, or digits: nobody's random choice.
_ORDERS = "abcdefghijklmnopqrstuvwxyz", "1234567890"
_IN_ORDER = re.compile("|".join(order[at : at + 5] for order in _ORDERS for at in range(len(order) - 4)))
# What people take for a password; `password1` is what code calls a variable.
_WORD_AND_NUMBER = re.compile(r"(?!pass|pwd|secret|arg|param|value)[A-Za-z][a-z]+\d+")
_ELSEWHERE = re.compile(
    r"[$%{<\[(]|process\.env|os\.environ|getenv|secrets\.|vault:|env\.|https?:", re.IGNORECASE
)


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
        shown = candidate.lower() in _WORDS or not candidate.strip("*x.")
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
        return 0 if _is_name(candidate) else super().accept(candidate)


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
        told = any(map(str.isdigit, password)) or _is_by_chance(password)
        return len(candidate) if told and len(password) >= 6 and not _ELSEWHERE.search(candidate) else 0


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
        shown = candidate.lower() in _WORDS or not candidate.strip("*x.") or _ELSEWHERE.match(candidate)
        return 0 if shown else len(candidate)


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
        return 0 if _ELSEWHERE.match(candidate) else len(candidate)


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
        return 0 if _is_name(candidate) or _DOTTED.fullmatch(candidate) else super().accept(candidate)


class PgpassPassword(PatternDetector):
    """Passwords in .pgpass files of PostgreSQL: `host:5432:database:user:password`."""

    rule = "pgpass_password"
    category = Category.SECRET
    keywords = (":5432:",)
    pattern = r"[\w.*-]{1,100}:5432:[\w.*-]{1,64}:[\w.@*-]{1,64}:(?P<value>[^\s:\"'`<>]{4,128})"

    def accept(self, candidate: str) -> int:
        return 0 if _ELSEWHERE.match(candidate) or candidate.lower() in _WORDS else len(candidate)


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


def _is_name(text: str) -> bool:
    """Whether it stands for a value rather than being one: the name of a variable, or a path."""
    has_digit = any(map(str.isdigit, text))
    return (not has_digit or bool(_IDENTIFIER.fullmatch(text))) and is_worded(text, share=0.6)


def _is_by_chance(text: str) -> bool:
    """Whether it changes between small letters and capitals as no name does, which needs no digit."""
    share = 0.6 if len(text) >= 10 else 0.3  # names of a few short words look random sooner
    return len(text) >= 8 and not is_worded(text, share=share)


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
        if not super().accept(candidate) or _is_name(candidate) or _ELSEWHERE.match(candidate):
            return 0
        if any(one.fullmatch(candidate) for one in (_DOTTED, _UUID)):
            return 0
        if _PREFIXED.fullmatch(candidate) and not _is_random(candidate, digits=2):
            return 0
        dummy = ".." in candidate or "12345678" in candidate
        short = len(candidate) < 20 and candidate == candidate.lower()
        return 0 if dummy or short else len(candidate)


def _read_as(words: str, joint: str = " ") -> tuple[str, ...]:
    """In every case, as the folded text has them."""
    given = [word.replace("_", joint) for word in words.split()]
    return tuple(
        sorted({fold(form)[0].lower() for word in given for form in (word, word.upper(), word.capitalize())})
    )


_ENGLISH = r"(?i:passw(?:or)?d|passcode|passphrase|pwd)[\w.-]{0,20}"
_FOREIGN_NAMES = _read_as(
    "passwort kennwort mot_de_passe contraseña contrasena senha wachtwoord lösenord hasło parola пароль "
    "密码 密碼 口令 パスワード 비밀번호 رمز_عبور گذرواژه كلمة_المرور"
)
_FOREIGN = f"(?i:{'|'.join(_FOREIGN_NAMES)})"
_OF = rf"(?i:for|of|to|on|from|{'|'.join(_read_as('für von zu zum zur de del du da do pour para от для к'))})"
_WHOSE = rf"(?:\s{_OF}\s[^\n\"'`=:;,(){{}}<>]{{1,40}}?)?"
_IS = rf"(?i:{'|'.join(_read_as('ist lautet war est es é è это من'))}|-)"
_IS_WITHOUT_BLANKS = "[是为為は는은]"
_ASSIGNS = r"(?:[\"'`]{0,2}\s{0,8}(?:=>|:=|[=:])[ \t]{0,3}|>)"
# What takes a password on the command line.
_TOOLS = ("mysql", "mariadb", "sshpass", "ssh-keygen")
_OPTIONS = (
    r"--(?i:password|passwd|passphrase|pass|pwd)[ \t]{1,3}",
    r"\b(?:mysql|mariadb)(?:dump|admin)?\b[^\n|;&]{0,80}?\s-p",
    r"\bsshpass\s{1,3}-p\s{0,3}",
    r"\bssh-keygen\b[^\n|;&]{0,80}?\s-[NP]\s{1,3}",
)
_QUOTED = r"\"[^\"\n]{4,64}\"|'[^'\n]{4,64}'|`[^`\n]{4,64}`"
_BARE = r"[^\s\"'`,;<>(){}\[\]]{5,64}"
_REFERENCE = re.compile(r"\$+\w+(?:(?:->|[.:]+)\w+)*[-.:]*|%[\w.]+%")
_HYPHENATED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+){1,2}")  # with more it is a passphrase


class Password(PatternDetector):
    """Passwords and passphrases that are assigned in code and configuration, or told in a sentence.

    In a sentence only what no word looks like is taken: it holds a digit or a symbol, or changes between
    small letters and capitals as no name does. A password that is a plain word is found where it is quoted
    behind an assignment.
    """

    rule = "password"
    version = 2
    category = Category.SECRET
    score = 0.75
    keywords = ("passw", "passcode", "passphrase", "pwd", "pass", "pw", *_FOREIGN_NAMES, *_TOOLS)
    pattern = (
        rf"(?:{_ENGLISH}|[_-](?i:pass)|{_FOREIGN}){_WHOSE}{_ASSIGNS}(?:(?P<quoted>{_QUOTED})|(?P<bare>{_BARE}))"
        rf"|{_ENGLISH}{_WHOSE}\s(?i:is|was)(?i: now| still)?:?\s{{1,2}}[\"'`]?(?P<told>[^\s\"'`]{{5,64}})"
        rf"|{_FOREIGN}{_WHOSE}(?:\s(?:{_IS}:?\s)?|\s?{_IS_WITHOUT_BLANKS}\s?)[\"'`]?"
        rf"(?P<said>[!#$%&*+./0-9:=?@A-Z\\^_a-z|~-]{{5,64}})"
        rf"|\b(?i:pass)[\"'`]?\s{{0,3}}(?:=>|[=:])[ \t]{{0,3}}(?P<short>{_QUOTED})"
        rf"|\b(?i:pw)[\"'`]?\s{{0,3}}[=:][ \t]{{0,3}}(?P<brief>{_BARE})"
        rf"|(?:{'|'.join(_OPTIONS)})[\"']?(?P<option>{_BARE})"
    )

    def judge(self, group: str, candidate: str) -> int:
        inner = candidate[1:-1] if group in ("quoted", "short") else candidate.rstrip(".,;:!?)")
        if (
            _REFERENCE.fullmatch(inner)
            or _ELSEWHERE.match(inner.lstrip("$%"))
            or _DOTTED.fullmatch(inner)
            or len(set(inner)) < 3
            or set(inner) <= set("*x.-_")
        ):
            return 0
        inner = inner.strip("$%")  # of a reference inside of it, as in `prefix-${NAME}`
        odd = any(char.isdigit() or not char.isalnum() for char in inner.strip("-_."))
        is_mixed = odd and (any(char.isalpha() for char in inner) or len(inner) >= 6)
        if group in ("quoted", "short"):
            return len(candidate) if is_mixed or (inner.isalpha() and inner.lower() not in _WORDS) else 0
        if group == "brief" and len(inner) < 8:
            return 0
        if not _is_by_chance(inner) and (
            not is_mixed or self._is_word(inner, told=group in ("told", "said"))
        ):
            return 0
        return len(inner) if group in ("told", "said") else len(candidate)

    @staticmethod
    def _is_word(text: str, *, told: bool) -> bool:
        """Of code, or of the language where it is `told` in a sentence."""
        if told:
            return bool(_HYPHENATED.fullmatch(text))
        is_name = _IDENTIFIER.fullmatch(text) and not _WORD_AND_NUMBER.fullmatch(text)
        return bool(is_name) and is_worded(text, share=0.5)


_WORDS = {
    "password",
    "passwd",
    "pass",
    "pwd",
    "yourpassword",
    "your_password",
    "secret",
    "changeme",
    "string",
    "text",
    "null",
    "none",
    "true",
    "false",
    "required",
}
