"""
Python before 3.11.5 forgets to go back where a repeat of a group that gives nothing back fails in the middle
of one: `(?:ab?c)*+` takes all of `aca`. Such a Python is what Debian 12 has. An atomic group around the
repeat, `(?>(?:ab?c)*)`, says the same and is right everywhere; a set of characters has no middle.
"""

import importlib
import pkgutil
import re
from re import _constants, _parser

import pytest

import accounts
import gateway
import inference
import prompts
import sanitization

PACKAGES = (accounts, gateway, inference, prompts, sanitization)
SETS = (_constants.IN, _constants.LITERAL, _constants.NOT_LITERAL, _constants.ANY)


def forgetful(pattern, flags=0):
    """Whether it repeats something longer than a character and gives nothing of it back."""
    return _holds(_parser.parse(pattern, flags))


def _holds(parsed):
    for operator, argument in parsed:
        if operator is _constants.POSSESSIVE_REPEAT:
            body = argument[2]
            if len(body) != 1 or body[0][0] not in SETS:
                return True
        if any(_holds(part) for part in _parts(argument)):
            return True
    return False


def _parts(argument):
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, (list, tuple)):
        for one in argument:
            yield from _parts(one)


@pytest.mark.parametrize(
    ("pattern", "is_forgetful"),
    [
        ("(?:ab?c)*+", True),
        ("x(?:a|(?:bc)?+)", True),
        ("(?P<name>(?=(?:ab){2,}+))", True),
        ("[ab]*+c++.?+", False),
        ("(?>(?:ab?c)*)", False),
    ],
)
def test_it_is_seen_wherever_it_stands(pattern, is_forgetful):
    assert forgetful(pattern) is is_forgetful


def ours():
    """(module, expression) of every module of ours."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" in found.name or found.name.endswith(".gunicorn.conf"):
                continue
            module = importlib.import_module(found.name)
            for value in vars(module).values():
                if isinstance(value, re.Pattern):
                    yield found.name, value


def test_no_expression_of_ours_repeats_a_group_without_giving_back():
    expressions = list(ours())
    assert len(expressions) > 100
    wrong = [(name, each.pattern) for name, each in expressions if forgetful(each.pattern, each.flags)]
    assert not wrong
