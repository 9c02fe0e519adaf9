"""The role `admin` may set limits."""

from django.db import migrations

from accounts.roles import ADMIN, GRANTS, grant


def make(apps, schema_editor):
    limits = tuple(held for held in GRANTS[ADMIN] if held[1] == "limit")
    grant({ADMIN: limits}, apps)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_limits")]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
