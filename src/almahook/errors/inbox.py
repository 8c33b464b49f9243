"""What goes wrong with storing."""

from almahook.errors import AlmaHookError


class InboxError(AlmaHookError):
    """The inbox could not do what was asked of it."""

    code = "inbox.failed"


class InboxUnavailableError(InboxError):
    """The event could not be stored, so it was not acknowledged."""

    code = "inbox.unavailable"
    status = 503


class OverloadedError(InboxUnavailableError):
    """More events arrive than the inbox can store."""

    code = "inbox.overloaded"


class StaleLeaseError(InboxError):
    """This run's lease ended and somebody else owns the run now, so the result was not taken."""

    code = "inbox.stale_lease"
    status = 409


class NotFoundError(InboxError):
    """The inbox has no such entry."""

    code = "inbox.not_found"
    status = 404


class SchemaError(InboxError):
    """The database does not have the schema this release needs: type almahook migrate."""

    code = "inbox.schema"
