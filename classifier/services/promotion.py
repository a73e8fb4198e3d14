"""Which model is in use: the comparison that decides, promotion, roll-back, and the record of each (C24)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from classifier.choices import ExampleSource, ModelAction, ModelState
from classifier.engine.looks import Looks
from classifier.engine.paired import (
    Labelled,
    PairedTest,
    compare_answers,
    compare_recipes,
    distinct,
    held_out_answers,
)
from classifier.models import LabelledExample, LocalModel, ModelChange, TrainingSet
from classifier.services.local_models import field_model
from common.actors import Actor
from common.exceptions import Conflict
from ticketing.models import Taxonomy

logger = structlog.get_logger(__name__)

BY_PEOPLE: Final = frozenset({ExampleSource.REVIEW, ExampleSource.BLIND, ExampleSource.IMPORT})
"""Labels that say what the tickets of this house are; the starter set teaches and is never judged on."""


_BY_HAND: Final = "A person decided about it while it was judged, and that stands."
_OVERTAKEN: Final = "Another model went into use while it was judged, so it stays beside that one."


@dataclass(frozen=True, slots=True)
class TaughtExample:
    """One row of a training set for one field."""

    pk: int
    text: str
    text_hash: str
    label: str
    source: str

    def labelled(self) -> Labelled:
        """In the form the engine compares."""
        return Labelled(self.text_hash, self.text, self.label)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the new model goes into use, and why, in a sentence and in figures."""

    promote: bool
    reason: str
    figures: dict[str, Any]
    against_id: int | None = None

    def evidence(self) -> dict[str, Any]:
        """What is kept with the model."""
        decision = "promoted" if self.promote else "kept as shadow"
        return {"decision": decision, "reason": self.reason, **self.figures}


def verdict_on(*, examples: Sequence[TaughtExample], active: LocalModel | None) -> Verdict:
    """Judge a candidate and the model in use on the same texts, which neither was taught.

    Judged are people's labels that the model in use has not seen, by the training set it names: whatever was
    labelled since. A fixed fifth held back for good would be seen by neither model either, but of the first
    two hundred corrections it leaves forty, on which a gain of ten points cannot be told from chance. So each
    such text is answered by a candidate of the same recipe that was taught everything but its tenth
    (``held_out_answers``), and by the model in use as it stands; McNemar's exact test compares the two.
    Starter examples teach every candidate and are never judged.

    What is tested is the recipe with the new labels, by ten candidates with nine tenths of them each. They
    share most of what they were taught, so the p-value is exact for the ten together, not for their average
    over other draws of labels. The test is one-sided, because "is it better" is. Every night with new labels
    could be another look, so the looks against one model share ``MODEL_PROMOTION_P_VALUE`` among them
    (``Looks``): over all of them at most one in twenty of models that are equally good passes at 0.05.

    Labels that are wrong would be judged by labels that are wrong. So what passes is asked a second question:
    does it, with the new labels, know less of what the model in use was taught, each text out of fold for
    both training sets? If that is shown, a person decides.

    Labels come from the review queue, where unsure tickets are more frequent than
    at the door; the evidence says how many come from the blind sample.
    """
    if active is None:
        return Verdict(True, "There was no model.", {})
    in_use = field_model(row=active)
    if in_use is None:
        return Verdict(True, "The model in use cannot be read any more.", {"against": str(active)}, active.pk)
    unseen = _unseen(examples, active)
    texts = distinct(row.labelled() for row in unseen)
    looks, alpha = looks_at(active), settings.MODEL_PROMOTION_P_VALUE
    if texts and len(texts) < looks.next_at:
        return Verdict(False, _too_early(len(texts), looks), {"against": str(active)}, active.pk)
    judged, new = held_out_answers([row.labelled() for row in examples], texts)
    old = [answer.value for answer in in_use.predict([row.text for row in judged])]
    test = compare_answers([row.label for row in judged], new, old)
    bound, counts = looks.bound(alpha), looks.can_pass(test, alpha)
    blind = {row.text_hash for row in unseen if row.source == ExampleSource.BLIND}
    figures = {
        **asdict(test),
        "bound": bound,
        "alpha": alpha,
        # A look that no split of its differences could have passed is none and costs nothing.
        "look": looks.taken + 1 if counts else 0,
        "texts": len(texts),
        "against": str(active),
        "blind": sum(row.key in blind for row in judged),
    }
    sentence = f"{_sentence(test, bound)} {_look_sentence(looks, alpha, counts)}".strip()
    if not test.shows_better(bound):
        return Verdict(False, sentence, figures, active.pk)
    kept = _memory(examples, active, unseen)
    reason = f"{sentence} {_memory_sentence(kept, alpha)}"
    return Verdict(not kept.shows_worse(alpha), reason, {**figures, "memory": asdict(kept)}, active.pk)


