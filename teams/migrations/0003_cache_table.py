"""The table of the database cache, used where no Redis is configured."""

from django.core.management import call_command
from django.db import migrations


def create_table(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("teams", "0002_groups")]

    operations = [migrations.RunPython(create_table, migrations.RunPython.noop)]
