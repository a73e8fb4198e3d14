"""The review queue: order, answers, undo, blind items, two reviewers at once (C4)."""

from __future__ import annotations

from django.db import connection
from django.test import TestCase
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from classifier.models import LabelledExample, ResponseDraft, ReviewItem
from classifier.selectors.reviews import marked
from classifier.services.drafts import draft_make
from classifier.services.examples import starter_examples_load
from classifier.services.reviews import (
    AlreadyReviewed,
    review_answer,
    review_item_open,
    review_settle,
    review_undo,
)
from common.exceptions import Conflict
from teams.models import Team
from ticketing.models import Category, Taxonomy, Ticket
from ticketing.services.triage import ticket_confirm
from ticketing.tests.world import World

QUEUE = reverse("review:queue")


class ReviewTest(TestCase):
    """C4: one item at a time."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.client.force_login(self.world.lead)
        self.actor = self.world.actor(self.world.lead)

    def item(self, subject: str = "VPN drops", *, urgency: float = 1.0, is_blind: bool = False) -> ReviewItem:
        state, confidence = ("applied", 0.95) if is_blind else ("suggested", 0.7)
        ticket = self.world.triage(self.world.ticket(subject), state=state, confidence=confidence)
        frozen = {"category": {"value": "network"}, "severity": {"value": "high"}} if is_blind else {}
        return review_item_open(
            ticket=ticket, run=None, reasons=["Unsure."], urgency=urgency, is_blind=is_blind, frozen=frozen
        )

    def post(self, name: str, item: ReviewItem, **data: str) -> str:
        response = self.client.post(reverse(f"review:{name}", args=[item.pk]), data, follow=True)
        item.refresh_from_db()
        item.ticket.refresh_from_db()
        return " ".join(str(message) for message in response.context["messages"])

    def test_the_most_urgent_comes_first_and_its_words_are_marked(self) -> None:
        """C4: uncertainty × severity orders the queue; the text shows why."""
        self.item("Small VPN thing", urgency=0.2)
        self.item("VPN down for all", urgency=3.0)
        page = self.client.get(QUEUE)
        self.assertEqual(page.context["item"].ticket.subject, "VPN down for all")
        self.assertEqual((page.context["progress"].total, page.context["next_up"]), (2, 1))
        self.assertContains(page, "<mark>VPN</mark> down for all")

    def test_a_suggested_team_nobody_picks_by_hand_can_still_be_accepted(self) -> None:
        """C17: an escalation team stands among the choices where it is the suggestion."""
        item = self.item()
        Team.objects.create(slug="major_incidents", name="Major incidents", kind="escalation")
        item.ticket.decisions.filter(field="team").update(value="major_incidents")
        (team,) = [row for row in self.client.get(QUEUE).context["item"].fields if row.field == "team"]
        self.assertEqual((team.choices[0].value, team.choices[0].label), (team.value, "Major incidents"))

    def test_accepting_confirms_clears_the_flag_and_makes_an_example(self) -> None:
        """C3, C4: the label is the person's and is learned from."""
        item = self.item()
        text = self.post("answer", item, category="network", severity="high", team="network_team")
        self.assertIn("accepted", text)
        self.assertEqual((item.state, item.reviewed_by), ("accepted", self.world.lead))
        self.assertEqual((item.ticket.category.slug, item.ticket.severity), ("network", "high"))
        self.assertEqual(item.ticket.team, self.world.network)
        self.assertFalse(item.ticket.needs_review)
        self.assertEqual(set(item.ticket.decisions.values_list("state", flat=True)), {"confirmed"})
        example = LabelledExample.objects.get(ticket=item.ticket)
        self.assertEqual((example.category.slug, example.source), ("network", "review"))

    def test_correcting_the_category_takes_the_team_along(self) -> None:
        """C4, C17: the team that followed from the wrong category is not confirmed by leaving it."""
        item = self.item()
        self.post("answer", item, category="hardware", severity="high", team="network_team")
        self.assertEqual(item.state, "corrected")
        self.assertEqual(item.ticket.team, self.world.hardware)
        self.assertEqual(LabelledExample.objects.get().team_slug, "hardware_team")

    def test_undo_restores_decisions_flag_fields_and_example(self) -> None:
        """C4: after an undo everything is as before the answer."""
        item = self.item()

        def picture() -> tuple[object, ...]:
            row = Ticket.objects.get(pk=item.ticket_id)
            names = ("field", "value", "state", "confidence", "source", "decided_by", "evidence")
            decisions = list(row.decisions.order_by("field").values_list(*names))
            ticket = (row.category_id, row.severity, row.team_id, row.assignee_id, row.needs_review)
            return decisions, ticket, LabelledExample.objects.count(), ReviewItem.objects.get().state

        before = picture()
        self.post("answer", item, category="hardware", severity="low", team="hardware_team")
        self.assertNotEqual(picture(), before)
        self.assertEqual(self.client.get(QUEUE).context["undo_url"], reverse("review:undo", args=[item.pk]))
        self.assertIn("taken back", self.post("undo", item))
        self.assertEqual(picture(), before)
        self.assertEqual(self.client.post(reverse("review:undo", args=[item.pk])).status_code, 404)

    def test_undo_brings_an_earlier_example_back(self) -> None:
        """C4: the earlier label stands again."""
        item = self.item()
        review_answer(item=item, decisions={"category": "network"}, actor=self.actor)
        second = review_item_open(ticket=item.ticket, run=None, reasons=[], urgency=1)
        review_answer(item=second, decisions={"category": "hardware"}, actor=self.actor)
        self.assertEqual(LabelledExample.objects.get().category.slug, "hardware")
        review_undo(item=ReviewItem.objects.get(pk=second.pk), actor=self.actor)
        self.assertEqual(LabelledExample.objects.get().category.slug, "network")

    def test_undo_is_refused_when_the_ticket_has_changed_since(self) -> None:
        """C3: a later decision of a person is never overwritten."""
        item = self.item()
        self.post("answer", item, category="network", severity="high")
        ticket_confirm(ticket=item.ticket, decisions={"category": "hardware"}, actor=self.actor)
        self.assertIn("has been changed since", self.post("undo", item))
        self.assertEqual((item.state, item.ticket.category.slug), ("accepted", "hardware"))

    def test_an_answer_is_taken_back_by_its_author_only(self) -> None:
        """C4: another lead cannot undo it."""
        item = self.item()
        review_answer(item=item, decisions={"category": "network"}, actor=self.actor)
        item.refresh_from_db()
        with self.assertRaises(Conflict):
            review_undo(item=item, actor=self.world.actor(self.world.agent))

    def test_the_second_of_two_reviewers_is_told(self) -> None:
        """C4: the first answer stands; the second changes nothing."""
        item = self.item()
        stale = ReviewItem.objects.select_related("ticket").get(pk=item.pk)
        review_answer(item=item, decisions={"category": "network"}, actor=self.actor)
        with self.assertRaises(AlreadyReviewed):
            review_answer(item=stale, decisions={"category": "hardware"}, actor=self.actor)
        self.assertEqual(Ticket.objects.get().category.slug, "network")
        text = self.post("answer", item, category="hardware")
        self.assertIn("already answered", text)

    def test_a_blind_item_hides_the_prediction_until_the_answer(self) -> None:
        """C4: neither value, confidence, marks nor order give it away."""
        item = self.item(is_blind=True)
        page = self.client.get(QUEUE)
        shown = page.context["item"]
        self.assertEqual({(row.value, row.confidence, row.source) for row in shown.fields}, {("", None, "")})
        self.assertNotContains(page, "<mark>VPN")
        self.assertNotContains(page, " checked")
        self.assertNotContains(page, "% sure")
        text = self.post("answer", item, category="hardware", severity="high")
        self.assertIn("Triage had said otherwise: category “network”", text)
        self.assertEqual(item.state, "corrected")
        self.assertEqual(LabelledExample.objects.get().source, "blind")

    def test_a_decision_elsewhere_settles_what_is_asked_but_not_a_blind_sample(self) -> None:
        """C4: nothing left to ask; a blind sample stays, or its figure would flatter."""
        item, blind = self.item(), self.item("Blind", is_blind=True)
        for row in (item, blind):
            ticket_confirm(ticket=row.ticket, decisions={"category": "hardware"}, actor=self.actor)
            review_settle(ticket=row.ticket)
            row.refresh_from_db()
        self.assertEqual((item.state, blind.state), ("obsolete", "open"))

    def test_an_answer_that_moved_the_ticket_out_of_sight_can_be_taken_back(self) -> None:
        """C4, R3: an agent who corrects the team no longer sees the ticket, yet may undo."""
        item = self.item()
        self.client.force_login(self.world.agent)
        self.post("answer", item, category="hardware", team="hardware_team")
        agent = self.world.actor(self.world.agent)
        self.assertFalse(Ticket.objects.visible_to(agent).filter(pk=item.ticket_id).exists())
        self.assertIn("taken back", self.post("undo", item))
        self.assertEqual(item.state, "open")

    def test_the_number_of_queries_does_not_grow_with_the_queue(self) -> None:
        """Style 9: constant with 3 and with 30 items."""
        counts = []
        for wanted in (3, 30):
            while ReviewItem.objects.count() < wanted:
                self.item(f"VPN {ReviewItem.objects.count()}")
            with CaptureQueriesContext(connection) as captured:
                self.client.get(QUEUE)
            counts.append(len(captured))
        self.assertEqual(counts[0], counts[1])
        self.assertLessEqual(counts[1], 15)

    def test_skipping_puts_it_behind_the_others_for_this_person(self) -> None:
        """C4: it stays open and first for everybody else."""
        first, second = self.item("First", urgency=2), self.item("Second", urgency=1)
        self.post("skip", first)
        self.assertEqual(self.client.get(QUEUE).context["item"].pk, second.pk)
        self.client.force_login(self.world.agent)
        self.assertEqual(self.client.get(QUEUE).context["item"].pk, first.pk)

    def test_an_unknown_value_or_none_is_refused(self) -> None:
        """C4: the item stays open."""
        item = self.item()
        self.assertIn("There is no category", self.post("answer", item, category="nonsense"))
        self.assertIn("Choose at least one", self.post("answer", item))
        self.assertEqual(item.state, "open")
        self.assertFalse(LabelledExample.objects.exists())

    def test_strangers_get_404_and_change_nothing(self) -> None:
        """T10: another client's lead and requesters; nobody is sent to the log-in."""
        item = self.item()
        for user in (self.world.stranger, self.world.requester):
            self.client.force_login(user)
            for name in ("answer", "skip", "undo"):
                url = reverse(f"review:{name}", args=[item.pk])
                self.assertEqual(self.client.post(url, {"category": "network"}).status_code, 404)
        self.client.force_login(self.world.stranger)
        self.assertIsNone(self.client.get(QUEUE).context["item"])
        self.client.force_login(self.world.requester)
        self.assertEqual(self.client.get(QUEUE).status_code, 404)
        self.client.logout()
        self.assertIn(reverse("login"), self.client.get(QUEUE)["Location"])
        item.refresh_from_db()
        self.assertEqual((item.state, item.answer), ("open", {}))


