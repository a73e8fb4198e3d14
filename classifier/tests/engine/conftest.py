"""Settings of the property tests: the first example may load a model, so no example has a deadline."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("engine", deadline=None, max_examples=60)
settings.load_profile("engine")
