"""Secrets that people tell: keys without an assignment, PINs, codes that log in, words that open wallets."""

import re
from typing import ClassVar

from sanitization.detectors.base import PatternDetector
from sanitization.detectors.credentials import GenericSecret
from sanitization.detectors.vendors.forms import Secret
from sanitization.detectors.wording import is_by_chance, listed
from sanitization.rules import Category

_KEY = r"(?i:api[ _-]?key|(?:access|secret|encryption|signing|private)[ _-]key|token|secret)"
_FOREIGN_KEYS = listed(
    "api-schlüssel api_schlüssel zugangstoken clé_api clé_d'api clave_api clave_de_api clave_de_la_api "
    "klucz_api chave_api chave_de_api chave_da_api chiave_api ключ_api api-ключ api_ключ api密钥 api_密钥 "
    "api_キー apiキー api_키 api-sleutel api-nyckel"
)
_IS = rf"(?i:{'|'.join(listed('ist lautet est es é è это to jest är'))})"
_VALUE = r"[A-Za-z0-9_.+/=~-]{16,150}"
_NAME = r"[\w.-]{0,40}(?i:token|secret|api[_-]?key|access[_-]?key|private[_-]?key)[\w.-]{0,20}"
_END = r"(?:[^A-Za-z0-9_+/=~-]|$)"
_OPEN = r"\s{0,2}[\"'`]?"


class ToldSecret(GenericSecret):
    """Keys that are told: `the API key for prod is …`, `use this key: …`, `token …`, `--token …`, in several
    languages; those whose name stands apart from them, as `name: API_KEY` and `value: …`; signatures in links
    and the keys of products."""

    rule = GenericSecret.rule
    form_of: ClassVar = GenericSecret
    keywords = (
        *("key", "token", "secret", "code", "sig=", "signature=", "hmac=", "auth=", "ticket="),
        *_FOREIGN_KEYS,
    )
    pattern = (
        rf"\b{_KEY}\s{_OPEN}(?P<plain>{_VALUE}){_END}"
        rf"|{_KEY}\s(?i:for|of|to|from)\s[^\n\"'`=:;,(){{}}<>]{{1,40}}?\s(?i:is|was):?\s{_OPEN}(?P<whose>{_VALUE}){_END}"
        r"|\b(?i:this|my|your|our|the|following)\s(?:\w{1,16}\s)?(?i:key|token|secret)\s?[:=-]"
        rf"{_OPEN}(?P<this>{_VALUE}){_END}"
        rf"|(?i:{'|'.join(_FOREIGN_KEYS)})\s?(?:{_IS}|[:=是はは은는])?{_OPEN}(?P<foreign>{_VALUE}){_END}"
        rf"|--[\w-]{{0,30}}(?i:token|key|secret)[ \t]{{1,3}}[\"']?(?P<option>{_VALUE}){_END}"
        rf"|(?i:name|key|id)[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?{_NAME}[\"']?\s{{0,3}},?\s{{1,20}}[\"']?"
        rf"(?i:value|default)[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?(?P<apart>{_VALUE}){_END}"
        rf"|[?&](?i:sig|signature|hmac|auth|ticket)=(?P<query>{_VALUE}){_END}"
        rf"|\b(?i:licen[cs]e|product|serial|activation)[ _-](?i:key|code)(?:\s?[:=]|\s(?i:is))?{_OPEN}"
        r"(?P<product>[A-Z0-9]{4,8}(?:-[A-Z0-9]{4,8}){2,7})(?:[^A-Za-z0-9-]|$)"
    )

    def judge(self, group: str, candidate: str) -> int:
        if group == "product":
            return len(candidate) if any(map(str.isdigit, candidate)) and len(set(candidate)) > 5 else 0
        return super().accept(candidate) if group == "query" else self.accept(candidate)

    def accept(self, candidate: str) -> int:
        """Without an assignment it takes more to tell it from a name: digits in several places, or letters as
        no words have them."""
        own = candidate.rstrip(".")
        is_various = len(_DIGITS.findall(own)) >= 3 and any(map(str.isalpha, own))
        is_random = own.count("/") < 3 and (is_various or is_by_chance(own))
        return super().accept(own) if is_random else 0


_DIGITS = re.compile(r"\d+")
_SAYS = r"(?:\s{0,2}[:=#-]|\s(?i:is|was|are|ist|lautet|est|es))\s{0,2}"
_AFTER = r"(?:[^\w.,/-]|[.,/-](?:\D|$)|$)"


_OF_PIN = r"(?i:[ -]?(?:code|number|nummer|no\.?))?[\"'`]?"


class PinCode(PatternDetector):
    """PINs next to their name: of cards, telephones, doors and accounts, four to eight digits."""

    rule = "pin_code"
    category = Category.SECRET
    score = 0.8
    keywords = ("pin", "passcode", "puk")
    pattern = (
        rf"(?:\b(?:PIN|Pin|PUK|Puk|(?i:passcode)){_OF_PIN}(?:{_SAYS}|\s)|\b(?:pin|puk){_OF_PIN}{_SAYS}"
        r"|\b(?i:card|sim|atm|bank|debit|credit|door|phone)\spin\s)"
        rf"[\"'`]?(?P<value>\d{{4,8}}){_AFTER}"
    )

    def accept(self, candidate: str) -> int:
        return len(candidate) if candidate.strip("0") else 0


