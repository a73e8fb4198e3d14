"""What a lead changes in the back office, by keyboard alone, and the rows it leaves behind."""

from __future__ import annotations

from django.urls import reverse

from tests.browser.keyboard import KeyboardTestCase
from ticketing.choices import ArticleVisibility
from ticketing.models import Article, RoutingRule
from ticketing.services.conversation import NewMessage, message_add
from ticketing.services.tickets import status_change
from ticketing.tests.world import World


class BackOfficeJourneyTest(KeyboardTestCase):
    """R2, C23: a rule is tried before it decides; what was learned becomes an article."""

    def setUp(self) -> None:
        super().setUp()
        self.world = World()
        self.world.lead.is_staff = True
        self.world.lead.save(update_fields=["is_staff"])
        self.ticket = self.world.triage(self.world.ticket(), state="applied")

    def test_a_rule_is_changed_and_tried_on_past_tickets(self) -> None:
        """R2: the trial shows what would differ and saves nothing; then the rule is saved."""
        rule = RoutingRule.objects.create(
            client=self.world.client_a, slug="vpn", name="VPN", order=50, team=self.world.hardware,
            conditions={"keywords": ["paper"]},
        )  # fmt: skip
        address = reverse("admin:ticketing_routingrule_change", args=[rule.pk])
        page = self.open(address, user=self.world.lead)
        self.tab_to(page, "textarea[name=keywords]")
        self.press(page, "Control+A")
        page.keyboard.type("drops")
        self.tab_to(page, "button[formaction$='/try/']")
        with page.context.expect_page() as opened:
            self.press(page, "Enter")
        trial = opened.value
        trial.wait_for_load_state()
        self.says(trial, "1 of 1 tickets would be decided by this rule")
        self.says(trial, self.ticket.reference)
        trial.close()
        rule.refresh_from_db()
        self.assertEqual(rule.conditions, {"keywords": ["paper"]}, "Trying saves nothing.")
        self.follow(page, "[name=_save]")
        rule.refresh_from_db()
        self.ticket.refresh_from_db()
        self.assertEqual((rule.conditions, rule.team), ({"keywords": ["drops"]}, self.world.hardware))
        self.assertEqual(self.ticket.team, self.world.network, "A rule does not move past tickets.")
        self.assertEqual(rule.history.count(), 2)

    def test_a_resolved_ticket_becomes_a_published_article(self) -> None:
        """C23: drafted without the people in it, read and published by a lead."""
        actor = self.world.actor(self.world.agent)
        answer = NewMessage(body="Import the profile again.", is_public=True)
        message_add(ticket=self.ticket, new=answer, actor=actor)
        status_change(ticket=self.ticket, status="resolved", actor=actor)
        page = self.open(reverse("desk:ticket", args=[self.ticket.uuid]), user=self.world.lead)
        self.follow(page, "form[action$='/article'] button")
        article = Article.objects.get()
        self.assertEqual((article.source_ticket, article.is_published), (self.ticket, False))
        self.follow(page, f"a[href='{reverse('admin:ticketing_article_change', args=[article.pk])}']")
        self.choose(page, "select[name=visibility]", "Everyone")
        self.tab_to(page, "input[name=is_published]")
        self.press(page, "Space")
        self.follow(page, "[name=_save]")
        article.refresh_from_db()
        self.assertEqual((article.is_published, article.visibility), (True, ArticleVisibility.PUBLIC))
        self.assertIn("Import the profile again.", article.body)
