"""Watching whether tickets still are what the models learned, and saying so when they are not (C26)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from classifier.engine.drift import index_beyond_chance
from classifier.engine.thresholds import lower_bound
from classifier.selectors.drift import Weeks, blind_answers, category_counts, unlabelled_texts
from classifier.selectors.figures import ENOUGH_ANSWERS
from classifier.services.local_models import local_engine
from teams.services.alerts import alert_raise, alert_resolve
from ticketing.models import Taxonomy

ACCURACY_TARGET: Final = 0.90
"""What the automatic part has to reach (O5)."""

MIX_BOUND: Final = 0.2
"""A stability index from here on is commonly called a significant shift."""

WORDS_BOUND: Final = 0.05
"""So much less of a ticket's words known to the model than in the weeks before."""

ENOUGH_TICKETS: Final = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured figure of one taxonomy. ``measured`` is None where too little is known to say anything."""

    rule: str
    measured: float | None
    is_out: bool
    message: str


def drift_of(*, taxonomy: Taxonomy, now: datetime) -> list[Finding]:
    """Accuracy of the blind sample, mix of categories and known words: the last week against four before."""
    weeks = Weeks(now)
    return [_accuracy(taxonomy, weeks), _mix(taxonomy, weeks), _words(taxonomy, weeks)]


def drift_check(*, taxonomy: Taxonomy, now: datetime) -> list[Finding]:
    """Measure, raise an alert for what is out of bounds, resolve what is within again. Repeating is safe."""
    findings = drift_of(taxonomy=taxonomy, now=now)
    owner = taxonomy.client.slug if taxonomy.client else "shared"
    subject = f"{owner}/{taxonomy.slug}"
    for finding in findings:
        if finding.is_out:
            alert_raise(
                rule=finding.rule, subject=subject, message=finding.message, client=taxonomy.client, now=now
            )
        elif finding.measured is not None:
            alert_resolve(rule=finding.rule, subject=subject, now=now)
    return findings


def _accuracy(taxonomy: Taxonomy, weeks: Weeks) -> Finding:
    """Out of bounds when even the exact upper bound (95 %) stays below the target: no alarm by bad luck."""
    right, answers = blind_answers(taxonomy=taxonomy, weeks=weeks)
    if answers < ENOUGH_ANSWERS:
        return Finding("drift_accuracy", None, False, f"Only {answers} blind answers this week.")
    share, highest = right / answers, 1 - lower_bound(answers - right, answers)
    message = (
        f"Of {answers} automatic decisions checked blind this week in {taxonomy}, {share:.0%} were right; "
        f"the target is {ACCURACY_TARGET:.0%}."
    )
    return Finding("drift_accuracy", share, highest < ACCURACY_TARGET, message)


def _mix(taxonomy: Taxonomy, weeks: Weeks) -> Finding:
    now = category_counts(taxonomy=taxonomy, since=weeks.start, until=weeks.now)
    before = category_counts(taxonomy=taxonomy, since=weeks.before, until=weeks.start)
    if min(sum(now.values()), sum(before.values())) < ENOUGH_TICKETS:
        return Finding("drift_mix", None, False, "There are too few tickets to compare.")
    index = index_beyond_chance(before, now)
    grown = max(
        now, key=lambda slug: now[slug] / sum(now.values()) - before.get(slug, 0) / sum(before.values())
    )
    message = (
        f"The mix of categories in {taxonomy} has shifted (stability index {index:.2f}, bound {MIX_BOUND}); "
        f"{grown} has grown most."
    )
    return Finding("drift_mix", index, index > MIX_BOUND, message)


def _words(taxonomy: Taxonomy, weeks: Weeks) -> Finding:
    now = unlabelled_texts(taxonomy=taxonomy, since=weeks.start, until=weeks.now)
    before = unlabelled_texts(taxonomy=taxonomy, since=weeks.before, until=weeks.start)
    engine = local_engine(taxonomy_id=taxonomy.pk)
    if engine is None or min(len(now), len(before)) < ENOUGH_TICKETS:
        return Finding(
            "drift_words", None, False, "There are too few tickets to compare, or there is no model."
        )
    model = engine.models["category"]
    share, earlier = (float(model.probabilities(texts)[1].mean()) for texts in (now, before))
    message = (
        f"The model of {taxonomy} knows {share:.0%} of the words of this week's tickets, {earlier:.0%} of "
        "those of the four weeks before: people write about something new."
    )
    return Finding("drift_words", earlier - share, earlier - share > WORDS_BOUND, message)
