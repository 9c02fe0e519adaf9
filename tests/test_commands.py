"""Every command of this project is called by some test."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_every_command_is_called_by_a_test():
    commands = {path.stem for path in ROOT.glob("*/management/commands/*.py")} - {"__init__"}
    assert commands
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    assert {name for name in commands if f'"{name}"' not in tests} == set()
