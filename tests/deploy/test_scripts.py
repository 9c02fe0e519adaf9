"""The scripts that people and CI run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def bash(code, *, path, tmp_path):
    """Runs code after scripts/lib.sh was read, with nothing on PATH but what is given."""
    environment = {"PATH": str(path), "HOME": str(tmp_path), "VENV": str(tmp_path / "venv")}
    bash = shutil.which("bash")
    return subprocess.run(
        [bash, "-c", f". {ROOT}/scripts/lib.sh; {code}"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def bare(tmp_path):
    """A PATH with the few tools that every system has, and Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("bash", "dirname", "cat", "mkdir", "sleep", "tail", "kill", "env"):
        os.symlink(shutil.which(tool), folder / tool)
    os.symlink(sys.executable, folder / "python3")
    return folder


def test_everything_that_is_missing_is_named_at_once_with_its_package(bare, tmp_path):
    done = bash("require_tools", path=bare, tmp_path=tmp_path)
    assert done.returncode == 1
    for name in ("C++ compiler", "apt install g++", "cmake", "apt install cmake"):
        assert name in done.stderr


def test_a_missing_python_is_named(bare, tmp_path):
    (bare / "python3").unlink()
    done = bash("require_tools", path=bare, tmp_path=tmp_path)
    assert done.returncode == 1
    assert "Python 3.11" in done.stderr


def test_a_machine_with_all_of_it_goes_on(bare, tmp_path):
    for tool in ("g++", "cmake"):
        os.symlink("/bin/true", bare / tool)
    done = bash("require_tools && echo ready", path=bare, tmp_path=tmp_path)
    assert done.stdout == "ready\n", done.stderr


def test_a_long_step_that_fails_shows_the_end_of_its_log(bare, tmp_path):
    code = f"ROOT={tmp_path}; slowly 'A step' step.log bash -c 'echo what went wrong; exit 3'; echo never"
    done = bash(code, path=bare, tmp_path=tmp_path)
    assert done.returncode == 1
    assert "what went wrong" in done.stderr
    assert "A step failed" in done.stderr
    assert "never" not in done.stdout


def test_a_long_step_that_works_is_quiet(bare, tmp_path):
    done = bash(f"ROOT={tmp_path}; slowly 'A step' step.log echo noise", path=bare, tmp_path=tmp_path)
    assert done.returncode == 0
    assert "noise" not in done.stdout + done.stderr
    assert (tmp_path / "data/logs/step.log").read_text() == "noise\n"


def test_a_benchmark_that_does_not_exist_is_told_with_those_that_do():
    done = subprocess.run(
        [ROOT / "scripts/bench", "nothing"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "book" in done.stderr
