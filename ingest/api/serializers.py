"""Shapes of the file endpoints."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from ticketing.choices import PRIORITY_ALIASES, Priority
from ticketing.models import Attachment


class UploadInput(serializers.Serializer[Any]):
    """A multipart upload."""

    file = serializers.FileField(allow_empty_file=True, max_length=1_000)
    client = serializers.SlugField(required=False, default="", allow_blank=True)


class PresignInput(serializers.Serializer[Any]):
    """What will be uploaded to the object store."""

    name = serializers.CharField(max_length=255)
    content_type = serializers.RegexField(
        r"^[\w.+-]{1,60}/[\w.+-]{1,59}$", required=False, default="application/octet-stream"
    )
    size = serializers.IntegerField(min_value=0)
    client = serializers.SlugField(required=False, default="", allow_blank=True)


class ClassifyFileInput(serializers.Serializer[Any]):
    """A file that becomes a ticket."""

    file = serializers.FileField(allow_empty_file=True, max_length=1_000)
    user_id = serializers.CharField(required=False, default="anonymous", max_length=120)
    priority = serializers.ChoiceField(
        choices=[*Priority.values, *PRIORITY_ALIASES], required=False, default="", allow_blank=True
    )
    taxonomy = serializers.SlugField(required=False, default="", allow_blank=True)
    client = serializers.SlugField(required=False, default="", allow_blank=True)

    def validate_priority(self, value: str) -> str:
        """The stored word for a synonym."""
        return PRIORITY_ALIASES.get(value, value)


class StoredFile(serializers.ModelSerializer[Attachment]):
    """A file with what was read from it."""

    file_id = serializers.UUIDField(source="uuid")
    text_preview = serializers.CharField(source="preview")

    class Meta:
        model = Attachment
        fields = [
            "file_id",
            "name",
            "content_type",
            "kind",
            "size",
            "sha256",
            "status",
            "error",
            "error_code",
            "pages",
            "text_preview",
            "created_at",
        ]


class FileAccepted(serializers.Serializer[Any]):
    """Answer to an upload."""

    file_id = serializers.UUIDField(source="uuid")
    status = serializers.CharField()


class FilePresigned(serializers.Serializer[Any]):
    """Where to post the file."""

    file_id = serializers.UUIDField(source="attachment.uuid")
    url = serializers.URLField()
    fields = serializers.DictField(child=serializers.CharField())  # type: ignore[assignment]
