"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ClassifierConfig(AppConfig):
    """Label and start-up wiring."""

    name = "classifier"
    verbose_name = _("Triage")

    def ready(self) -> None:
        """Connect the receivers and fill the slots of lower layers."""
        from classifier import panels, receivers  # noqa: PLC0415  models are not loaded before
        from classifier.selectors import indicators, sets  # noqa: PLC0415
        from classifier.services.chat import chat_erase, chat_export  # noqa: PLC0415
        from classifier.services.llm import llm_health  # noqa: PLC0415
        from common.registries import PersonalData, health_checks, personal_data  # noqa: PLC0415
        from ticketing import events  # noqa: PLC0415

        events.ticket_opened.connect(receivers.request_triage, dispatch_uid="classifier.request_triage")
        events.ticket_changed.connect(
            receivers.request_triage_of_change, dispatch_uid="classifier.request_triage_of_change"
        )
        events.ticket_triaged.connect(receivers.request_draft, dispatch_uid="classifier.request_draft")
        events.field_decided.connect(receivers.settle_review, dispatch_uid="classifier.settle_review")
        events.field_decided.connect(receivers.keep_example, dispatch_uid="classifier.keep_example")
        events.message_added.connect(receivers.settle_draft, dispatch_uid="classifier.settle_draft")
        events.tickets_imported.connect(
            receivers.request_triage_of_import, dispatch_uid="classifier.request_triage_of_import"
        )
        health_checks.register("llm", llm_health)
        chat = PersonalData(
            model="classifier.ChatMessage", fields=("body", "sources"), erase=chat_erase, export=chat_export
        )
        personal_data.register(chat.model, chat)
        panels.register()
        indicators.register()
        sets.register()
