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
_WORDS_FOR_KEYS = ("key", "token", "secret")
_VALUE = r"[A-Za-z0-9_.+/=~-]{16,150}"
_END = r"(?:[^A-Za-z0-9_+/=~-]|$)"
_KINDS = ("access", "secret", "encryption", "signing", "private")
_OWN = tuple(
    f"{whose} {word}" for whose in ("this", "my", "your", "our", "following") for word in _WORDS_FOR_KEYS
)
_PRODUCTS = tuple(
    f"{of}{joint}{word}"
    for of in ("license", "licence", "product", "serial", "activation")
    for joint in " _-"
    for word in ("key", "code")
)


class ToldSecret(GenericSecret):
    """Keys that are told: `the API key for prod is …`, `use this key: …`, `token …`, `--token …`, in several
    languages; those whose name stands apart from them, as `name: API_KEY` and `value: …`; signatures in links
    and the keys of products."""

    rule = GenericSecret.rule
    form_of: ClassVar = GenericSecret
    keywords = (
        *("token", "secret", "-key", *(f"api{joint}key" for joint in ("", " ", "_", "-")), *_OWN, *_PRODUCTS),
        *(f"{kind}{joint}key" for kind in _KINDS for joint in (" ", "-", "_", "")),
        *("sig=", "signature=", "hmac=", "auth=", "ticket=", *_FOREIGN_KEYS),
    )
    pattern = (
        rf"(?:\b{_KEY}\s(?:(?i:for|of|to|from)\s[^\n\"'`=:;,(){{}}<>]{{1,40}}?\s(?i:is|was):?\s)?\s{{0,2}}"
        rf"|\b(?i:{'|'.join(_OWN)})\s?[:=-]\s{{0,2}}"
        rf"|(?i:{'|'.join(_FOREIGN_KEYS)})\s?(?:{_IS}|[:=是はは은는])?\s{{0,2}}"
        r"|-(?i:token|key|secret)[ \t]{1,3}"
        r"|(?i:token|secret|(?:api|access|private)[_-]?key)[\w.-]{0,20}[\"']?\s{0,3},?\s{1,20}[\"']?"
        r"(?i:value|default)[\"']?\s{0,3}[=:]\s{0,3})"
        rf"[\"'`]?(?P<plain>{_VALUE}){_END}"
        rf"|[?&](?i:sig|signature|hmac|auth|ticket)=(?P<query>{_VALUE}){_END}"
        rf"|\b(?i:{'|'.join(_PRODUCTS)})(?:\s?[:=]|\s(?i:is))?\s{{0,2}}[\"'`]?"
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
_PINS = tuple(f"{of} pin" for of in ("card", "sim", "atm", "bank", "debit", "credit", "door", "phone"))


class PinCode(PatternDetector):
    """PINs next to their name: of cards, telephones, doors and accounts, four to eight digits."""

    rule = "pin_code"
    category = Category.SECRET
    score = 0.8
    keywords = ("pin", "passcode", "puk", *_PINS)
    pattern = (
        rf"(?:\b(?:PIN|Pin|PUK|Puk|(?i:passcode)){_OF_PIN}(?:{_SAYS}|\s)|\b(?:pin|puk){_OF_PIN}{_SAYS}"
        rf"|\b(?i:{'|'.join(_PINS)})\s)"
        rf"[\"'`]?(?P<value>\d{{4,8}}){_AFTER}"
    )

    def accept(self, candidate: str) -> int:
        return len(candidate) if candidate.strip("0") else 0


_ONCE = (
    r"(?:(?i:(?:verification|security|confirmation|authentication|one[ -]time|single[ -]use|log-?in|sign-?in|"
    r"access|activation|2fa|mfa|otp|sms|bestätigungs|sicherheits)[ -]?(?:pass)?code|otp|code de vérification|"
    r"código de verificación|código de verificação|codice di verifica)|[mM]?TAN)"
)


class OneTimeCode(PatternDetector):
    """Codes that log in or confirm once, next to their name: `Your verification code is 482913`."""

    rule = "one_time_code"
    category = Category.SECRET
    score = 0.8
    keywords = tuple(
        listed(
            "verification security confirmation authentication one-time one_time single-use single_use login "
            "log-in signin sign-in access activation 2fa mfa otp sms bestätigungs sicherheits code_de código "
            "codice tan"
        )
    )
    pattern = (
        rf"\b{_ONCE}(?:{_SAYS}|\s)[\"'`]?(?P<value>\d{{4,8}}|\d{{3}}[ -]\d{{3}}|[A-Z]{{1,2}}-\d{{4,8}})"
        rf"{_AFTER}"
    )


class OneTimeCodeFirst(PatternDetector):
    """The same with the code in front: `482913 is your verification code`."""

    rule = OneTimeCode.rule
    form_of: ClassVar = OneTimeCode
    category = Category.SECRET
    score = 0.8
    keywords = ("code", "otp", "tan", "código", "codice")
    pattern = (
        r"[^\w.-](?P<value>\d{4,8}|\d{3}[ -]\d{3})\s(?i:is|ist|est|es)\s(?i:your|the|ihr|dein|votre|tu|su)\s"
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
    listed(
        "the and for are but not your with from has was were which their than uses its our his her who how "
        "may each been had some would could should out these them does did many most those being both"
    )
)
_WORDS = re.compile(r"[a-z]+")
_SEED_LENGTHS = (12, 15, 18, 21, 24)
_PHRASES = tuple(
    f"{of}{joint}{word}"
    for of in ("recovery", "secret", "backup", "wallet")
    for joint in " -"
    for word in ("phrase", "words")
)


class SeedPhrase(PatternDetector):
    """The words that open a wallet of crypto-currency, twelve to twenty-four of them, next to their name."""

    rule = "seed_phrase"
    category = Category.SECRET
    keywords = ("seed", "mnemonic", *_PHRASES)
    pattern = (
        rf"\b(?i:(?:seed|mnemonic)(?:[ -](?:phrase|words))?|{'|'.join(_PHRASES)})[\"'`]?"
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
