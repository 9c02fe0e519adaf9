"""
The other servers, made from the same llama-cpp-python as ours and with the same build options:

    llama-server                  built from the llama.cpp inside its source package; 15 minutes on two cores
    python -m llama_cpp.server    in an environment of its own, with what peers.txt pins

Both are kept in the user's cache, by version, and used again by the next run.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE.parents[1] / "requirements.txt"
PINS = HERE / "peers.txt"
# One architecture only: nothing of the network, no pages, no examples.
ONLY_SERVER = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
)
SYSTEM_INFO = "import llama_cpp; print(llama_cpp.llama_print_system_info().decode())"


class PeersUnavailable(Exception):
    """They could not be built or installed."""


def cache() -> Path:
    """Where they are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "llm-gateway-bench"


def requirement(machine: str, text: str | None = None) -> tuple[str, list[str]]:
    """The version of llama-cpp-python and the GGML options of its build, as requirements.txt has them."""
    sign = "==" if machine == "x86_64" else "!="
    pattern = rf'^llama-cpp-python==(\S+) ; platform_machine {sign} "x86_64" .*cmake\.args=([^"]*)"'
    found = re.search(pattern, REQUIREMENTS.read_text() if text is None else text, re.MULTILINE)
    if found is None:
        raise PeersUnavailable("requirements.txt names no llama-cpp-python for this machine")
    return found[1], [option for option in found[2].split(";") if option.startswith("-DGGML")]


def llama_server(*, jobs: int = 1) -> Path:
    """Its binary, built if it is not there. Raises PeersUnavailable."""
    version, options = requirement(os.uname().machine)
    place = cache() / f"llama-server-{version}"
    binary, configured = place / "bin" / "llama-server", place / "options.txt"
    wanted = "\n".join([*options, *ONLY_SERVER]) + "\n"
    if binary.exists() and configured.exists() and configured.read_text() == wanted:
        return binary
    source = _source(version)
    _say(f"Building llama-server {version}; this takes a quarter of an hour the first time")
    place.mkdir(parents=True, exist_ok=True)
    _run(["cmake", str(source / "vendor" / "llama.cpp"), *options, *ONLY_SERVER], place)
    _run(["cmake", "--build", ".", "--target", "llama-server", f"-j{jobs}"], place)
    configured.write_text(wanted)
    return binary


def llama_cpp_python() -> Path:
    """The Python of the environment that has its server. Raises PeersUnavailable."""
    version, _ = requirement(os.uname().machine)
    place = cache() / f"llama-cpp-python-{version}"
    python, stamp = place / "bin" / "python", place / "installed.txt"
    wanted = version + "\n" + PINS.read_text()
    if stamp.exists() and stamp.read_text() == wanted:
        return python
    _say(f"Installing the server of llama-cpp-python {version} into an environment of its own")
    venv.create(place, with_pip=True, symlinks=True, clear=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    _run([*pip, _pip_version()], place)
    _run([*pip, "--no-deps", "-r", str(PINS)], place)
    ours = place / "llama.txt"
    lines = REQUIREMENTS.read_text().splitlines()
    ours.write_text("\n".join(line for line in lines if line.startswith("llama-cpp-python")) + "\n")
    _run([*pip, "--no-deps", "-r", str(ours)], place)
    if _is_native(python):  # a wheel that pip built for this very CPU earlier: it does not look at options
        _run([*pip, "--no-deps", "--force-reinstall", "--no-cache-dir", "-r", str(ours)], place)
        if _is_native(python):
            raise PeersUnavailable("llama-cpp-python is still built for this CPU only")
    stamp.write_text(wanted)
    return python


def _source(version: str) -> Path:
    """The unpacked source package."""
    place = cache() / f"source-{version}"
    if place.exists():
        return place
    _say(f"Fetching the source of llama-cpp-python {version}")
    folder = cache() / "sdist"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    _run(
        [*pip, "--no-binary", "llama-cpp-python", f"llama-cpp-python=={version}", "-d", str(folder)], cache()
    )
    (package,) = folder.glob(f"llama_cpp_python-{version}.tar.gz")
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    shutil.move(folder / f"llama_cpp_python-{version}", place)
    shutil.rmtree(folder)
    return place


def _pip_version() -> str:
    """The pip that reads build options in a requirements file, as scripts/lib.sh pins it."""
    found = re.search(
        r"^PIP_VERSION=(\S+)", (REQUIREMENTS.parent / "scripts" / "lib.sh").read_text(), re.MULTILINE
    )
    assert found
    return f"pip=={found[1]}"


def _is_native(python: Path) -> bool:
    info = subprocess.run([python, "-c", SYSTEM_INFO], capture_output=True, text=True, check=True).stdout
    return re.search(r"AMX_INT8 = 1|AVX512[A-Z0-9_]* = 1", info) is not None


def _run(command: Sequence[str], place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    log = place / "bench.log"
    with log.open("ab") as out:
        done = subprocess.run(command, cwd=place, stdout=out, stderr=out, check=False)
    if done.returncode:
        end = log.read_text(errors="replace").strip().splitlines()[-5:]
        raise PeersUnavailable(f"{Path(command[0]).name} failed; see {log}:\n" + "\n".join(end))


def _say(what: str) -> None:
    print(what, file=sys.stderr)
