"""
What search needs on PostgreSQL: the words of a row, and indexes. And an index for the filter by model.

`prompts_by_words` has the rows that `prompts.posting` has come to; `prompts_unsearchable` those that it has yet
to come to. On a big partition indexes are left to `manage.py journal_maintenance`, which makes them while rows
are written.
"""

from django.db import migrations, models

# Texts that are kept twice are read once: of a conversation, question and system are among its parts. The
# newest comes first, because what is beyond the 20,000th character is not searched: a bound on the work, and on
# a tsvector, which holds 1 MB. Marks that join words go first, because PostgreSQL's parser takes seconds over 20,000
# characters of "a_a_a_" or "<!--<!--"; `prompts.search` does the same to what is searched for.
WORDS = r"""
CREATE FUNCTION prompts_words(prompt text, system text, parts jsonb, response text, choices jsonb)
RETURNS tsvector LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE COST 1000 AS $$
DECLARE
    said text := response;
BEGIN
    IF choices <> '[]' THEN
        said := said || ' ' || coalesce((SELECT string_agg(one #>> '{}', ' ') FROM (
            SELECT jsonb_path_query(choices, '$[1 to last].text')
            UNION ALL SELECT jsonb_path_query(choices, '$[*].tool_calls[*].arguments')
            UNION ALL SELECT jsonb_path_query(choices, '$[*].asides[*].text')
        ) AS texts(one)), '');
    END IF;
    IF NOT jsonb_path_exists(parts, '$[*] ? (@.role != "")') THEN
        said := said || ' ' || prompt || ' ' || system;
    END IF;
    IF parts <> '[]' THEN
        said := said || ' ' || coalesce((SELECT string_agg(one ->> 'text', ' ' ORDER BY place DESC)
            FROM jsonb_array_elements(parts) WITH ORDINALITY AS each(one, place)), '');
    END IF;
    RETURN to_tsvector('pg_catalog.simple', translate(left(said, 20000), '&+-./:<@_~', '          '));
END
$$
"""
WORDS_INDEX = "CREATE INDEX prompts_by_words ON {} USING gin (prompts_words(prompt, system, parts, response, choices)) WITH (fastupdate = on, gin_pending_list_limit = 1024) WHERE is_searchable"
UNSEARCHABLE = "CREATE INDEX prompts_unsearchable ON {} USING btree (id) WHERE NOT is_searchable AND outcome <> 'accepted'"
BY_MODEL = models.Index(fields=["model", "-id"], name="prompts_by_model")
TABLE = "prompts_prompt"
BIG_ROWS = 50_000  # made at once below that, in some seconds


def make(apps, schema_editor):
    prompt = apps.get_model("prompts", "Prompt")
    if schema_editor.connection.vendor != "postgresql":
        schema_editor.add_index(prompt, BY_MODEL)
        return
    schema_editor.execute(WORDS)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM (SELECT FROM {TABLE} LIMIT {BIG_ROWS}) AS seen")  # nosec B608
        where = TABLE if cursor.fetchone()[0] < BIG_ROWS else f"ONLY {TABLE}"
    by_model = str(BY_MODEL.create_sql(prompt, schema_editor))
    schema_editor.execute(by_model.replace(f'ON "{TABLE}"', f"ON {where}"))
    for sql in (WORDS_INDEX, UNSEARCHABLE):
        schema_editor.execute(sql.format(where))


def drop(apps, schema_editor):
    schema_editor.execute("DROP INDEX prompts_by_model")
    if schema_editor.connection.vendor == "postgresql":
        for name in ("prompts_unsearchable", "prompts_by_words"):
            schema_editor.execute(f"DROP INDEX {name}")
        schema_editor.execute("DROP FUNCTION prompts_words(text, text, jsonb, text, jsonb)")


class Migration(migrations.Migration):
    dependencies = [("prompts", "0012_partitions")]
    operations = [
        migrations.SeparateDatabaseAndState(
            [migrations.RunPython(make, drop, elidable=False)],
            [migrations.AddIndex("prompt", BY_MODEL)],
        )
    ]
