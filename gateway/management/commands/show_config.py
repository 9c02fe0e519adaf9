"""`manage.py show_config`: every environment variable, its value and where it comes from."""

from argparse import ArgumentParser
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand

from gateway import env


class Command(BaseCommand):
    help = "Shows every environment variable that the gateway reads; secrets only as set or not set."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--example", action="store_true", help="print the text of .env.example instead")
        parser.add_argument("--markdown", action="store_true", help="print docs/CONFIGURATION.md's table")

    def handle(self, *args: Any, example: bool, markdown: bool, **options: Any) -> None:
        lines = example_lines() if example else markdown_lines() if markdown else current_lines()
        self.stdout.write("\n".join(lines))


def shown_default(variable: env.Variable) -> str:
    """The default as a person writes it; folders relative to the checkout."""
    default = variable.default
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).removeprefix(f"{env.BASE_DIR}/")


def by_section() -> Any:
    return groupby(env.DECLARED.values(), key=lambda variable: variable.section)


def example_lines() -> list[str]:
    lines = [
        "# Every variable that the gateway reads, with its default. Copy what you change into .env.",
        "# Empty means the default. A secret NAME may also come from the file that NAME_FILE names.",
        "# docker-compose.yml also reads POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB.",
    ]
    for section, variables in by_section():
        lines += ["", f"# -- {section} --"]
        for variable in variables:
            lines += [f"# {variable.help}", f"#{variable.name}={shown_default(variable)}"]
    lines += ["", "# -- docker-compose --"]
    lines += [f"#{name}=" for name in ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB")]
    return lines


def markdown_lines() -> list[str]:
    lines = ["| variable | default | |", "|---|---|---|"]
    for variable in env.DECLARED.values():
        default = f"`{shown_default(variable)}`" if shown_default(variable) else ""
        secret = " Secret." if variable.secret else ""
        lines.append(f"| `{variable.name}` | {default} | {variable.help}{secret} |")
    return lines


def current_lines() -> list[str]:
    width = max(map(len, env.DECLARED))
    lines = []
    for name, variable in env.DECLARED.items():
        value = env.read(name)
        if variable.secret:
            value = "(set)" if value else "(not set)"
        elif isinstance(value, tuple):
            value = ",".join(map(str, value))
        lines.append(f"{name:<{width}}  {value!s}{'' if env.is_set(name) else '   (default)'}")
    return lines
