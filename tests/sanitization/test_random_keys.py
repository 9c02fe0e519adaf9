"""Random keys of every vendor's form are found: what a detector asks of a candidate costs it next to none."""

import random
import re._constants as kinds
import re._parser as parser
import string

import pytest

from sanitization.detectors import ALL
from sanitization.detectors.credentials import GenericSecret
from sanitization.detectors.passwords import Password
from sanitization.detectors.vendors.forms import Named, Token
from sanitization.detectors.wording import is_worded
from sanitization.patterns import DetectorScan, plan
from sanitization.policies import THRESHOLD

KEYS = 60
# Their keys hold what a pattern does not say: a checksum, the numbers of team and bot; or are passwords.
MORE_THAN_A_PATTERN = {"llm_gateway_key", "slack_token", "terraform_password"}
LETTERS, SIGNS = string.ascii_letters + string.digits, "!@#$%^&*-_+"
LONGEST = 20  # repetitions more than there have to be
CLASSES = {
    kinds.CATEGORY_DIGIT: string.digits,
    kinds.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
    kinds.CATEGORY_SPACE: " ",
}
PASSWORDS = tuple(one() for one in ALL if one.rule == Password.rule)
SECRETS = tuple(one() for one in ALL if one.rule == GenericSecret.rule)
DETECTORS = [one for one in ALL if issubclass(one, Named | Token) and one.rule not in MORE_THAN_A_PATTERN]


def alphabet(members):
    found, is_negated = "", False
    for kind, what in members:
        match kind:
            case kinds.LITERAL:
                found += chr(what)
            case kinds.RANGE:
                found += "".join(map(chr, range(what[0], what[1] + 1)))
            case kinds.CATEGORY:
                found += CLASSES[what]
            case kinds.NEGATE:
                is_negated = True
    return [char for char in string.printable[:94] if char not in found] if is_negated else found


def made(pattern, chance):
    """A text that the parsed pattern matches, by chance."""
    text = ""
    for kind, what in pattern:
        match kind:
            case kinds.LITERAL:
                text += chr(what)
            case kinds.IN:
                text += chance.choice(alphabet(what))
            case kinds.MAX_REPEAT | kinds.MIN_REPEAT:
                least, most, inner = what
                count = chance.randint(least, min(most, least + LONGEST))
                text += "".join(made(inner, chance) for _ in range(count))
            case kinds.SUBPATTERN:
                text += made(what[-1], chance)
            case kinds.BRANCH:
                text += made(chance.choice(what[1]), chance)
            case kinds.ANY:
                text += "-"
            case _:
                raise AssertionError(f"nothing makes {kind}")
    return text


def is_found(detectors, text, key):
    scan = DetectorScan(plan(detectors, frozenset(one.rule for one in detectors)))
    spans = [*scan.feed(text, last=False), *scan.feed("", last=True)]
    begin = text.rindex(key)
    # What a pattern lets a key end with may be the sentence's.
    return any(
        span.score >= THRESHOLD and span.start <= begin and span.end >= begin + len(key) - 2 for span in spans
    )


@pytest.mark.parametrize("kind", DETECTORS, ids=lambda kind: kind.__name__)
def test_a_random_key_is_found(kind):
    chance, detector, value = random.Random(kind.__name__), kind(), parser.parse(kind.value)
    missed = []
    for _ in range(KEYS):
        key = made(value, chance)
        text = f"The key is {key} and no other."
        if issubclass(kind, Named):
            text = f'{made(parser.parse(kind.names), chance)}_key = "{key}"\n'
        if not is_found((detector,), text, key):
            missed.append(key)
    assert len(missed) <= KEYS // 30, missed


@pytest.mark.parametrize("length", [10, 12, 16, 24])
@pytest.mark.parametrize(
    "form",
    [
        *("password: {}\n", "DB_PASSWORD={}\n", "My password is {}.", "The password for db01 was {} then."),
        *("SMTP_PASS={}\n", "mysql --password {} db", "пароль: {}\n", "密码是{}", '{{"password": "{}"}}'),
        *("ALTER ROLE app PASSWORD '{}';", "create user app identified by '{}';", "redis-cli -a {} ping"),
        *("docker login -u ann -p {} host", "net user ann {} /add", "echo 'ann:{}' | sudo chpasswd"),
        *('os.getenv("DB_PASSWORD", "{}")', "- name: DB_PASSWORD\n  value: '{}'\n", 'auth=("ann", "{}")'),
        *('new PDO($dsn, "ann", "{}")', "login: ann / {}\n", "user: ann, pass {}"),
    ],
)
def test_a_random_password_is_found(form, length):
    for signs in (LETTERS, LETTERS + SIGNS):
        assert len(missed(form, length, signs, PASSWORDS)) <= KEYS // 10


@pytest.mark.parametrize("length", [12, 16, 24])
@pytest.mark.parametrize(
    "form", ["the new password {} works", "Password reset to {}", "the wifi key is {}.", "temp pw {}"]
)
def test_a_random_password_that_is_told_without_a_sign_before_it_is_found(form, length):
    """Of those without symbols only some: a sentence has words with digits too."""
    assert len(missed(form, length, LETTERS + SIGNS, PASSWORDS)) <= KEYS // 6
    assert len(missed(form, length, LETTERS, PASSWORDS)) <= KEYS // 3


@pytest.mark.parametrize("length", [20, 24, 32])
@pytest.mark.parametrize(
    "form",
    [
        *(
            "The API key for prod is {}.",
            "here is my token {} and",
            "tool --token {} run",
            "mi clave de API es {}",
        ),
        *("- name: API_KEY\n  value: {}\n", '<add key="ApiKey" value="{}"/>', "use this key: {}"),
    ],
)
def test_a_random_key_that_is_told_is_found(form, length):
    assert len(missed(form, length, LETTERS, SECRETS)) <= KEYS // 10


def missed(form, length, signs, detectors):
    chance = random.Random(length)
    values = ["".join(chance.choices(signs, k=length)) for _ in range(KEYS)]
    return [one for one in values if not is_found(detectors, form.format(one), one)]


@pytest.mark.parametrize("length", [14, 16, 20, 24, 32, 40])
def test_a_random_text_without_a_digit_is_not_taken_for_a_name(length):
    chance = random.Random(length)
    texts = ["".join(chance.choices(string.ascii_letters, k=length)) for _ in range(1000)]
    assert sum(map(is_worded, texts)) < 150
    assert sum(is_worded(text, share=0.6) for text in texts) < 250


@pytest.mark.parametrize(
    "name",
    [
        *("getAlgoliaSearchKey", "getFreshdeskKeyOfEnv", "SecretKeyFromVault", "defaultAccessTokenHandler"),
        *(
            "API_KEY_OF_THE_TENANT",
            "parseHTTPHeaders",
            "x-goog-api-key",
            "service_account_key",
            "TOKEN",
            "",
            "$!",
        ),
    ],
)
def test_a_name_in_code_is_worded(name):
    assert is_worded(name)
    assert is_worded(name, share=0.6)
