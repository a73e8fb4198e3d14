"""Is the AI right, and what did it cost: quality, alarms, drafts, engines."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from classifier.selectors import figures
from common.actors import Actor
from common.wording import share_words
from config.charts import percent
from config.dashboard import links, texts
from config.dashboard.figure import Figure
from ticketing.selectors.volume import Span

_ENGINES = {
    "rules": gettext_lazy("Rules"),
    "local": gettext_lazy("Local model"),
    "llm": gettext_lazy("Language model"),
    "fallback": gettext_lazy("Fallback"),
}


def triage(actor: Actor, span: Span, run: dict[str, Any], review: dict[str, Any]) -> list[Figure]:
    """Quality, alarms, drafts, agreement and engines of the period."""
    decided = figures.decided(actor=actor, span=span)
    calls = figures.llm(actor=actor, span=span)
    agreed = figures.agreement(actor=actor, span=span)
    return [
        *_quality(span, decided, review),
        *_urgency(span, review),
        _agreement(agreed),
        _adoption(actor, span),
        *_engine(span, decided, run, calls),
    ]


def _quality(span: Span, decided: dict[str, Any], review: dict[str, Any]) -> list[Figure]:
    applied = texts.part(decided["applied"], decided["total"])
    earlier = texts.part(decided["applied_before"], decided["total_before"])
    rate, rate_before = (
        texts.part(review["asked"], decided["total"]),
        texts.part(review["asked_before"], decided["total_before"]),
    )
    blind, accuracy = review["blind"], review["accuracy"]
    return [
        Figure(
            _("Applied automatically"),
            share_words(applied),
            links.ticket_set("applied", span),
            "",
            texts.points(applied, earlier),
            "",
            _("%(decided)s of %(decided_2)s tickets")
            % {"decided": texts.number(decided["applied"]), "decided_2": texts.number(decided["total"])},
            decided["applied"],
        ),
        Figure(
            _("Review rate"),
            share_words(rate),
            links.rows("classifier_reviewitem", is_blind__exact=0, **links.within(span, "created_at")),
            texts.tone(rate, 0.2, below=True),
            texts.points(rate, rate_before),
            texts.under("20 %"),
            _("%(review)s asked, %(review_2)s waiting for a person")
            % {"review": texts.number(review["asked"]), "review_2": texts.number(review["open"])},
            review["asked"],
        ),
        Figure(
            _("Accuracy, blind sample"),
            share_words(accuracy) if accuracy is not None else "–",
            _blind(span),
            texts.tone(accuracy, 0.9),
            texts.points(accuracy, review["accuracy_before"]),
            texts.over("90 %"),
            _("%(blind)s answers") % {"blind": texts.number(blind)}
            if accuracy is not None
            else _("Not enough answers yet: %(blind)s of %(ENOUGH_ANSWERS)s")
            % {"blind": blind, "ENOUGH_ANSWERS": figures.ENOUGH_ANSWERS},
            blind,
        ),
    ]


def _blind(span: Span) -> str:
    """The answers of the blind sample in a period."""
    answered = {"is_blind__exact": 1, "state__in": "accepted,corrected"}
    return links.rows("classifier_reviewitem", **answered, **links.within(span, "reviewed_at"))


def _urgency(span: Span, review: dict[str, Any]) -> list[Figure]:
    """Critical and high: called in vain, and not called, by the answers of the blind sample."""
    false, missed = figures.alarms(review["answers"])
    few = _("Not enough answers yet") if false is None and missed is None else ""
    return [
        Figure(
            _("False alarms"),
            share_words(false),
            _blind(span),
            texts.tone(false, 0.05, below=True),
            target=texts.under("5 %"),
            note=few or _("called urgent, was not"),
            count=review["blind"],
        ),
        Figure(
            _("Missed alarms"),
            share_words(missed),
            _blind(span),
            texts.tone(missed, 0.03, below=True),
            target=texts.under("3 %"),
            note=few or _("was urgent, not called so"),
            count=review["blind"],
        ),
    ]


def blind_tables(review: dict[str, Any], span: Span) -> list[dict[str, Any]]:
    """Accuracy of the blind sample by predicted category and by file type, few answers marked as such."""
    return [
        {
            "title": title,
            "link": _blind(span),
            "rows": [
                {"label": value or _("Undecided"), "answers": count, "share": share_words(share),
                 "few": count < figures.ENOUGH_ANSWERS, "tone": texts.tone(share, 0.9)}
                for value, count, share in figures.accuracy_by(review["answers"], name)
            ],
        }
        for title, name in ((_("By category"), "category"), (_("By file type"), "file_type"))
    ]  # fmt: skip


def _adoption(actor: Actor, span: Span) -> Figure:
    """How often the proposed answer was sent, as it was or edited."""
    drafts = figures.adoption(actor=actor, span=span)
    share = texts.part(drafts["used"], drafts["decided"])
    return Figure(
        _("Drafts used"),
        share_words(share),
        links.rows(
            "classifier_responsedraft",
            state__in="accepted,edited,rejected",
            **links.within(span, "created_at"),
        ),
        "",
        texts.points(share, texts.part(drafts["used_before"], drafts["decided_before"])),
        "",
        _("%(drafts)s of %(drafts_2)s decided on")
        % {"drafts": texts.number(drafts["used"]), "drafts_2": texts.number(drafts["decided"])},
        drafts["decided"],
    )


def _agreement(agreed: figures.Agreement) -> Figure:
    """A figure no engine can beat: where people disagree, neither answer is sure."""
    known = agreed.kappa is not None
    return Figure(
        _("Reviewers agree"),
        f"κ {agreed.kappa:.2f}" if known else "–",
        reverse("review:queue"),
        note=_("%(share)s of %(tickets)s answered twice")
        % {"share": share_words(agreed.share), "tickets": texts.number(agreed.tickets)}
        if agreed.tickets
        else _("No review was answered twice yet"),
    )


def _engine(span: Span, decided: dict[str, Any], run: dict[str, Any], calls: dict[str, Any]) -> list[Figure]:
    ended, earlier = run["completed"] + run["stuck"], run["completed_before"] + run["stuck_before"]
    success = texts.part(run["completed"], ended)
    cost = float(run["spent"] or 0) / run["completed"] if run["completed"] else None
    period = links.within(span, "created_at")
    runs = {"purpose__exact": "triage", **period}
    engines = sorted(decided["engines"].items(), key=lambda pair: -pair[1])
    return [
        Figure(
            _("Runs completed"),
            share_words(success),
            links.rows("classifier_workflowrun", state__in="completed,stuck", **runs),
            texts.tone(success, 0.99),
            texts.points(success, texts.part(run["completed_before"], earlier)),
            texts.over("99 %"),
            _("%(run)s of %(ended)s with a degraded step")
            % {"run": texts.number(run["degraded"]), "ended": texts.number(ended)},
            ended,
        ),
        Figure(
            _("Processing time"),
            texts.milliseconds(run["duration"]),
            links.rows("classifier_workflowrun", state__exact="completed", **runs),
            change=texts.ratio(run["duration"], run["duration_before"]),
            target=texts.under("10 s"),
            note=_("mean of %(run)s triage runs") % {"run": texts.number(run["completed"])},
            count=run["completed"],
        ),
        Figure(
            _("Cost a ticket"),
            f"${cost:.4f}" if cost is not None else "–",
            links.rows("classifier_workflowrun", state__exact="completed", **runs),
            texts.tone(cost, 0.1, below=True),
            "",
            texts.under("$0.10"),
            _("$%(run)s for %(run_2)s triage runs")
            % {"run": f"{float(run['spent'] or 0):,.2f}", "run_2": texts.number(run["completed"])},
            run["completed"],
        ),
        Figure(
            _("LLM calls"),
            texts.number(calls["calls"]),
            links.rows("classifier_llmcall", purpose__exact="work", **period),
            change=texts.ratio(calls["calls"], calls["calls_before"]),
            note=_("%(calls)s failed") % {"calls": texts.number(calls["failed"])},
            count=calls["calls"],
        ),
        Figure(
            _("Decided by"),
            _ENGINES.get(engines[0][0], engines[0][0].title()) if engines else "–",
            links.ticket_set("judged", span),
            note=" · ".join(_engine_share(name, count, decided["total"]) for name, count in engines),
            count=decided["total"],
        ),
    ]


def _engine_share(name: str, count: int, total: int) -> str:
    return f"{_ENGINES.get(name, name.title())} {percent(count, total):.0f} %"
