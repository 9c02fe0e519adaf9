"""The roles, and the role `user` for everybody who has an account already.

A role that is to hold more later gets it from a migration of its own: this one may have run.
"""

from django.db import migrations

from accounts.roles import GRANTS, USER, grant

def make(apps, schema_editor):
    grant(GRANTS, apps)
    group = apps.get_model("auth", "Group").objects.get(name=USER)
    membership = apps.get_model("accounts", "User").groups.through
    users = apps.get_model("accounts", "User").objects.exclude(groups=group).values_list("pk", flat=True)
    rows = (membership(user_id=pk, group_id=group.pk) for pk in users.iterator(chunk_size=1000))
    membership.objects.bulk_create(rows, batch_size=1000)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_sessions_and_keys"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
