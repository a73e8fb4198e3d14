"""Full-text search: FTS5 kept by triggers on SQLite; GIN and trigram indexes on PostgreSQL."""

from django.db import migrations

TABLE = "ticketing_ticketsearchdocument"

SQLITE = (
    "CREATE VIRTUAL TABLE ticket_search USING fts5(identifiers, text, content='" + TABLE + "',"
    " content_rowid='ticket_id', tokenize='unicode61 remove_diacritics 2', prefix='2 3')",
    f"CREATE TRIGGER ticket_search_insert AFTER INSERT ON {TABLE} BEGIN"
    " INSERT INTO ticket_search(rowid, identifiers, text)"
    " VALUES (new.ticket_id, new.identifiers, new.text); END",
    f"CREATE TRIGGER ticket_search_delete AFTER DELETE ON {TABLE} BEGIN"
    " INSERT INTO ticket_search(ticket_search, rowid, identifiers, text)"
    " VALUES ('delete', old.ticket_id, old.identifiers, old.text); END",
    f"CREATE TRIGGER ticket_search_update AFTER UPDATE ON {TABLE} BEGIN"
    " INSERT INTO ticket_search(ticket_search, rowid, identifiers, text)"
    " VALUES ('delete', old.ticket_id, old.identifiers, old.text);"
    " INSERT INTO ticket_search(rowid, identifiers, text)"
    " VALUES (new.ticket_id, new.identifiers, new.text); END",
)
SQLITE_BACK = (
    "DROP TRIGGER ticket_search_insert",
    "DROP TRIGGER ticket_search_delete",
    "DROP TRIGGER ticket_search_update",
    "DROP TABLE ticket_search",
)
POSTGRES = (
    f"CREATE INDEX ticket_search_text ON {TABLE} USING gin"
    " (to_tsvector('simple', identifiers || ' ' || text))",
)
POSTGRES_BACK = ("DROP INDEX ticket_search_text",)
TRIGRAM = f"CREATE INDEX ticket_search_trigram ON {TABLE} USING gin (upper(identifiers) gin_trgm_ops)"


def _run(schema_editor, sqlite, postgres):
    statements = sqlite if schema_editor.connection.vendor == "sqlite" else postgres
    for statement in statements:
        schema_editor.execute(statement)


def forwards(apps, schema_editor):
    _run(schema_editor, SQLITE, POSTGRES)
    if schema_editor.connection.vendor == "postgresql" and _trigram_available(schema_editor):
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema_editor.execute(TRIGRAM)


def _trigram_available(schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'")
        return cursor.fetchone() is not None


def backwards(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS ticket_search_trigram")
    _run(schema_editor, SQLITE_BACK, POSTGRES_BACK)


class Migration(migrations.Migration):
    dependencies = [("ticketing", "0001_initial")]

    operations = [migrations.RunPython(forwards, backwards)]
