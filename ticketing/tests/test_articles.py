"""Knowledge articles: found by words, shown to those who may read, safe, judged once (C23)."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.test import TestCase
from django.urls import reverse
from rest_framework.test import APIClient

from ticketing.models import Article, ArticleFeedback
from ticketing.models.knowledge import ARTICLE_LIMIT
from ticketing.selectors.articles import articles_of, articles_search, query_stems
from ticketing.services.articles import article_feedback_give, visitor_of
from ticketing.services.rendering import MARKDOWN_LIMIT
from ticketing.tests.world import World


class ArticleWorld(TestCase):
    """Articles of either client, public, internal and unfinished."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.public = cls.article("vpn", "The VPN drops", "Import the **profile** again.")
        cls.internal = cls.article("gateway", "Restart the VPN gateway", "For staff.", visibility="internal")
        cls.draft = cls.article("draft", "VPN draft", "Not ready.", is_published=False)
        cls.foreign = cls.article("foreign", "VPN of others", "No.", client=cls.world.client_b)

    @classmethod
    def article(cls, slug: str, title: str, body: str, **values: object) -> Article:
        """A public, published article of client A unless told otherwise."""
        defaults = {"client": cls.world.client_a, "visibility": "public", "is_published": True}
        return Article.objects.create(slug=slug, title=title, body=body, **{**defaults, **values})

    def found(self, query: str, user: object) -> list[str]:
        """Slugs by rank."""
        rows = articles_of(self.world.actor(user), self.world.client_a)
        return [hit.article.slug for hit in articles_search(rows, query)]


class SearchTests(ArticleWorld):
    """One way to find on both databases."""

    def test_each_finds_what_each_may_read(self) -> None:
        """C23, T10: requesters public ones, agents internal ones too; drafts and foreign ones nobody."""
        self.assertEqual(self.found("vpn", self.world.requester), ["vpn"])
        self.assertEqual(set(self.found("vpn", self.world.agent)), {"vpn", "gateway"})

    def test_words_are_found_by_their_stem_and_titles_come_first(self) -> None:
        """C23: "importing profiles" finds "import the profile"."""
        self.article("other", "Something else", "The VPN drops here as well.")
        self.assertEqual(self.found("importing profiles", self.world.requester), ["vpn"])
        self.assertEqual(self.found("VPN dropping", self.world.requester), ["vpn", "other"])

    def test_words_without_meaning_and_signs_find_nothing(self) -> None:
        """C23: and break nothing, whatever is typed."""
        for query in ("", "the and with", "%_\\'\"()[]*", "\x00", "x" * 50_000):
            self.assertEqual(self.found(query, self.world.requester), [])
        self.assertLessEqual(len(query_stems(" ".join(f"word{n}" for n in range(99)))), 16)

    def test_pages_search_for_their_reader(self) -> None:
        """C23: the portal shows public ones, the desk all the agent may see."""
        self.client.force_login(self.world.requester)
        page = self.client.get(reverse("portal:articles"), {"q": "vpn"})
        self.assertContains(page, "The VPN drops")
        self.assertNotContains(page, "gateway")
        self.assertContains(self.client.get(reverse("portal:articles"), {"q": "zzz"}), "No article holds")
        self.client.force_login(self.world.agent)
        page = self.client.get(reverse("desk:articles"))
        for text in ("The VPN drops", "Restart the VPN gateway", "VPN draft"):
            self.assertContains(page, text)
        self.assertNotContains(page, "VPN of others")

    def test_lists_take_as_many_queries_with_thirty_rows_as_with_three(self) -> None:
        """STYLE 9."""
        self.client.force_login(self.world.agent)
        for name, user in (("desk:articles", self.world.agent), ("portal:articles", self.world.requester)):
            self.client.force_login(user)
            with self.subTest(page=name), self.assertNumQueries(BUDGETS[name]):
                self.client.get(reverse(name))
        for number in range(30):
            self.article(f"more-{number}", f"More {number}", "Text.")
        for name, user in (("desk:articles", self.world.agent), ("portal:articles", self.world.requester)):
            self.client.force_login(user)
            with self.subTest(page=name), self.assertNumQueries(BUDGETS[name]):
                self.client.get(reverse(name))


class PageTests(ArticleWorld):
    """Reading, and saying whether it helped."""

    def test_markdown_is_shown_and_nothing_else_is_run(self) -> None:
        """C23, FACTS 18: mark-up of the text yes, HTML and scripts no."""
        article = self.article(
            "bad", "Bad", "**bold** <script>alert(1)</script> [x](javascript:alert(1)) ![i](http://e/x.png)"
        )
        self.client.force_login(self.world.requester)
        page = self.client.get(reverse("portal:article", args=[article.uuid]))
        self.assertContains(page, "<strong>bold</strong>")
        for text in ("<script>alert", 'href="javascript:', '<img src="http://e'):
            self.assertNotContains(page, text)

    def test_a_body_beyond_the_renderers_limit_is_refused(self) -> None:
        """FACTS 18: by form, admin and API alike."""
        self.assertEqual(ARTICLE_LIMIT, MARKDOWN_LIMIT)
        api = APIClient()
        api.force_authenticate(self.world.lead)
        body = {"slug": "long", "title": "Long", "body": "x" * 20_001}
        self.assertEqual(api.post("/api/v1/articles", body, format="json").status_code, 400)

    def test_whether_it_helped_is_counted_once_a_reader(self) -> None:
        """C23: the last answer counts; the key names nobody and ties no two articles together."""
        self.client.force_login(self.world.requester)
        url = reverse("portal:article-feedback", args=[self.public.uuid])
        for answer in ("yes", "no", "yes"):
            self.client.post(url, {"helped": answer})
        row = ArticleFeedback.objects.get()
        self.assertTrue(row.helped)
        actor = self.world.actor(self.world.requester)
        self.assertNotIn(actor.id, row.visitor)
        self.assertNotEqual(visitor_of(actor=actor, article=self.internal), row.visitor)
        article_feedback_give(article=self.public, helped=False, actor=self.world.actor(self.world.agent))
        self.client.force_login(self.world.agent)
        page = self.client.get(reverse("desk:article", args=[self.public.uuid]))
        self.assertContains(page, "1 of 2 readers helped")
        with self.assertRaises(IntegrityError), transaction.atomic():
            ArticleFeedback.objects.create(article=self.public, visitor=row.visitor, helped=True)

    def test_the_api_lists_for_all_and_writes_for_leads(self) -> None:
        """C23: internal ones are hidden from requesters."""
        api = APIClient()
        api.force_authenticate(self.world.requester)
        titles = [row["title"] for row in api.get("/api/v1/articles").json()["results"]]
        self.assertEqual(titles, ["The VPN drops"])
        self.assertEqual(api.get(f"/api/v1/articles/{self.internal.pk}").status_code, 404)
        body = {"slug": "new", "title": "New", "body": "Text."}
        self.assertEqual(api.post("/api/v1/articles", body, format="json").status_code, 403)
        api.force_authenticate(self.world.lead)
        self.assertEqual(api.post("/api/v1/articles", body, format="json").status_code, 201)


BUDGETS = {"desk:articles": 8, "portal:articles": 8}
