"""Reviewers and administrators see everybody's statistics."""

from django.db import migrations

from accounts.roles import ADMIN, REVIEWER, grant

SEES = ("prompts.view_statistics", "hourlytally")


def give(apps, schema_editor):
    grant({REVIEWER: [SEES], ADMIN: [SEES]}, apps)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_roles"), ("prompts", "0005_statistics")]
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
