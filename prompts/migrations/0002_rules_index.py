"""The index behind `rules__has`, where there is one: PostgreSQL's GIN. SQLite scans."""

from django.db import migrations


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX prompts_by_rule ON prompts_prompt USING gin (rules jsonb_path_ops)"
        )


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX prompts_by_rule")


class Migration(migrations.Migration):
    dependencies = [("prompts", "0001_initial")]
    operations = [migrations.RunPython(make, drop, elidable=False)]