class DraftOnTheDeskTest(TestCase):
    """C16: a draft is suggested, taken, dismissed; what became of it is kept."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.world = World()

    def setUp(self) -> None:
        self.client.force_login(self.world.agent)
        self.ticket = self.world.triage(self.world.ticket())
        self.url = reverse("triage:draft", args=[self.ticket.uuid])

    def make(self) -> ResponseDraft:
        return draft_make(ticket=self.ticket, tone="formal", actor=self.world.actor(self.world.agent))

    def reply(self, draft: ResponseDraft, body: str) -> ResponseDraft:
        data = {"body": body, "draft": str(draft.uuid)}
        self.client.post(reverse("desk:reply", args=[self.ticket.uuid]), data)
        draft.refresh_from_db()
        return draft

    def test_a_new_one_is_written_and_offered(self) -> None:
        """C16: the composer shows it as a suggestion."""
        self.client.post(self.url, {"action": "new", "tone": "technical"})
        draft = ResponseDraft.objects.get(state="proposed")
        self.assertEqual(draft.tone, "technical")
        page = self.client.get(self.ticket.get_absolute_url())
        self.assertEqual(page.context["draft"]["uuid"], draft.uuid)

    def test_a_swapped_fragment_leaves_typed_text_alone(self) -> None:
        """T9: the page is not loaded again."""
        page = self.client.post(self.url, {"action": "new"}, headers={"HX-Request": "true"})
        self.assertContains(page, 'id="draft-slot"')
        self.assertNotContains(page, "<textarea")

    def test_sent_as_it_was_it_is_accepted_and_changed_it_is_edited(self) -> None:
        """C16: accepted, edited, rejected are recorded."""
        first = self.make()
        self.assertEqual(self.reply(first, first.content).state, "accepted")
        second = self.make()
        self.assertEqual(self.reply(second, f"{second.content} And one more thing.").state, "edited")
        third = self.make()
        self.client.post(self.url, {"action": "dismiss"})
        third.refresh_from_db()
        self.assertEqual((third.state, third.decided_by), ("rejected", self.world.agent))

    def test_taking_it_without_script_fills_the_composer(self) -> None:
        """T9: the page works without script."""
        draft = self.make()
        response = self.client.post(self.url, {"action": "take"})
        page = self.client.get(response["Location"].split("#")[0])
        self.assertEqual(page.context["message_form"]["body"].value(), draft.content)

    def test_triage_again_owes_a_run_of_the_next_generation(self) -> None:
        """C2: asked for on purpose, the ticket is judged anew."""
        self.client.post(reverse("triage:retriage", args=[self.ticket.uuid]))
        self.client.post(reverse("triage:retriage", args=[self.ticket.uuid]))
        generations = self.ticket.runs.filter(purpose="triage").values_list("generation", flat=True)
        self.assertEqual(sorted(generations), [2, 3])


class ExamplesTest(TestCase):
    """C7: the starter set."""

    def test_starter_examples_load_once(self) -> None:
        """C7: repeating adds nothing; a taxonomy without a file has none."""
        world = World()
        shipped = Taxonomy.objects.create(slug="it_support", name="IT support")
        slugs = ["hardware", "software", "network", "security", "database", "application", "infrastructure"]
        Category.objects.bulk_create(Category(taxonomy=shipped, slug=slug, name=slug) for slug in slugs)
        self.assertGreater(starter_examples_load(taxonomy=shipped), 400)
        self.assertEqual(starter_examples_load(taxonomy=shipped), 0)
        self.assertEqual(starter_examples_load(taxonomy=world.taxonomy), 0)


class MarkedTest(TestCase):
    """C6: words that spoke for the answer."""

    def test_marks_cover_whole_words_and_never_overlap(self) -> None:
        """C6: the parts give the text back exactly."""
        text = "The VPN client, vpn! vpnish; Windows  update"
        evidence = [{"text": "vpn", "weight": 1}, {"text": "vpn client", "weight": 0.5},
                    {"text": "windows update", "weight": 0.4}, {"text": "the", "weight": -1}]  # fmt: skip
        parts = marked(text, evidence)
        self.assertEqual("".join(part.text for part in parts), text)
        found = [part.text for part in parts if part.weight]
        self.assertEqual(found, ["VPN", " client", "vpn", "Windows  update"])
