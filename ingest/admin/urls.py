"""Pages of imports in the back office."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from ingest.admin import imports

app_name = "imports"
urlpatterns: list[URLPattern | URLResolver] = [
    path("", imports.overview, name="overview"),
    path("<uuid:uuid>", imports.detail, name="detail"),
    path("<uuid:uuid>/step", imports.step, name="step"),
    path("<uuid:uuid>/problems", imports.problems, name="problems"),
]
