"""
PostgreSQL is told that sums of whole days are mostly users' and sums of hours everybody's. As if the two had
nothing to do with each other, it would expect twenty times the days that everybody has, and read the table of
sums from end to end for a year of them.
"""

from django.db import migrations

TABLES = ("prompts_summedtally", "prompts_summedfindings")


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(f"CREATE STATISTICS {table}_whose (mcv) ON user_id, hours FROM {table}")
            schema_editor.execute(f"ANALYZE {table}")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for table in TABLES:
            schema_editor.execute(f"DROP STATISTICS {table}_whose")


class Migration(migrations.Migration):
    dependencies = [("prompts", "0014_summed")]

    operations = [migrations.RunPython(make, drop)]
