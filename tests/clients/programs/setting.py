"""What all clients are asked to do, so that each does the same."""

from names import BASE, KEY, MODEL, VECTORS
from pydantic import BaseModel

__all__ = ["BASE", "KEY", "MODEL", "VECTORS"]

EMAIL = "ann.smith@example.com"
REPEAT = f"Repeat exactly: {EMAIL}"
PIRATE = "You are a pirate and answer in one short sentence."
WEATHER = "How is the weather in Oslo?"
PARIS = "Paris is a city in France. Give name and country as JSON."
TOO_LONG = "many words " * 3000


class Weather(BaseModel):
    """The weather of a city."""

    city: str


class City(BaseModel):
    """A city and its country."""

    name: str
    country: str


TOOL = {
    "type": "function",
    "function": {
        "name": "Weather",
        "description": "The weather of a city.",
        "parameters": Weather.model_json_schema(),
    },
}


def error_of(call, *arguments, **more):
    """The error that a call must end with."""
    try:
        call(*arguments, **more)
    except Exception as error:
        return error
    raise AssertionError("it was answered")
