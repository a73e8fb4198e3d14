"""The tree of errors that edges translate: every one has a stable code and a whole sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext_lazy


class ApplicationError(Exception):
    """A rule was broken. ``fields`` names the inputs at fault, if any."""

    code = "invalid"
    status = 400
    default_message = gettext_lazy("The request could not be carried out.")

    def __init__(
        self,
        message: str = "",
        *,
        fields: Mapping[str, Sequence[str]] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.message = message or str(self.default_message)
        self.fields: dict[str, list[str]] = {key: list(value) for key, value in (fields or {}).items()}
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)

    @property
    def sentence(self) -> str:
        """What a person reads: the message, or the first field's problem where the message says nothing."""
        first = next((problem for problems in self.fields.values() for problem in problems), "")
        return first if first and self.message == str(self.default_message) else self.message


class ValidationFailed(ApplicationError):
    """An input has the wrong value."""

    code = "validation_error"
    default_message = gettext_lazy("Some values are not valid.")


class NotAllowed(ApplicationError):
    """The actor may see the object but not do this."""

    code = "forbidden"
    status = 403
    default_message = gettext_lazy("You may not do this.")


class NotFound(ApplicationError):
    """The object is not there, or the actor may not know that it is."""

    code = "not_found"
    status = 404
    default_message = gettext_lazy("There is nothing at this address.")


class Conflict(ApplicationError):
    """The object's state forbids the change."""

    code = "conflict"
    status = 409
    default_message = gettext_lazy("The current state does not allow this change.")


class PreconditionFailed(ApplicationError):
    """The caller's copy of the object is stale."""

    code = "precondition_failed"
    status = 412
    default_message = gettext_lazy("The ticket has changed since you read it.")


class Unprocessable(ApplicationError):
    """Understood, but cannot be processed."""

    code = "unprocessable"
    status = 422
    default_message = gettext_lazy("The content could not be processed.")


class TooMany(ApplicationError):
    """A limit was reached."""

    code = "throttled"
    status = 429
    default_message = gettext_lazy("There were too many requests.")


class Unavailable(ApplicationError):
    """A part that is needed is not there at the moment."""

    code = "unavailable"
    status = 503
    default_message = gettext_lazy("This part of the service is not available.")
