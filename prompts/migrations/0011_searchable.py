"""Rows that are there count as searchable: `journal_maintenance` makes an index for them in one go."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("prompts", "0010_filters")]
    operations = [
        migrations.AddField(
            "prompt", "is_searchable", models.BooleanField(default=False, db_default=True)
        ),
        migrations.AlterField(
            "prompt", "is_searchable", models.BooleanField(default=False, db_default=False)
        ),
    ]