def looks_at(active: LocalModel) -> Looks:
    """The looks that were taken against the model in use, by the evidence of those that were judged.

    Texts that taught a model which was taken back count no more, so their number starts anew with it.
    """
    rows = LocalModel.objects.filter(
        taxonomy_id=active.taxonomy_id, field=active.field, evidence__against=str(active)
    )
    # Evidence from before looks were counted names neither its look nor its texts.
    taken = [row for row in rows if row.evidence.get("judged") and row.evidence.get("look", 1)]
    since = [
        row.evidence.get("texts", row.evidence["judged"])
        for row in taken
        if active.promoted_at is None or row.created_at > active.promoted_at
    ]
    return Looks(len(taken), max(since, default=0))


def _too_early(texts: int, looks: Looks) -> str:
    return (
        f"People have labelled {texts} texts that the model in use has not seen; the last look was at "
        f"{looks.texts}. The next is due at {looks.next_at}, because looking at nearly the same again would "
        "spend doubt for nothing."
    )


def _look_sentence(looks: Looks, alpha: float, counts: bool) -> str:
    if not counts:
        return "So few differences could not have passed, so this does not count as a look."
    return f"This is look {looks.taken + 1} at this comparison; all looks together may err with {alpha:g}."


def _unseen(examples: Sequence[TaughtExample], active: LocalModel) -> list[TaughtExample]:
    """People's labels on texts that neither the model in use nor one that was taken back was taught.

    A person who took a model back has overruled what its labels showed. Counted again, they would put its
    successor into use the next night.
    """
    taken_back = TrainingSet.objects.filter(
        models__taxonomy_id=active.taxonomy_id,
        models__field=active.field,
        models__state=ModelState.CANDIDATE,
        models__changes__action=ModelAction.ROLLED_BACK,
    ).distinct()
    sets = [*taken_back, *([active.training_set] if active.training_set else [])]
    seen = {text_hash for taught in sets for _, text_hash, _ in taught.rows}
    people = [row for row in examples if row.source in BY_PEOPLE and row.text_hash not in seen]
    if active.training_set is not None:
        return people
    # A model from before training sets were kept: it may have seen all that was there when it was made.
    later = LabelledExample.objects.filter(
        taxonomy_id=active.taxonomy_id, created_at__gt=active.created_at
    ).values_list("pk", flat=True)
    known = set(later)
    return [row for row in people if row.pk in known]


def _memory(
    examples: Sequence[TaughtExample], active: LocalModel, unseen: Sequence[TaughtExample]
) -> PairedTest:
    """How both training sets do on what the model in use was taught."""
    if active.training_set is not None:
        seen = {text_hash for _, text_hash, _ in active.training_set.rows}
    else:
        seen = {row.text_hash for row in examples} - {row.text_hash for row in unseen}
    old = [row.labelled() for row in examples if row.text_hash in seen]
    return compare_recipes([row.labelled() for row in examples], old, distinct(old))


def _memory_sentence(test: PairedTest, bound: float) -> str:
    verb = "but it forgets" if test.shows_worse(bound) else "so nothing shows that it forgets"
    return (
        f"Out of fold on {test.judged} texts that the model in use was taught it is right on "
        f"{test.new_right} against {test.old_right}, {verb}."
    )


def _sentence(test: PairedTest, bound: float) -> str:
    if not test.judged:
        return "Nobody has labelled a text that the model in use has not learned from."
    return (
        f"Of {test.judged} texts labelled by people that neither model had seen, the new one is right on "
        f"{test.new_right} and the one in use on {test.old_right}: {test.gained} gained, "
        f"{test.lost} lost, exact one-sided McNemar p = {test.p_value:.2g}, needed below {bound:g}."
    )


@transaction.atomic
def verdict_apply(*, model: LocalModel, verdict: Verdict, actor: Actor) -> LocalModel:
    """Keep the evidence and follow it: the model goes into use, or stays beside it as a shadow.

    Judging takes minutes; where another model went into use meanwhile, the verdict is about the wrong one,
    and where a person has decided about this one, the verdict changes nothing.
    """
    Taxonomy.objects.select_for_update(no_key=True).get(pk=model.taxonomy_id)
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    now_in_use = rows.filter(state=ModelState.ACTIVE).values_list("pk", flat=True).first()
    by_hand = model.changes.filter(action__in=[ModelAction.PROMOTED, ModelAction.ROLLED_BACK]).exists()
    if by_hand:
        verdict = replace(verdict, reason=f"{verdict.reason} {_BY_HAND}")
    elif verdict.promote and now_in_use != verdict.against_id:
        verdict = replace(verdict, promote=False, reason=f"{verdict.reason} {_OVERTAKEN}")
    evidence = {**verdict.evidence(), "at": timezone.now().isoformat()}
    if by_hand:
        evidence["decision"] = "decided by a person"
    rows.filter(pk=model.pk).update(evidence=evidence)
    if by_hand:
        model.refresh_from_db()
        return model
    if verdict.promote:
        return model_promote(model=model, actor=actor, reason=verdict.reason)
    return _kept(model, actor, verdict.reason)


