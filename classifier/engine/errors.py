"""What can go wrong inside the local engine, by name."""

from __future__ import annotations


class ModelError(ValueError):
    """A model cannot be trained on, or asked for, what it was given."""


class ArtifactError(ModelError):
    """Stored bytes are not a model of ours, or are damaged."""
