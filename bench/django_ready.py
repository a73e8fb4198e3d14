"""Sets Django up on import, for benchmarks that use the pipeline; nothing here reads a database."""

from __future__ import annotations

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()