def _kept(model: LocalModel, actor: Actor, reason: str) -> LocalModel:
    """Put a model that was not shown to be better beside the one in use."""
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    # A challenger that answers already goes on: with a new one every night none would answer enough tickets.
    rows.filter(pk=model.pk).update(state=ModelState.SHADOW)
    if not rows.filter(challenger_since__isnull=False).exists():
        rows.filter(pk=model.pk).update(challenger_since=timezone.now())
    _record(model, None, ModelAction.KEPT, actor, reason)
    model.refresh_from_db()
    return model


@transaction.atomic
def model_promote(*, model: LocalModel, actor: Actor, reason: str) -> LocalModel:
    """Make a model the active one of its field; the one before is retired and can be rolled back to.

    Two promotions at once end with one active model: they wait for each other at the taxonomy's row. Raises
    Conflict for a model without a readable artifact or one that is in use already.
    """
    before = _switch(model)
    _record(model, before, ModelAction.PROMOTED, actor, reason)
    model.refresh_from_db()
    return model


def _switch(model: LocalModel) -> LocalModel | None:
    """Put a model into use; returns the one that was."""
    Taxonomy.objects.select_for_update(no_key=True).get(pk=model.taxonomy_id)
    if not model.artifact:
        raise Conflict(gettext("The model has no stored artifact."))
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    before = rows.filter(state=ModelState.ACTIVE).first()
    if before is not None and before.pk == model.pk:
        raise Conflict(gettext("The model is in use already."))
    rows.filter(state=ModelState.ACTIVE).update(state=ModelState.RETIRED)
    # A challenger was kept to be compared with the model before.
    rows.filter(challenger_since__isnull=False).update(challenger_since=None)
    rows.filter(pk=model.pk).update(state=ModelState.ACTIVE, promoted_at=timezone.now())
    return before


def model_before(*, model: LocalModel) -> LocalModel | None:
    """The model a roll-back would put into use again; None for the first of its field."""
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    retired = rows.filter(state=ModelState.RETIRED, promoted_at__isnull=False)
    return retired.order_by("-promoted_at").first()


@transaction.atomic
def model_rollback(*, model: LocalModel, actor: Actor, reason: str) -> LocalModel:
    """Take an active model out of use and make the one before it active again; returns that one.

    The model that was taken back becomes a candidate, so that a second roll-back goes further back and not
    forth. Raises Conflict when the model is not the active one, or there is none before it.
    """
    Taxonomy.objects.select_for_update(no_key=True).get(pk=model.taxonomy_id)
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    if not rows.filter(pk=model.pk, state=ModelState.ACTIVE).exists():
        raise Conflict(gettext("Only the model in use can be rolled back."))
    before = model_before(model=model)
    if before is None:
        raise Conflict(gettext("There is no earlier model to go back to."))
    _switch(before)
    rows.filter(pk=model.pk).update(state=ModelState.CANDIDATE)
    _record(model, before, ModelAction.ROLLED_BACK, actor, reason)
    before.refresh_from_db()
    return before


@transaction.atomic
def model_shadow(*, model: LocalModel, actor: Actor, reason: str) -> LocalModel:
    """Let a model answer every ticket beside the one in use; no ticket follows it. One a field: it replaces
    the challenger there was.

    Its state stays what it is, for that says what it may be rolled back to. Raises Conflict for the model in
    use, one without an artifact, one that answers already, or where none is in use.
    """
    Taxonomy.objects.select_for_update(no_key=True).get(pk=model.taxonomy_id)
    rows = LocalModel.objects.filter(taxonomy_id=model.taxonomy_id, field=model.field)
    active = rows.filter(state=ModelState.ACTIVE).first()
    if not model.artifact:
        raise Conflict("The model has no stored artifact.")
    if active is None or active.pk == model.pk:
        raise Conflict("A challenger answers beside another model that is in use.")
    before = rows.filter(challenger_since__isnull=False).first()
    if before is not None and before.pk == model.pk:
        raise Conflict("The model answers beside the one in use already.")
    rows.filter(challenger_since__isnull=False).update(challenger_since=None)
    rows.filter(pk=model.pk).update(challenger_since=timezone.now())
    _record(model, active, ModelAction.SHADOWED, actor, reason)
    model.refresh_from_db()
    return model


@transaction.atomic
def model_shadow_end(*, model: LocalModel, actor: Actor, reason: str) -> LocalModel:
    """Ask the model no more; what it answered is kept. Raises Conflict for one that does not answer."""
    rows = LocalModel.objects.filter(pk=model.pk, challenger_since__isnull=False)
    if not rows.update(challenger_since=None):
        raise Conflict("The model does not answer beside the one in use.")
    _record(model, None, ModelAction.UNSHADOWED, actor, reason)
    model.refresh_from_db()
    return model


def _record(model: LocalModel, before: LocalModel | None, action: str, actor: Actor, reason: str) -> None:
    """The line that says who, when and why."""
    change = ModelChange(
        model=model,
        before=before,
        action=action,
        actor_kind=actor.kind.value,
        actor_label=actor.label or actor.kind.value,
        user_id=actor.user_id,
        reason=reason,
    )
    change.full_clean()
    change.save()
    logger.info("model_changed", model=str(model), action=action, by=actor.label)
