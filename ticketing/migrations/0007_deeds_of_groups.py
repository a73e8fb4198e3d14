"""What each group may do beside seeing tickets (R3). Django makes permissions only after all migrations."""

from django.db import migrations

PERMISSIONS = {
    "export_ticket": "Can export tickets",
    "import_ticket": "Can import tickets",
    "merge_ticket": "Can merge tickets",
    "reassign_ticket": "Can give tickets to another team or person",
    "view_ticket_files": "Can open the files of tickets",
    "read_drafts": "Can read drafts of answers",
}
GROUPS = {
    "Agents": set(PERMISSIONS) - {"import_ticket"},
    "Leads": set(PERMISSIONS),
    "Administrators": set(PERMISSIONS),
}


def give(apps, schema_editor):
    content_type, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(
        app_label="ticketing", model="ticket"
    )
    permission = apps.get_model("auth", "Permission")
    rows = {
        codename: permission.objects.get_or_create(
            content_type=content_type, codename=codename, defaults={"name": name}
        )[0]
        for codename, name in PERMISSIONS.items()
    }
    for name, codenames in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(rows[codename] for codename in codenames))


class Migration(migrations.Migration):
    dependencies = [
        ("ticketing", "0006_exports_and_batches"),
        ("teams", "0003_cache_table"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
