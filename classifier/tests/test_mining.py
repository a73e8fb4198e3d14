"""From confirmed tickets to a rule somebody adopts (C29)."""

from __future__ import annotations

from django.test import TestCase
from django.urls import reverse

from classifier.models import LabelledExample, RuleProposal
from classifier.services.mining import rules_mine
from classifier.tests.engine.test_copies import CAMPAIGN
from classifier.tests.engine.test_mining import sample
from teams.choices import Group
from ticketing.models import Category, RoutingRule
from ticketing.tests.world import World, make_user


class MiningTests(TestCase):
    """Client A; its taxonomy is used by client B as well."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()
        cls.admin = make_user("root-admin", Group.ADMINISTRATORS, cls.world.client_a)

    def confirm(self, *, team: str = "") -> None:
        """Labels of people: the planted phrase goes to the network category."""
        categories = {row.slug: row for row in Category.objects.all()}
        for place, (text, label) in enumerate(zip(*sample(240), strict=True)):
            LabelledExample.objects.create(
                taxonomy=self.world.taxonomy,
                client=self.world.client_a,
                text=text,
                text_hash=str(place),
                category=categories["hardware" if team or label != "access" else "network"],
                team_slug=team if label == "access" else "",
                source="review",
            )

    def decide(self, proposal: RuleProposal, action: str) -> int:
        """Press the button."""
        address = reverse("review:proposal_decide", args=[proposal.pk])
        return self.client.post(address, {"action": action}).status_code

    def test_a_keyword_is_proposed_with_figures_and_adopted_with_one_click(self) -> None:
        """C29: support and precision are shown; the category gets the keyword."""
        self.confirm()
        proposal = rules_mine(client=self.world.client_a)[0]
        self.client.force_login(self.admin)
        page = self.client.get(reverse("review:proposals"))
        self.assertContains(page, proposal.phrase)
        self.assertContains(page, f"<td>{proposal.support}</td>", html=True)
        self.decide(proposal, "adopt")
        self.assertIn(proposal.phrase, Category.objects.get(slug="network").keywords)
        proposal.refresh_from_db()
        self.assertEqual((proposal.state, proposal.decided_by), ("adopted", self.admin))
        again = [row.phrase for row in rules_mine(client=self.world.client_a) if row.state == "proposed"]
        self.assertNotIn(proposal.phrase, again)

    def test_a_phrase_whose_tickets_go_elsewhere_becomes_a_routing_rule(self) -> None:
        """C29: people give these tickets to another team than the category's own."""
        self.confirm(team="network_team")
        proposal = next(row for row in rules_mine(client=self.world.client_a) if row.kind == "routing")
        self.client.force_login(self.world.lead)
        self.decide(proposal, "adopt")
        rule = RoutingRule.objects.get()
        self.assertEqual((rule.client, rule.team), (self.world.client_a, self.world.network))
        self.assertEqual(rule.conditions, {"keywords": [proposal.phrase]})

    def test_a_dismissed_rule_stays_dismissed_and_nothing_is_decided_twice(self) -> None:
        """C29: proposed once."""
        self.confirm()
        proposal = rules_mine(client=self.world.client_a)[0]
        self.client.force_login(self.admin)
        self.decide(proposal, "dismiss")
        self.decide(proposal, "adopt")
        self.assertNotIn(proposal.phrase, Category.objects.get(slug="network").keywords)
        rules_mine(client=self.world.client_a)
        proposal.refresh_from_db()
        self.assertEqual(proposal.state, "dismissed")

    def test_a_lead_does_not_change_a_taxonomy_others_use(self) -> None:
        """T3: an administrator adopts it."""
        self.confirm()
        proposal = rules_mine(client=self.world.client_a)[0]
        self.client.force_login(self.world.lead)
        self.decide(proposal, "adopt")
        proposal.refresh_from_db()
        self.assertEqual(proposal.state, "proposed")

    def test_a_stranger_gets_404(self) -> None:
        """T10: another client's proposals are not there."""
        self.confirm()
        proposal = rules_mine(client=self.world.client_a)[0]
        self.client.force_login(self.world.stranger)
        self.assertEqual(self.decide(proposal, "adopt"), 404)
        self.assertNotContains(self.client.get(reverse("review:proposals")), proposal.phrase)
        self.client.force_login(self.world.agent)
        self.assertEqual(self.client.get(reverse("review:proposals")).status_code, 404)

    def test_a_campaign_of_copies_proposes_nothing(self) -> None:
        """C29: sixty copies with another number, name and farewell are one ticket, in both halves."""
        others, _ = sample(60, seed=3)
        network, hardware = Category.objects.get(slug="network"), Category.objects.get(slug="hardware")
        texts = [text.replace("badge reader", "") for text in others]
        rows = [(text, hardware) for text in texts]
        rows += [(CAMPAIGN.format(n=n, end=f"Regards, {chr(65 + n % 26)}"), network) for n in range(60)]
        for place, (text, category) in enumerate(rows):
            LabelledExample.objects.create(
                taxonomy=self.world.taxonomy, client=self.world.client_a, text=text, text_hash=str(place),
                category=category, source="review",
            )  # fmt: skip
        self.assertEqual(rules_mine(client=self.world.client_a), [])

    def test_few_labels_propose_nothing(self) -> None:
        """C29: a handful of tickets proves nothing."""
        self.assertEqual(rules_mine(client=self.world.client_a), [])
