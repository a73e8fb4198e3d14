"""Knowledge articles."""

from __future__ import annotations

import uuid

from django.core.validators import MaxLengthValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from common.models import Timestamped
from teams.models import Client
from ticketing.choices import ArticleVisibility
from ticketing.models.reference import Category
from ticketing.models.tickets import Ticket
from ticketing.querysets import ArticleQuerySet

ARTICLE_LIMIT = 20_000
"""What the renderer takes: a longer text would be shown without its mark-up."""


class Article(Timestamped):
    """A text that answers a common question; a source for drafts and chat (C23)."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    client = models.ForeignKey(
        Client, null=True, blank=True, on_delete=models.CASCADE, related_name="articles"
    )
    slug = models.SlugField(max_length=120)
    title = models.CharField(max_length=200)
    body = models.TextField(
        validators=[MaxLengthValidator(ARTICLE_LIMIT)],
        help_text=_("Markdown, at most 20,000 characters. HTML and images are shown as text."),
    )
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.SET_NULL, related_name="articles"
    )
    visibility = models.CharField(
        max_length=8, choices=ArticleVisibility.choices, default=ArticleVisibility.INTERNAL
    )
    is_published = models.BooleanField(default=False)
    source_ticket = models.ForeignKey(
        Ticket,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="articles",
        help_text=_("The resolved ticket this was drafted from."),
    )

    objects = ArticleQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(fields=["client", "slug"], name="article_slug_per_client"),
            models.UniqueConstraint(
                fields=["slug"], condition=models.Q(client=None), name="shared_article_slug_unique"
            ),
            models.UniqueConstraint(fields=["source_ticket"], name="one_article_per_ticket"),
        ]

    def __str__(self) -> str:
        return self.title


class ArticleFeedback(Timestamped):
    """Whether an article helped. Invariant: one answer a visitor and article, which may be changed.

    ``visitor`` is a keyed hash of the reader and the article: it neither names the reader nor ties what the
    reader said of two articles together.
    """

    article = models.ForeignKey(Article, on_delete=models.CASCADE, related_name="feedback")
    visitor = models.CharField(max_length=64)
    helped = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["article", "visitor"], name="article_feedback_once")]

    def __str__(self) -> str:
        return "helped" if self.helped else "did not help"
