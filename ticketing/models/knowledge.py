"""Knowledge articles."""

from __future__ import annotations

import uuid

from django.db import models
from simple_history.models import HistoricalRecords

from common.models import Timestamped
from teams.models import Client
from ticketing.choices import ArticleVisibility
from ticketing.models.reference import Category
from ticketing.querysets import ArticleQuerySet


class Article(Timestamped):
    """A text that answers a common question; a source for drafts and chat (C23)."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.CASCADE, related_name="articles"
    )
    slug = models.SlugField(max_length=120)
    title = models.CharField(max_length=200)
    body = models.TextField(help_text="Markdown.")
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="articles"
    )
    visibility = models.CharField(
        max_length=8, choices=ArticleVisibility.choices, default=ArticleVisibility.INTERNAL
    )
    is_published = models.BooleanField(default=False)

    objects = ArticleQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(fields=["client", "slug"], name="article_slug_per_client"),
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(client=None), name="shared_article_slug_unique"
            ),
        ]

    def __str__(self) -> str:
        return self.title
