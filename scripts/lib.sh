# Shared by run, test, check and the image: what is needed, the virtual environment, a word while it takes long.
# Sourced, never run. Needs bash 3.2 (macOS) or later.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
VENV="${VENV:-$ROOT/.venv}"
PIP_VERSION=26.3
cd "$ROOT"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
die() { printf 'Cannot go on: %s\n' "$*" >&2; exit 1; }

# The newest Python from 3.11 on, or nothing.
find_python() {
    local name
    for name in python3.13 python3.12 python3.11 python3 python; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

# Names everything that is missing at once, with the package that brings it, before anything long starts.
require_tools() {
    local missing=()
    PYTHON="$(find_python)"
    [ -n "$PYTHON" ] || missing+=("Python 3.11 to 3.13   apt install python3   | dnf install python3.11   | brew install python@3.12")
    if [ -n "$PYTHON" ] && ! "$PYTHON" -c 'import venv, ensurepip' 2>/dev/null; then
        missing+=("Python's venv module  apt install python3-venv")
    fi
    if ! is_installed; then # only the build of llama.cpp needs these
        command -v c++ >/dev/null 2>&1 || command -v g++ >/dev/null 2>&1 || command -v clang++ >/dev/null 2>&1 ||
            missing+=("a C++ compiler        apt install g++       | dnf install gcc-c++      | xcode-select --install")
        command -v cmake >/dev/null 2>&1 ||
            missing+=("cmake                 apt install cmake     | dnf install cmake        | brew install cmake")
    fi
    if [ ${#missing[@]} -gt 0 ]; then
        printf 'This machine lacks:\n' >&2
        printf '  %s\n' "${missing[@]}" >&2
        exit 1
    fi
}

# Runs a long command with its output in a log, a line every 15 seconds, and the log's end if it fails.
slowly() {
    local what="$1" log="$ROOT/data/logs/$2" started=$SECONDS beat=$SECONDS status=0
    shift 2
    mkdir -p "$ROOT/data/logs"
    say "$what (log: ${log#"$ROOT"/})"
    "$@" >"$log" 2>&1 &
    local child=$!
    trap 'kill "$child" 2>/dev/null || true; exit 130' INT TERM
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2
        if [ $((SECONDS - beat)) -ge 15 ]; then
            beat=$SECONDS
            printf '    … %s s\n' $((SECONDS - started)) >&2
        fi
    done
    wait "$child" || status=$?
    trap - INT TERM
    if [ "$status" -ne 0 ]; then
        tail -n 25 "$log" >&2
        die "$what failed; the whole log is in ${log#"$ROOT"/}."
    fi
}

# What the environment was made from. Another Python or another line in a requirements file makes it stale.
stamp() {
    { "$PYTHON" -c 'import sys; print(sys.version)'; cat "$@" scripts/lib.sh; } | "$PYTHON" -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

is_installed() { [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -c 'import llama_cpp' >/dev/null 2>&1; }

# install requirements.txt [requirements-dev.txt]: into $VENV, seconds if nothing changed, one at a time.
install() {
    local wanted
    require_tools
    wanted="$(stamp "$@" constraints.txt)"
    [ "$(cat "$VENV/.stamp-$1" 2>/dev/null)" = "$wanted" ] && return
    mkdir -p "$ROOT/data"
    exec 9>"$ROOT/data/.install.lock"
    "$PYTHON" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)' # held by this shell until it closes 9
    if [ "$(cat "$VENV/.stamp-$1" 2>/dev/null)" != "$wanted" ]; then
        [ -x "$VENV/bin/python" ] || "$PYTHON" -m venv "$VENV"
        # Debian 12's own pip does not read build options in a requirements file.
        "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "pip==$PIP_VERSION"
        slowly "Installing $1; the build of llama.cpp takes some minutes the first time" pip.log \
            "$VENV/bin/python" -m pip install --disable-pip-version-check -r "$1"
        check_llama
        printf '%s\n' "$wanted" >"$VENV/.stamp-$1"
    fi
    exec 9>&-
}

# pip's wheel cache does not look at build options: a wheel that was built for this very CPU earlier comes out
# of it without a word, and crashes on CPUs with AMX (and on other machines).
check_llama() {
    local info='import llama_cpp; print(llama_cpp.llama_print_system_info().decode())'
    is_native() { "$VENV/bin/python" -c "$info" | grep -Eq 'AMX_INT8 = 1|AVX512[A-Z0-9_]* = 1'; }
    if is_native; then
        say "pip's cache held a llama.cpp that was built for one CPU only; building the portable one"
        "$VENV/bin/python" -m pip cache remove llama_cpp_python >/dev/null 2>&1 || true
        slowly "Building llama.cpp" llama.log "$VENV/bin/python" -m pip install --disable-pip-version-check \
            --no-deps --force-reinstall --no-cache-dir -r <(grep -E '^llama-cpp-python' requirements.txt)
        is_native && die "llama-cpp-python is still built for this CPU only; see data/logs/llama.log."
    fi
    return 0
}
