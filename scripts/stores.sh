# Private PostgreSQL and Redis servers for the tests: in a temporary folder, on free ports, stopped at the end.
# Sourced by scripts/test. Sets TEST_DATABASE_URL and TEST_REDIS_URL where a server could be started.

STORES_DIR=""
POSTGRES_STOP=()
REDIS_PID=""
STORES_MISSING=()

free_port() { "$VENV/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# The folder with initdb and postgres: Debian's, Homebrew's, or PATH's.
postgres_bin() {
    local folder
    for folder in /usr/lib/postgresql/*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin \
        "$(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)")"; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/postgres" ]; then
            echo "$folder"
            return
        fi
    done
}

# PostgreSQL refuses to run as root.
unprivileged() {
    if [ "$(id -u)" -ne 0 ]; then "$@"; else runuser -u "$STORE_USER" -- "$@"; fi
}

start_postgres() {
    local bin port data="$STORES_DIR/postgres"
    bin="$(postgres_bin)"
    if [ -z "$bin" ]; then
        STORES_MISSING+=("PostgreSQL (apt install postgresql)")
        return
    fi
    STORE_USER=postgres
    id "$STORE_USER" >/dev/null 2>&1 || STORE_USER=nobody
    mkdir -p "$data"
    [ "$(id -u)" -ne 0 ] || chown "$STORE_USER" "$data"
    port="$(free_port)"
    (cd / && unprivileged "$bin/initdb" -D "$data" -U gateway -A trust -E UTF8 --locale=C.UTF-8 --no-sync) \
        >"$STORES_DIR/initdb.log" 2>&1 || die "initdb failed: $(tail -n 3 "$STORES_DIR/initdb.log")"
    (cd / && unprivileged "$bin/pg_ctl" -D "$data" -l "$data/log" -w -t 30 -o "-p $port -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories=$data -c fsync=${POSTGRES_FSYNC:-off} -c max_connections=200" start) \
        >"$STORES_DIR/postgres.log" 2>&1 || die "PostgreSQL did not start: $(tail -n 5 "$STORES_DIR/postgres.log")"
    POSTGRES_STOP=("$bin/pg_ctl" -D "$data" -m immediate -w stop)
    TEST_DATABASE_URL="postgres://gateway@127.0.0.1:$port/postgres"
}

start_redis() {
    local port
    if ! command -v redis-server >/dev/null 2>&1; then
        STORES_MISSING+=("Redis (apt install redis-server)")
        return
    fi
    port="$(free_port)"
    redis-server --port "$port" --bind 127.0.0.1 --save '' --dir "$STORES_DIR" >"$STORES_DIR/redis.log" 2>&1 &
    REDIS_PID=$!
    TEST_REDIS_URL="redis://127.0.0.1:$port/0"
    await "Redis" "$STORES_DIR/redis.log" "$VENV/bin/python" -c \
        "import socket; socket.create_connection(('127.0.0.1', $port), 1)"
}

await() {
    local what="$1" log="$2" tries=0
    shift 2
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 150 ] || die "$what did not start: $(tail -n 5 "$log")"
        sleep 0.2
    done
}

# Stops what was started here and nothing else.
stop_stores() {
    if [ ${#POSTGRES_STOP[@]} -gt 0 ]; then (cd / && unprivileged "${POSTGRES_STOP[@]}") >/dev/null 2>&1 || true; fi
    if [ -n "$REDIS_PID" ]; then
        kill "$REDIS_PID" 2>/dev/null || true
        wait "$REDIS_PID" 2>/dev/null || true
    fi
    [ -z "$STORES_DIR" ] || rm -rf "$STORES_DIR"
    POSTGRES_STOP=() REDIS_PID="" STORES_DIR=""
}

start_stores() {
    trap stop_stores EXIT
    STORES_DIR="$(mktemp -d "${TMPDIR:-/tmp}/gateway-stores.XXXXXX")"
    chmod 755 "$STORES_DIR"
    [ -n "${TEST_DATABASE_URL:-}" ] || start_postgres
    [ -n "${TEST_REDIS_URL:-}" ] || start_redis
    export TEST_DATABASE_URL="${TEST_DATABASE_URL:-}" TEST_REDIS_URL="${TEST_REDIS_URL:-}"
}