_ONCE = (
    r"(?:(?i:(?:verification|security|confirmation|authentication|one[ -]time|single[ -]use|log-?in|sign-?in|"
    r"access|activation|2fa|mfa|otp|sms|bestätigungs|sicherheits)[ -]?(?:pass)?code|otp|code de vérification|"
    r"código de verificación|código de verificação|codice di verifica)|[mM]?TAN)"
)
_YOURS = r"(?i:your|the|ihr|dein|votre|tu|su)"


class OneTimeCode(PatternDetector):
    """Codes that log in or confirm once, next to their name: `Your verification code is 482913`."""

    rule = "one_time_code"
    category = Category.SECRET
    score = 0.8
    keywords = ("code", "otp", "tan", "código", "codice")
    pattern = (
        rf"\b{_ONCE}(?:{_SAYS}|\s)[\"'`]?(?P<value>\d{{4,8}}|\d{{3}}[ -]\d{{3}}|[A-Z]{{1,2}}-\d{{4,8}})"
        rf"{_AFTER}|[^\w.-](?P<before>\d{{4,8}}|\d{{3}}[ -]\d{{3}})\s(?i:is|ist|est|es)\s{_YOURS}\s"
        rf"(?:\w{{1,20}}\s){{0,2}}{_ONCE}"
    )


_CODE = r"[A-Za-z0-9]{4,10}(?:-[A-Za-z0-9]{3,10}){1,2}|\d{6,10}|[a-z0-9]{8,16}"


class RecoveryCode(PatternDetector):
    """Codes that log in when a second factor is lost, next to their name, one or a list of them."""

    rule = "recovery_code"
    category = Category.SECRET
    score = 0.8
    keywords = ("recovery", "backup", "scratch", "emergency", "wiederherstellungs")
    pattern = (
        r"\b(?i:(?:recovery|backup|scratch|emergency)[ -](?:code|key)|wiederherstellungscode)(?i:s|n)?"
        rf"(?:{_SAYS}|\s{{1,2}})[\"'`*-]{{0,2}}\s{{0,2}}"
        rf"(?P<value>(?:{_CODE})(?:[,;]?\s{{1,4}}(?:{_CODE})){{0,10}}){_AFTER}"
    )

    def accept(self, candidate: str) -> int:
        """As far as there are digits in each of them."""
        length = 0
        for word in _CODES.finditer(candidate):
            if not any(map(str.isdigit, word[0])):
                break
            length = word.end()
        return length


_CODES = re.compile(r"[A-Za-z0-9-]+")
# Words of sentences that are none of those (BIP 39, https://github.com/bitcoin/bips).
_PROSE = frozenset(
    {
        *(
            "the",
            "and",
            "for",
            "are",
            "but",
            "not",
            "your",
            "with",
            "from",
            "has",
            "was",
            "were",
            "which",
            "their",
        ),
        *(
            "than",
            "uses",
            "its",
            "our",
            "his",
            "her",
            "who",
            "how",
            "may",
            "each",
            "been",
            "had",
            "some",
            "would",
        ),
        *("could", "should", "out", "these", "them", "does", "did", "many", "most", "those", "being", "both"),
    }
)
_WORDS = re.compile(r"[a-z]+")
_SEED_LENGTHS = (12, 15, 18, 21, 24)


class SeedPhrase(PatternDetector):
    """The words that open a wallet of crypto-currency, twelve to twenty-four of them, next to their name."""

    rule = "seed_phrase"
    category = Category.SECRET
    keywords = ("phrase", "mnemonic", "seed", "words")
    pattern = (
        r"\b(?i:(?:seed|recovery|mnemonic|secret|backup|wallet)[ -](?:phrase|words)|mnemonic|seed)[\"'`]?"
        rf"(?:{_SAYS}|\s)[\"'`(]?(?P<value>[a-z]{{3,8}}(?:\s[a-z]{{3,8}}){{11,23}})(?:[^\w]|$)"
    )

    def accept(self, candidate: str) -> int:
        """As many of them as a phrase has: what comes behind it may be a sentence."""
        ends = []
        for word in _WORDS.finditer(candidate):
            if word[0] in _PROSE:
                break
            ends.append(word.end())
        fitting = [length for length in _SEED_LENGTHS if length <= len(ends)]
        return ends[fitting[-1] - 1] if fitting else 0


_BASE32 = "|".join(
    rf"[{chars}]{{16,64}}|[{chars}]{{4}}(?: [{chars}]{{4}}){{3,15}}" for chars in ("A-Z2-7", "a-z2-7")
)


class TotpSecret(Secret):
    """What one-time codes are computed from: `otpauth://…?secret=…`, `TOTP secret: …`, in base32."""

    rule = "totp_secret"
    keywords = ("otpauth://", "totp", "2fa", "mfa", "otp", "authenticator")
    randomness = 2.8
    pattern = (
        r"(?i:otpauth://[^\s\"']{1,120}?[?&]secret="
        rf"|\b(?:totp|2fa|mfa|otp|authenticator)[ _-](?:secret|key|seed)[\"'`]?(?:{_SAYS}|\s))[\"'`]?"
        rf"(?P<value>{_BASE32})(?:[^A-Za-z0-9]|$)"
    )

    def accept(self, candidate: str) -> int:
        return super().accept(candidate) if any(map(str.isdigit, candidate)) or candidate.isupper() else 0
