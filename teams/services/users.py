"""Making people who can log in, and putting them into teams (R3, R4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.models import Group as AuthGroup
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from common.actors import Actor
from common.exceptions import NotAllowed, ValidationFailed
from teams import events
from teams.choices import Group, MemberRole
from teams.models import Client, Team, TeamMember, User


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A person to be made. ``is_staff`` opens the back office."""

    username: str
    password: str
    group: Group
    clients: Sequence[Client] = ()
    email: str = ""
    first_name: str = ""
    last_name: str = ""
    is_staff: bool = False
    is_superuser: bool = False


@transaction.atomic
def user_create(*, new: NewUser, actor: Actor) -> User:
    """Make a person with one group and the clients the person works for.

    Raises NotAllowed for non-leads and for rights beyond the actor's own, ValidationFailed for a weak
    password or a user name that is taken.
    """
    reach = all(actor.may_see_client(client.pk) for client in new.clients)
    above = new.is_superuser or new.group == Group.ADMINISTRATORS
    if not actor.is_lead or not reach or (above and not actor.sees_every_client):
        raise NotAllowed(_("Only leads make users, and only for their own clients."))
    user = User(
        username=new.username,
        email=new.email,
        first_name=new.first_name,
        last_name=new.last_name,
        is_staff=new.is_staff,
        is_superuser=new.is_superuser,
    )
    try:
        validate_password(new.password, user)
        user.set_password(new.password)
        user.full_clean()
    except ValidationError as error:
        fields = getattr(error, "message_dict", None) or {"password": error.messages}
        raise ValidationFailed(fields=fields) from error
    user.save()
    user.groups.add(AuthGroup.objects.get(name=new.group.value))
    user.clients.set(new.clients)
    return user


@transaction.atomic
def member_set(
    *,
    team: Team,
    user: User,
    actor: Actor,
    role: str = MemberRole.AGENT,
    capacity: int = 20,
    skills: Sequence[str] | None = None,
) -> TeamMember:
    """Put a person into a team, or change the person's part, capacity and skills (None keeps them) there.

    Emits ``team_changed``. Raises NotAllowed for non-leads, ValidationFailed for an unknown role.
    """
    if not actor.is_lead or (team.client_id is not None and not actor.may_see_client(team.client_id)):
        raise NotAllowed(_("Only leads change teams."))
    member = TeamMember.objects.filter(team=team, user=user).first() or TeamMember(team=team, user=user)
    member.role, member.capacity = role, capacity
    member.skills = member.skills if skills is None else list(skills)
    try:
        member.full_clean()
    except ValidationError as error:
        raise ValidationFailed(fields=error.message_dict) from error
    member.save()
    events.team_changed.publish(team=team)
    return member
