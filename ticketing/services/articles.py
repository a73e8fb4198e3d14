"""What readers say of articles (C23)."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils.crypto import salted_hmac

from common.actors import Actor
from ticketing.models import Article, ArticleFeedback


def visitor_of(*, actor: Actor, article: Article) -> str:
    """A keyed hash of the reader and this article: enough to count once, too little to follow anybody."""
    return salted_hmac("ticketing.article", f"{actor.id}:{article.pk}", algorithm="sha256").hexdigest()


@transaction.atomic
def article_feedback_give(*, article: Article, helped: bool, actor: Actor) -> ArticleFeedback:
    """Keep whether an article helped; a second answer of the same reader replaces the first."""
    visitor = visitor_of(actor=actor, article=article)
    rows = ArticleFeedback.objects.filter(article=article, visitor=visitor)
    found = rows.first()
    if found is None:
        try:
            with transaction.atomic():
                return ArticleFeedback.objects.create(article=article, visitor=visitor, helped=helped)
        except IntegrityError:  # the same reader in another tab was faster
            found = rows.get()
    if found.helped != helped:
        found.helped = helped
        found.save(update_fields=["helped", "updated_at"])
    return found
