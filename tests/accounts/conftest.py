"""The served house, for the tests of who may ask in it."""

from tests.prompts.conftest import journal, parrot, served  # noqa: F401
