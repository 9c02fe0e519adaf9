"""
Passwords, by what they stand behind where no word assigns them: in SQL, on command lines, in configuration
that gives name and value apart, in calls that take a user and a password, and beside a user's name.
"""

import re
from typing import ClassVar

from sanitization.detectors.base import PatternDetector
from sanitization.detectors.passwords import QUOTED, Password, is_in_code, is_mixed, is_stand_in
from sanitization.detectors.wording import is_by_chance, is_in_its_place
from sanitization.rules import Category

_DIGITS = re.compile(r"\d+")
_SYMBOLS = frozenset("!@#$%^&*?")
_BARE = r"[^\s\"'`,;<>(){}\[\]]{4,64}"
# Behind it another word makes another thing of it: `PASSWORD_HASHER`, `passwordStrength`.
_NAME = (
    r"(?i:passw(?:or)?d|passphrase|passcode|pwd|[_.-]pass)"
    r"(?i:[_.-]?\d{1,3}|[_.-](?:prod|production|dev|test|staging|live|main|primary|secondary|old|new|value))?"
)


def _is_told(text: str) -> bool:
    """Whether no word and no name looks like it, wherever it stands: symbols of which a sentence has none
    inside, or several digits among small letters and capitals or in several places."""
    own, digits = text.rstrip("!?"), _DIGITS.findall(text)
    if not any(map(str.isalpha, own)) or own.startswith("@"):
        return False
    has_cases, has_symbol = own.lower() != own != own.upper(), not _SYMBOLS.isdisjoint(own)
    is_mingled = has_cases and (has_symbol or sum(map(len, digits)) >= 2)
    is_various = is_mingled or (len(digits) >= 2 and own.isalnum())
    return is_by_chance(own) or (len(own) >= 8 and is_various) or (bool(digits) and has_symbol)


def _is_near(text: str) -> bool:
    """Whether it is one beside a user's name: dates and paths are not, nor words without a digit."""
    has_digit, has_letter = any(map(str.isdigit, text)), any(map(str.isalpha, text))
    is_own = has_digit and has_letter and text.count("/") < 2 and _is_odd(text)
    return is_own or is_by_chance(text)


def _is_odd(text: str) -> bool:
    """Whether it is rather a password than the name or the description of one: no sentence, and no word."""
    if not is_mixed(text) or (" " in text and not any(map(str.isdigit, text))):
        return is_by_chance(text)
    return not is_in_code(text)


class _Login(PatternDetector):
    """`sure` groups stand where only a password does, `odd` ones where a name may, `near` ones beside a user,
    `told` ones in prose."""

    form_of: ClassVar = Password
    category = Category.SECRET
    score = Password.score

    def judge(self, group: str, candidate: str) -> int:
        is_quoted = candidate[:1] in "\"'`" and candidate[-1:] == candidate[:1]
        inner = candidate[1:-1] if is_quoted else candidate.rstrip(".,;:)\\")
        if len(inner) < 4 or is_stand_in(inner) or is_in_its_place(inner) or inner.startswith(("-", "/")):
            return 0
        if group.startswith("told") and not _is_told(inner):
            return 0
        if group.startswith("near") and not _is_near(inner):
            return 0
        if group.startswith("odd") and not _is_odd(inner):
            return 0
        return len(candidate) if is_quoted else len(inner)


_STRING = r"\"[^\"\n]{4,64}\"|'[^'\n]{4,64}'"


class SqlPassword(_Login):
    """Passwords of users in SQL: `PASSWORD '…'`, `IDENTIFIED BY '…'`, `SET PASSWORD … = PASSWORD('…')`."""

    rule = Password.rule
    keywords = ("password", "identified")
    pattern = (
        r"(?i:identified)\s{1,5}(?i:(?:with|via)\s{1,3}\S{1,40}\s{1,3})?(?i:by|using)\s{1,5}"
        rf"(?i:password\s{{0,2}}\(?\s{{0,2}}|values\s{{1,3}})?(?:(?P<odd>{_STRING})|(?P<odd_bare>{_BARE}))"
        rf"|PASSWORD\s{{1,5}}N?(?P<sure>{_STRING})"
        rf"|(?i:password)(?:\s{{1,5}}|\s{{0,3}}=\s{{0,3}}N|\s{{0,3}}\(\s{{0,3}})(?P<odd_too>{QUOTED})"
    )


