"""Texts and mails that are not sent."""

from almahook.errors import AlmaHookError


class NotifyError(AlmaHookError):
    """A notification could not be sent."""

    code = "notify.failed"


class InvalidNumberError(NotifyError):
    """The phone number cannot be made into an international number."""

    code = "notify.number"
