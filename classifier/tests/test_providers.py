"""Models, prompts and earned confidence as records (C6, C9, C12), against a server over real HTTP."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cryptography.fernet import Fernet
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import TestCase, override_settings
from django.urls import reverse

from classifier.choices import ProviderStep, ProviderTier
from classifier.engine.calibration import ConfidenceMap
from classifier.engine.redaction import redact
from classifier.engine.types import TriageInput
from classifier.llm.prompts import load_prompt
from classifier.models import (
    LabelledExample,
    LlmCall,
    LlmProvider,
    Prediction,
    PromptVersion,
    WorkflowRun,
    WorkflowStep,
)
from classifier.selectors import llm_outcomes
from classifier.selectors.prompts import prompt_choose
from classifier.services.execution import run_process
from classifier.services.providers import provider_chain
from classifier.services.runs import run_request
from classifier.services.spaces import space_ensure
from classifier.services.vectors import vectors_fill
from classifier.tests.support import load_world, open_ticket, service_actor
from teams.choices import Group
from teams.models import Credential
from teams.services.credentials import credential_secret, secret_encrypt
from tests.fakes.llm_server import FakeLlmServer, Fault, sample_answer
from ticketing.models import ClientSettings, Ticket
from ticketing.services.triage import ticket_confirm
from ticketing.tests.world import make_user

KEYS = [Fernet.generate_key().decode()]
TEXT = "Something has been odd since yesterday. Mail me: ann@example.org"


def saying(**values: Any) -> Any:
    """A server that answers correctly, with some fields as given."""
    return lambda body: {**sample_answer(body), **values}


class ProviderCase(TestCase):
    """Two clients, no model in the environment."""

    @classmethod
    def setUpTestData(cls) -> None:
        cls.one, cls.two = load_world()
        cls.lead = make_user("model-lead", Group.LEADS, cls.one)

    def setUp(self) -> None:
        cache.clear()
        changed = override_settings(LLM_ENVIRONMENT={}, CREDENTIAL_KEYS=KEYS)
        changed.enable()
        self.addCleanup(changed.disable)

    def provider(self, url: str, **values: Any) -> LlmProvider:
        """A compatible server of the first client."""
        row = {
            "client": self.one, "name": "Own", "kind": "compatible", "model": "own-model", "base_url": url,
            "timeout_seconds": 2.0,
        }  # fmt: skip
        provider = LlmProvider(**{**row, **values})
        provider.full_clean()
        provider.save()
        return provider

    def triaged(self, client: Any = None, text: str = TEXT) -> tuple[Ticket, WorkflowRun]:
        """A ticket with its triage done."""
        ticket = open_ticket(client or self.one, text)
        run = run_request(ticket=ticket)
        self.assertTrue(run_process(run_id=run.pk))
        run.refresh_from_db()
        ticket.refresh_from_db()
        return ticket, run


class ChainTests(ProviderCase):
    """Who is asked."""

    def test_a_clients_own_model_is_asked_for_its_tickets_alone(self) -> None:
        """C9: per client, with its own credentials; the key goes out and stands nowhere in clear."""
        credential = Credential(
            client=self.one, system="llm", name="key", secret=secret_encrypt("s3cret-key")
        )
        credential.save()
        self.assertEqual(credential_secret(credential=credential), "s3cret-key")
        self.assertNotIn(b"s3cret", bytes(credential.secret))
        with FakeLlmServer() as server:
            self.provider(server.url, credential=credential)
            self.triaged()
            self.triaged(self.two, "Something is odd here as well.")
            requests = list(server.requests)
        self.assertEqual(len(requests), 1)
        self.assertEqual(requests[0].headers["authorization"], "Bearer s3cret-key")
        call = LlmCall.objects.get()
        self.assertEqual((call.client, call.outcome), (self.one, "ok"))
        self.assertEqual(len(call.credential), 16)

    def test_own_models_keep_shared_ones_out_and_the_next_one_is_the_fallback(self) -> None:
        """C9: ordered fallbacks; a client with rows of its own is sent to nobody else."""
        with FakeLlmServer() as shared, FakeLlmServer() as first, FakeLlmServer() as second:
            first.faults(Fault.HTTP_503)
            self.provider(shared.url, client=None, name="Shared")
            self.provider(second.url, position=2, model="second-model")
            self.provider(first.url, position=1, model="first-model")
            _, run = self.triaged()
            self.triaged(self.two, "Something is odd here as well.")
            counts = [len(server.requests) for server in (shared, first, second)]
        self.assertEqual(counts, [1, 1, 1])
        self.assertEqual(run.steps.get(name="classify_llm").model, "compatible second-model")

    def test_a_model_that_cannot_be_used_is_left_out(self) -> None:
        """C9: a missing key or a lost encryption key costs the model, never the ticket."""
        with self.assertRaises(ValidationError):
            self.provider("", kind="openai", model="gpt-x")
        LlmProvider.objects.create(client=self.one, name="Own", kind="openai", model="gpt-x")
        self.assertEqual(provider_chain(client_id=self.one.pk, step=ProviderStep.TRIAGE).primary, ())
        _, run = self.triaged()
        self.assertFalse(run.steps.filter(name="classify_llm").exists())

    def test_a_client_whose_own_model_is_off_is_sent_to_nobody_else(self) -> None:
        """C9: own rows decide, in use or not, whatever they are asked for."""
        with FakeLlmServer() as shared:
            self.provider(shared.url, client=None, name="Shared")
            self.provider(shared.url, step=ProviderStep.DRAFT)
            self.triaged()
            LlmProvider.objects.filter(client=self.one).update(is_active=False)
            self.triaged(text="Something else is odd.")
            self.assertEqual(shared.requests, [])

    def test_an_address_that_cannot_be_called_never_stops_a_ticket(self) -> None:
        """C1: refused when it is saved; one that slipped in costs the model alone."""
        for address in ("http://[bad", "http://host:port/v1", "ftp://x.example", "http:///v1"):
            with self.subTest(address=address):
                with self.assertRaises(ValidationError):
                    self.provider(address)
                LlmProvider.objects.create(
                    client=self.one, name="Bad", kind="compatible", model="m", base_url=address
                )
                _, run = self.triaged(text=f"Odd {address}")
                self.assertEqual(run.state, "completed")
                LlmProvider.objects.all().delete()

    def test_a_client_with_a_model_and_key_of_its_own_can_be_deleted(self) -> None:
        """O4: a tenant can be erased."""
        key = Credential.objects.create(client=self.two, system="llm", name="k", secret=secret_encrypt("x"))
        self.provider("http://127.0.0.1:1", client=self.two, credential=key)
        self.two.delete()
        self.assertFalse(LlmProvider.objects.exists())

    def test_another_clients_credential_is_refused(self) -> None:
        """T10: by the model, whatever the form offers."""
        foreign = Credential.objects.create(
            client=self.two, system="llm", name="key", secret=secret_encrypt("x")
        )
        with self.assertRaises(ValidationError):
            self.provider("http://127.0.0.1:1", credential=foreign)

    def test_an_advanced_model_is_asked_only_where_the_first_stays_unsure(self) -> None:
        """C9: the second opinion costs money, so it is asked for when it is needed."""
        with (
            FakeLlmServer(saying(category="network", confidence=0.5)) as unsure,
            FakeLlmServer(saying(category="database", confidence=0.9)) as advanced,
        ):
            self.provider(unsure.url, model="small")
            self.provider(advanced.url, model="big", tier=ProviderTier.ADVANCED)
            ticket, run = self.triaged()
            self.assertEqual((len(unsure.requests), len(advanced.requests)), (1, 1))
        steps = dict(run.steps.filter(name__startswith="classify_llm").values_list("name", "model"))
        self.assertEqual(
            steps, {"classify_llm": "compatible small", "classify_llm_advanced": "compatible big"}
        )
        self.assertEqual(ticket.decisions.get(field="category").value, "database")

    def test_a_budget_of_its_own_goes_before_the_general_one(self) -> None:
        """C11: a client that may spend nothing is triaged without a model."""
        ClientSettings.objects.filter(client=self.one).update(llm_daily_budget=0)
        with FakeLlmServer() as server:
            self.provider(server.url, price_input=Decimal(5), price_output=Decimal(5))
            _, run = self.triaged()
            self.assertEqual(server.requests, [])
        self.assertEqual(run.steps.get(name="classify_llm").error_kind, "budget_spent")


class PromptTests(ProviderCase):
    """With which words."""

    def version(self, name: str = "brief", **values: Any) -> PromptVersion:
        """A version made of the shipped words."""
        words = load_prompt("fused")
        row = {
            "client": self.one, "name": name, "system": words.system, "before": words.before,
            "after": words.after, "is_active": True,
        }  # fmt: skip
        version = PromptVersion(**{**row, **values})
        version.full_clean()
        version.save()
        return version

    def chosen(self, key: str, item: TriageInput | None = None, client: Any = None) -> str:
        """The name of the prompt a ticket gets."""
        client = client or self.one
        return prompt_choose(client_id=client.pk, item=item or TriageInput("x"), key=key).prompt.name

    def test_a_broken_prompt_is_refused_with_its_reason(self) -> None:
        """C12: when it is saved, not when a ticket comes."""
        words = load_prompt("fused").system
        for system, reason in (
            ("{{ taxonomy.secret }}", "cannot be rendered"),
            ("{{ ''.__class__.__mro__ }}", "cannot be rendered"),
            ("{% for x in %}", "cannot be rendered"),
            ("{% for i in range(9) %}{% endfor %}", "cannot be rendered"),
            ("{{ schema * 99999 }}", "cannot be rendered"),
            ("{% for a in schema %}{% for b in schema %}{% endfor %}{% endfor %}" * 2, "loops"),
            (words.replace("{{ schema }}", ""), "schema"),
        ):
            with self.subTest(system=system[:30]), self.assertRaisesMessage(ValidationError, reason):
                self.version(system=system)
        with self.assertRaisesMessage(ValidationError, "marker"):
            self.version(after="The end.")
        with self.assertRaisesMessage(ValidationError, "marker"):
            self.version(after="{% if channel == 'web' %}{{ marker }}{% endif %}")

    def test_versions_share_the_tickets_by_weight_and_a_ticket_keeps_its_own(self) -> None:
        """C12: A/B weights; asking again asks with the same words."""
        self.version("one", weight=3, system=load_prompt("fused").system + "\nOne.")
        self.version("two", weight=1)
        drawn = [self.chosen(f"SW-{number}") for number in range(400)]
        self.assertEqual(drawn, [self.chosen(f"SW-{number}") for number in range(400)])
        self.assertTrue(250 < drawn.count("one") < 350, drawn.count("one"))
        self.assertEqual(self.chosen("SW-1", client=self.two), "fused")

    def test_a_variant_goes_to_its_kind_of_ticket(self) -> None:
        """C12: variants by file type, and one that reasons first for long tickets."""
        self.version("all")
        self.version("logs", variant="log")
        self.version("long", variant="complex")
        self.assertEqual(self.chosen("a", TriageInput("x", file_type="log")), "logs")
        self.assertEqual(self.chosen("a", TriageInput("x " * 2_000)), "long")
        self.assertEqual(self.chosen("a", TriageInput("x", file_type="csv")), "all")

    def test_the_nearest_confirmed_tickets_are_shown_as_examples_and_no_other_clients(self) -> None:
        """C12: few-shot slots, redacted, of the client and the shared ones; 0 shows none."""
        taxonomy = self.one.ticketing_settings.taxonomy
        texts = [f"Reading {name} about a thing of no concern" for name in "abcdefghijklmnopqrstuvwxyz"]
        odd = "Something odd since yesterday, "
        texts += [f"{odd}said bob@example.net", f"{odd}foreign", f"{odd}house secret", redact(TEXT).text]
        taxonomy.categories.filter(slug="security").update(allow_external_llm=False)
        for place, text in enumerate(texts):
            client = self.two if "foreign" in text else self.one
            category = taxonomy.categories.get(slug="security" if "secret" in text else "network")
            LabelledExample.objects.create(
                taxonomy=taxonomy, client=client, text=text, text_hash=str(place), category=category,
                source="review",
            )  # fmt: skip
        space_ensure(force=True)
        vectors_fill()
        self.version(examples=2)
        with FakeLlmServer() as server:
            self.provider(server.url)
            self.triaged()
            PromptVersion.objects.update(examples=0)
            self.triaged(text="Something is odd again.")
            shown, bare = (str(request.body["messages"]) for request in server.requests)
        self.assertIn("Something odd since yesterday, said [EMAIL", shown)
        self.assertNotIn("foreign", shown)
        self.assertNotIn("house secret", shown)
        self.assertNotIn("odd since yesterday. Mail me", shown.split("begin")[0])
        self.assertNotIn("bob@example.net", shown)
        self.assertNotIn("Earlier tickets", bare)

    def test_predictions_name_model_and_prompt(self) -> None:
        """C12: each prediction stores its prompt version."""
        version = self.version(system=load_prompt("fused").system + "\nBe brief.")
        with FakeLlmServer(saying(category="network", confidence=0.9)) as server:
            self.provider(server.url)
            _, run = self.triaged()
            sent = str(server.requests[0].body)
        self.assertIn("Be brief.", sent)
        prediction = Prediction.objects.get(run=run, field="category")
        self.assertEqual(prediction.prompt_version, version.prompt.version)
        self.assertEqual(prediction.model_version, "compatible own-model")


class EarnedConfidenceTests(ProviderCase):
    """What a model's opinion of itself is worth."""

    def setUp(self) -> None:
        super().setUp()
        llm_outcomes._maps.cache_clear()
        self.addCleanup(llm_outcomes._maps.cache_clear)

    def outcomes(self, number: int, *, right: bool) -> None:
        """Answers of the model that people have judged."""
        for place in range(number):
            ticket = open_ticket(self.one, f"Ticket {place}")
            run = run_request(ticket=ticket)
            WorkflowStep.objects.create(
                run=run,
                position=1,
                name="classify_llm",
                status="completed",
                model="compatible own-model",
                prompt_version=load_prompt("fused").version,
                output={"category": {"value": "network", "confidence": 0.95}},
            )
            slugs = list(ticket.taxonomy.categories.values_list("slug", flat=True))
            label = slugs[0] if not right and slugs[0] != "network" else slugs[1]
            label = "network" if right and "network" in slugs else label
            ticket_confirm(ticket=ticket, decisions={"category": label}, actor=service_actor(self.one))

    def category(self) -> Any:
        """What becomes of the model's category now."""
        with FakeLlmServer(saying(category="network", confidence=0.95)) as server:
            LlmProvider.objects.all().delete()
            self.provider(server.url)
            ticket, _ = self.triaged()
        return ticket.decisions.get(field="category")

    def test_without_fifty_outcomes_the_model_is_not_believed(self) -> None:
        """C6: capped below accept."""
        self.outcomes(49, right=True)
        self.assertEqual(self.category().state, "suggested")

    def test_fifty_good_outcomes_earn_belief_and_bad_ones_cost_it(self) -> None:
        """C6: calibrated on known outcomes of that provider, model and prompt."""
        self.outcomes(50, right=True)
        good = self.category()
        self.assertEqual((good.state, good.source), ("applied", "llm"))
        self.outcomes(150, right=False)
        llm_outcomes._maps.cache_clear()
        cache.clear()
        bad = self.category()
        self.assertNotEqual(bad.state, "applied")
        self.assertLess(bad.confidence, 0.5)

    def test_what_another_client_confirms_earns_nothing_here(self) -> None:
        """T10, C6: the same model and prompt, another client's tickets."""
        one, self.one = self.one, self.two
        self.outcomes(60, right=True)
        self.one = one
        self.assertEqual(self.category().state, "suggested")

    def test_the_map_rises_and_stays_within_bounds(self) -> None:
        """C8: more stated confidence never earns less."""
        outcomes = [(place / 100, place % 100 > 40) for place in range(100)] * 3
        earned = ConfidenceMap.fit(outcomes)
        values = [earned(place / 20) for place in range(21)]
        self.assertEqual(values, sorted(values))
        self.assertTrue(all(0.0 <= value <= 1.0 for value in values))