# Patterns begin with a keyword, and what is found comes once for many of them: both keep the automata small.
_OTHER_OPTION = r"(?:\s{1,3}-[^\s|;&]{1,30}(?:\s{1,3}[^\s|;&-][^\s|;&]{0,40})?)"  # of which some have a value
_LINE = r"[^\n|;&]{0,80}?\s"
_LOGINS = tuple(f"{program} login" for program in ("docker", "podman", "az", "cf", "oc", "registry"))
_STORES = tuple(f"-{of}pass" for of in ("store", "srcstore", "deststore", "key", "srckey", "destkey", "new"))
_SURE = (
    rf"\b(?:mysql|mariadb)(?:dump|admin)?\b{_LINE}-p",
    rf"\bredis-cli\b{_LINE}-a\s{{1,3}}",
    rf"\bssh-keygen\b{_LINE}-[NP]\s{{1,3}}",
    rf"\bldap(?:search|modify|add|delete|passwd|whoami)\b{_LINE}-w\s{{1,3}}",
    rf"\b(?:plink|pscp|psftp|putty)\b{_LINE}-pw\s{{1,3}}",
    rf"\b(?:user(?:add|mod)|{'|'.join(_LOGINS)})\b{_LINE}-p\s{{1,3}}",
    rf"\b(?:[xw]freerdp|cmdkey|wmic|schtasks)\b{_LINE}/(?i:p|rp|pass|password):",
    r"\bsshpass\s{1,3}-p\s{0,3}",
    r"\b(?:requirepass|masterauth)\s{1,3}",
    rf"\bSETUSER\b{_LINE}>",
    rf"\b(?:mongo(?:sh|dump|restore|export|import)?{_OTHER_OPTION}{{0,4}}\s{{1,3}}-p"
    rf"|(?:sqlcmd|bcp|tsql|isql|zip|unzip){_OTHER_OPTION}{{0,4}}\s{{1,3}}-P)\s{{1,3}}",
    r"\b(?:7z[ar ]|rar\s|unrar\s)\s{0,3}[a-z](?:\s{1,3}[^\s|;&]{1,40}){0,3}?\s{1,3}-p",
    rf"\b(?:smbclient|rpcclient)\b{_LINE}-U\s{{0,2}}[\w.@\\/-]{{1,40}}%",
    r"-pass(?:in|out)?\s{1,3}pass:",
    rf"(?:{'|'.join(_STORES)})(?::\w{{1,10}})?\s{{1,3}}",
    r"\b(?:rabbitmqctl\s{1,3}(?:add_user|change_password)|htpasswd\s{1,3}-[a-zA-Z]{0,4}b[a-zA-Z]{0,4}\s{1,3}\S{1,60})"
    r"\s{1,3}\S{1,40}\s{1,3}",
    r"(?i:ConvertTo-SecureString)\s{1,3}(?i:-String\s{1,3})?",
    r"\bsudo\s{1,3}-S\s{0,3}<<<\s{0,3}",
)
_ODD = (
    r"(?:net user|wpa_passphrase)\s{1,3}\S{1,40}\s{1,3}",
    r"enable\s{1,3}(?:secret|password)\s{1,3}(?:level\s\d{1,2}\s{1,3})?(?:\d\s{1,3})?",
    r"username\s{1,3}\S{1,40}\s{1,3}(?:privilege\s{1,3}\d{1,2}\s{1,3})?(?:secret(?:\s{1,3}\d)?|password\s{1,3}\d)\s{1,3}",
    r"snmp-server\s{1,3}community\s{1,3}",
    rf"(?:setx|setenv)\s{{1,3}}[\w.-]{{0,40}}{_NAME}\s{{1,3}}",
)
_TAKES = r"\s{0,3}\|\s{0,3}(?:(?:sudo\s{1,3})?(?:chpasswd|passwd\s{1,3}--stdin)|sudo\s{1,3}-S)"


class OptionPassword(_Login):
    """Passwords that programs take on their command lines, and Redis, Cisco and others in their settings."""

    rule = Password.rule
    keywords = (
        *("mysql", "mariadb", "sshpass", "ssh-keygen", "redis-cli", "requirepass", "masterauth", "setuser"),
        *("mongo", "sqlcmd", "bcp", "tsql", "isql", "zip", "ldap", "7za", "7zr", "7z ", "rar", *_LOGINS),
        *("plink", "pscp", "psftp", "putty", "smbclient", "rpcclient", "-pass", *_STORES, "rabbitmqctl"),
        *(
            "htpasswd",
            "convertto-securestring",
            "useradd",
            "usermod",
            "freerdp",
            "cmdkey",
            "wmic",
            "schtasks",
        ),
        *(
            "sudo",
            "net user",
            "enable",
            "username",
            "snmp-server",
            "wpa_passphrase",
            "sqlplus",
            "auth",
            "echo",
        ),
        *("setx", "setenv"),
    )
    pattern = (
        rf"(?:{'|'.join(_SURE)})(?:(?P<sure>{QUOTED})|[\"']?(?P<sure_bare>{_BARE}))"
        rf"|\b(?:{'|'.join(_ODD)})[\"']?(?P<odd>{_BARE})"
        rf"|\bAUTH\s{{1,3}}(?:default\s{{1,3}})?(?P<told>{_BARE})"
        rf"|\bsqlplus\s{{1,3}}(?:-\w{{1,8}}\s{{1,3}})?\w{{1,30}}/(?P<sure_oracle>[^\s/@\"']{{4,64}})@"
        rf"|\becho\s{{1,3}}[\"']?(?:[\w.-]{{1,32}}:)?(?P<sure_piped>{_BARE})[\"']?{_TAKES}"
    )


