"""A half-precision column with an HNSW index beside the stored vectors, where PostgreSQL has pgvector 0.8.

Elsewhere this does nothing: vectors are then compared in the process. The column is written and read by SQL
of its own, so the models look the same on every database.
"""

from django.db import migrations

TABLE = "classifier_ticketvector"
COLUMN = f"ALTER TABLE {TABLE} ADD COLUMN embedding halfvec(512)"
INDEX = f"CREATE INDEX ticket_vector_hnsw ON {TABLE} USING hnsw (embedding halfvec_ip_ops)"


def forwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql" and _ready(schema_editor.connection):
        schema_editor.execute(COLUMN)
        schema_editor.execute(INDEX)


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS ticket_vector_hnsw")
        schema_editor.execute(f"ALTER TABLE {TABLE} DROP COLUMN IF EXISTS embedding")


def _ready(connection):
    """Whether the extension is there, or may be made by this role, in a version that scans on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT installed_version, default_version,"
            " (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
            " FROM pg_available_extensions WHERE name = 'vector'"
        )
        row = cursor.fetchone()
        if row is None:
            return False
        installed, offered, may_create = row
        if _version(installed or offered) < (0, 8):
            return False
        if installed is None and may_create:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        return installed is not None or may_create


def _version(text):
    return tuple(int(part) for part in text.split(".")[:2])


class Migration(migrations.Migration):
    dependencies = [("classifier", "0005_vectors")]

    operations = [migrations.RunPython(forwards, backwards)]
