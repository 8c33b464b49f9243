"""What of an event's envelope names a reader, and so is shown only when asked for."""

MASK = "…"

# What these are about is a person: their subject is the user's primary id, often a barcode.
# The subjects: protocol.fields.
_ABOUT_READERS = frozenset({"USER", "NOTIFICATION"})


def shown_subject(action: str, subject: str, *, reveal: bool = False) -> str:
    """Return the subject of an event as it may be shown."""
    is_private = action in _ABOUT_READERS and not reveal
    return MASK if subject and is_private else subject