_VALUE = r"[\"']?(?i:value|default)[\"']?\s{0,3}[=:]\s{0,3}"
_OF_VARIABLE = r"(?:(?:type|sensitive|description)\s{0,9}=[^\n]{1,80}\s{1,10}){0,3}"


class ConfiguredPassword(_Login):
    """Passwords whose name stands apart from them: `name: DB_PASSWORD` and `value: …`, in YAML, JSON and XML,
    and what is taken where the environment has none: `getenv("DB_PASSWORD", "…")`."""

    rule = Password.rule
    keywords = ("passw", "passphrase", "passcode", "pwd", "_pass", ".pass", "-pass")
    pattern = (
        rf"{_NAME}(?:"
        rf"(?:[\"']?\s{{0,3}},?\s{{1,20}}|[\"']?\s{{0,3}}[:=]?\s{{0,3}}\{{\s{{0,10}}{_OF_VARIABLE}){_VALUE}"
        rf"(?:(?P<odd>{QUOTED})|(?P<odd_bare>{_BARE}))"
        rf"|(?:[\"']\s{{0,3}},\s{{0,3}}(?:default\s{{0,3}}=\s{{0,3}})?|[\"']?[\])]?\s{{0,3}}(?:\|\||\?\?|\?:|\bor\b)\s{{0,3}})"
        rf"(?P<odd_default>{QUOTED})"
        r"|[\"']\s{0,3}>(?P<odd_element>[^\s<]{4,64})<)"
    )


_USER = r"(?:\"[^\"\n]{0,60}\"|'[^'\n]{0,60}'|[$\w.]{1,60}(?:\(\))?)"
_PLACE = r"(?:\"[^\"\n]{0,120}\"|'[^'\n]{0,120}'|[$\w.]{1,60})"
_NEXT = r"\s{0,9},\s{0,9}"
_PAIRS = (
    *("NetworkCredential", "UsernamePasswordCredentials", "UsernamePasswordAuthenticationToken"),
    *("PasswordAuthentication", "HTTPBasicAuth", "HTTPDigestAuth", "HTTPProxyAuth", "BasicAuth", "basicAuth"),
    *("basic_auth", "setBasicAuth"),
)
_THIRDS = ("getConnection", "mysqli", "mysqli_connect", "PDO")
_METHODS = (".login(", ".auth(", ".authenticate(", "auth=(", "auth = (")
_TOLD_OF = r"(?i:log-?ins?|credentials?|creds|user(?:name)?\s?[/&]\s?pass(?:word)?|zugangsdaten)"
_WHO = r"[\w.@+-]{2,64}"
_WORD = r"(?:(?i:password|passwd|pwd|pass)\s|(?i:pw) )"
_CHANGED = r"(?i:changed|reset|set|updated|rotated|is now|will be)(?i:\sto)?:?\s{1,2}"
_WIFI = tuple(f"{of} {word}" for of in ("wifi", "wi-fi", "wlan", "network") for word in ("key", "code"))


class LoginPassword(_Login):
    """Passwords beside a user's name: in calls that take both, and told in a sentence or a note."""

    rule = Password.rule
    keywords = (
        *(name.lower() for name in (*_PAIRS, *_THIRDS, *_METHODS)),
        *("login", "log in", "log-in", "logged", "logging", "credential", "creds", "user", "zugangsdaten"),
        *("password", "passwd", "pwd", "pw ", "pass", *_WIFI),
    )
    pattern = (
        rf"(?:\b(?:{'|'.join(_PAIRS)})\(\s{{0,9}}|\b(?:{'|'.join(_THIRDS)})\(\s{{0,9}}{_PLACE}{_NEXT}){_USER}{_NEXT}"
        rf"(?P<sure>{QUOTED})"
        rf"|(?:{'|'.join(map(re.escape, _METHODS))})\s{{0,9}}{_USER}{_NEXT}(?P<odd>{QUOTED})"
        rf"|\b(?:{_TOLD_OF}(?i:\s(?:are|is))?\s{{0,2}}[:=-]?\s{{1,3}}{_WHO}\s{{0,3}}[/:|]\s{{0,3}}"
        rf"|(?i:user(?:name)?|login)\s{{0,2}}[:=]?\s{{0,2}}{_WHO}[,;]?\s{{1,5}}{_WORD}\s{{0,2}}|(?i:pass)=)(?P<near>{_BARE})"
        rf"|\b(?:(?i:log(?:ged|ging)?[ -]in)\s(?i:with|as|using)\s{_WHO}\s?(?i:and|with|/|,)\s"
        rf"|(?i:pass):\s{{1,3}}|(?i:{'|'.join(_WIFI)})\s(?i:is|was):?\s{{1,2}}[\"'`]?)(?P<told>{_BARE})"
        rf"|[^\w-]{_WORD}(?:{_CHANGED}[\"'`]?|\s{{0,3}}-\s{{1,2}}|\s{{0,3}})(?P<told_word>{_BARE})"
    )
