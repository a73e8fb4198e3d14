"""The four groups that carry the roles (R3). Admin permissions follow in ``post_migrate``."""

from django.db import migrations

GROUPS = ("Requesters", "Agents", "Leads", "Administrators")


def create_groups(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in GROUPS:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("teams", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(create_groups, migrations.RunPython.noop)]