class LedgerTests(ProviderCase):
    """What left the house, where people look for it."""

    def test_the_ticket_page_shows_word_for_word_what_was_sent(self) -> None:
        """C21: to which provider, when, and without personal data."""
        with FakeLlmServer() as server:
            self.provider(server.url)
            ticket, _ = self.triaged()
        self.client.force_login(self.lead)
        page = self.client.get(ticket.get_absolute_url())
        self.assertContains(page, "What left the house")
        self.assertContains(page, "compatible own-model")
        self.assertContains(page, "[EMAIL_1]")
        ledger = page.content.decode().split("What left the house")[1]
        self.assertNotIn("ann@example.org", ledger.split("</details>")[0])

    def test_a_ticket_that_never_left_says_nothing(self) -> None:
        """C21: no call, no panel."""
        ticket, _ = self.triaged()
        self.client.force_login(self.lead)
        self.assertNotContains(self.client.get(ticket.get_absolute_url()), "What left the house")


class ProviderPageTests(ProviderCase):
    """State, pause and trial in the back office."""

    def setUp(self) -> None:
        super().setUp()
        self.client.force_login(self.lead)

    def test_a_lead_sees_state_and_spending_and_pauses_an_own_model(self) -> None:
        """C9: operable in the admin; a paused model is asked nothing."""
        with FakeLlmServer() as server:
            row = self.provider(server.url)
            self.triaged()
            page = self.client.get(reverse("review:providers"))
            self.assertContains(page, "own-model")
            self.assertContains(page, "In use")
            operate = reverse("review:provider_operate", args=[f"row-{row.pk}"])
            self.client.post(operate, {"action": "pause"})
            self.assertContains(self.client.get(reverse("review:providers")), "Not asked for now")
            self.triaged(text="Something else is odd too.")
            self.assertEqual(len(server.requests), 1)
            self.client.post(operate, {"action": "resume"})
            self.triaged(text="Yet another odd thing.")
            self.assertEqual(len(server.requests), 2)

    def test_a_trial_shows_exactly_what_left(self) -> None:
        """C21: redacted; the same words stand in the ledger."""
        with FakeLlmServer(saying(category="network", confidence=0.8)) as server:
            row = self.provider(server.url)
            address = reverse("review:provider_try", args=[f"row-{row.pk}"])
            page = self.client.post(address, {"client": self.one.pk, "text": TEXT})
        trial = page.context["trial"]
        self.assertEqual(trial.answer["category"], "network")
        self.assertNotIn("ann@example.org", str(trial.sent))
        self.assertEqual(LlmCall.objects.get().request, trial.sent)
        self.assertContains(page, "[EMAIL_1]")

    def test_a_trial_that_fails_says_why(self) -> None:
        """FACTS 9: by the named kind."""
        with FakeLlmServer() as server:
            server.faults(Fault.REFUSAL)
            row = self.provider(server.url)
            address = reverse("review:provider_try", args=[f"row-{row.pk}"])
            page = self.client.post(address, {"client": self.one.pk, "text": "The printer jams."})
        self.assertIn("refusal", page.context["trial"].failure)

    def test_strangers_and_shared_models(self) -> None:
        """T10: another client's model is not there; a shared one is paused by administrators only."""
        own = self.provider("http://127.0.0.1:1")
        shared = self.provider("http://127.0.0.1:1", client=None)
        self.client.post(reverse("review:provider_operate", args=[f"row-{shared.pk}"]), {"action": "pause"})
        self.assertNotContains(self.client.get(reverse("review:providers")), "Not asked for now")
        stranger = make_user("other-model-lead", Group.LEADS, self.two)
        self.client.force_login(stranger)
        self.assertNotContains(self.client.get(reverse("review:providers")), f"row-{own.pk}")
        for name, data in (
            ("provider_operate", {"action": "pause"}),
            ("provider_try", {"client": self.two.pk, "text": "x"}),
        ):
            answer = self.client.post(reverse(f"review:{name}", args=[f"row-{own.pk}"]), data)
            self.assertEqual(answer.status_code, 404, name)
        agent = make_user("model-agent", Group.AGENTS, self.one)
        self.client.force_login(agent)
        self.assertEqual(self.client.get(reverse("review:providers")).status_code, 404)
