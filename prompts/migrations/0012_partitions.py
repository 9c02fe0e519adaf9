"""
On PostgreSQL the book becomes a partitioned table, and what is there its first partition. No row is copied.

    check that all ids are below a month's beginning   writes go on while the table is read once
    rename, make the parent, attach                    one transaction, milliseconds, under an exclusive lock

The way back copies all rows into one table again, under a lock.
"""

from datetime import UTC, datetime, timedelta

from django.db import migrations

from prompts.partitions import Month, patiently

TABLE, DEFAULT, CHECK = "prompts_prompt", "prompts_prompt_default", "prompts_prompt_in_first"
LIKE = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION INCLUDING COMMENTS"


def fetch(cursor, sql, *values):
    cursor.execute(sql, values)
    return cursor.fetchall()


def is_partitioned(cursor):
    return fetch(cursor, f"SELECT relkind = 'p' FROM pg_class WHERE oid = '{TABLE}'::regclass") == [(True,)]  # nosec B608


def key_and_indexes(cursor):
    """The name of the primary key, and the other indexes by name, as they would be made again."""
    ((key,),) = fetch(
        cursor, f"SELECT conname FROM pg_constraint WHERE conrelid = '{TABLE}'::regclass AND contype = 'p'"  # nosec B608
    )
    made = fetch(
        cursor,
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid "  # nosec B608
        f"WHERE i.indrelid = '{TABLE}'::regclass AND NOT i.indisprimary",
    )
    return key, {name: definition.replace(" ON ONLY ", " ON ", 1) for name, definition in made}


def partition(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    # Ids of the next days must fit, however long this takes.
    month = Month.of(datetime.now(UTC) + timedelta(days=2)).after()
    with schema_editor.connection.cursor() as cursor:
        if is_partitioned(cursor):
            return
        cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS {CHECK}")
        if not fetch(cursor, f"SELECT 1 FROM {TABLE} WHERE id >= %s LIMIT 1", month.since):  # nosec B608
            check = f"ALTER TABLE {TABLE} ADD CONSTRAINT {CHECK} CHECK (id < '{month.since}') NOT VALID"
            patiently(lambda cursor: cursor.execute(check))
            cursor.execute(f"ALTER TABLE {TABLE} VALIDATE CONSTRAINT {CHECK}")
    patiently(lambda cursor: make_parent(cursor, month))


def make_parent(cursor, month):
    first = f"{TABLE}_before_{month}"
    cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
    key, indexes = key_and_indexes(cursor)
    cursor.execute(f"ALTER TABLE {TABLE} RENAME TO {first}")
    cursor.execute(f'ALTER TABLE {first} RENAME CONSTRAINT "{key}" TO {first}_pkey')
    for name in indexes:
        cursor.execute(f'ALTER INDEX "{name}" RENAME TO "{name}{first.removeprefix(TABLE)}"')
    cursor.execute(f"CREATE TABLE {TABLE} (LIKE {first} {LIKE}) PARTITION BY RANGE (id)")
    cursor.execute(f"ALTER TABLE {TABLE} DROP CONSTRAINT IF EXISTS {CHECK}")
    cursor.execute(f'ALTER TABLE {TABLE} ADD CONSTRAINT "{key}" PRIMARY KEY (id)')
    for definition in indexes.values():
        cursor.execute(definition)
    cursor.execute(f"CREATE TABLE {DEFAULT} PARTITION OF {TABLE} DEFAULT")
    # Of clocks that are ahead.
    cursor.execute(
        f"WITH moved AS (DELETE FROM {first} WHERE id >= %s RETURNING *) INSERT INTO {DEFAULT} SELECT * FROM moved",  # nosec B608
        [month.since],
    )
    cursor.execute(f"ALTER TABLE {TABLE} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ('{month.since}')")
    cursor.execute(f"ALTER TABLE {first} DROP CONSTRAINT IF EXISTS {CHECK}")


def merge(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        if not is_partitioned(cursor):
            return
    patiently(make_plain)


def make_plain(cursor):
    plain = f"{TABLE}_plain"
    cursor.execute(f"LOCK TABLE {TABLE} IN ACCESS EXCLUSIVE MODE")
    key, indexes = key_and_indexes(cursor)
    cursor.execute(f"CREATE TABLE {plain} (LIKE {TABLE} {LIKE})")
    cursor.execute(f"INSERT INTO {plain} SELECT * FROM {TABLE}")  # nosec B608
    cursor.execute(f"DROP TABLE {TABLE}")
    cursor.execute(f"ALTER TABLE {plain} RENAME TO {TABLE}")
    cursor.execute(f'ALTER TABLE {TABLE} ADD CONSTRAINT "{key}" PRIMARY KEY (id)')
    for definition in indexes.values():
        cursor.execute(definition)


class Migration(migrations.Migration):
    atomic = False  # or the table would stay locked while it is read
    dependencies = [("prompts", "0011_searchable")]
    operations = [migrations.RunPython(partition, merge, elidable=False)]
