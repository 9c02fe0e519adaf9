"""What the book is looked through by: request ids, and keys of those rows that came by one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("prompts", "0006_statistics_permission")]
    operations = [
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(fields=["request_id"], name="prompts_by_request"),
        ),
        migrations.AddIndex(
            model_name="prompt",
            index=models.Index(
                fields=["key_id", "-id"], condition=models.Q(key_id__isnull=False), name="prompts_by_key"
            ),
        ),
    ]
