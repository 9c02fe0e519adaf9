"""Environments for programs of others."""

import subprocess
import sys

import pytest

from benchmarks import environments


def test_one_is_made_once_and_anew_for_other_pins(tmp_path):
    pins, place = tmp_path / "pins.txt", tmp_path / "place"
    pins.write_text("# nothing yet\n")
    python = environments.make(place, pins)
    assert subprocess.run([python, "-c", "import pip"], check=False).returncode == 0
    mark = place / "mark"
    mark.touch()
    assert environments.make(place, pins) == python
    assert mark.exists()
    pins.write_text("./is-not-there\n")
    with pytest.raises(environments.Unavailable):
        environments.make(place, pins)
    assert not mark.exists()


def test_a_step_that_takes_too_long_or_fails_says_so(tmp_path):
    with pytest.raises(environments.Unavailable, match="longer than"):
        environments.run([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, seconds=0.2)
    with pytest.raises(environments.Unavailable, match="no such thing"):
        environments.run([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path)
