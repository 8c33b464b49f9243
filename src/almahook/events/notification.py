"""NOTIFICATION: a letter to a reader, as data."""

from collections.abc import Mapping

from almahook.events import value
from almahook.events.event import Event
from almahook.events.user import UserRecord
from almahook.events.view import text


class NotificationEvent(Event):
    """A letter that Alma would send, for a channel of the library's own."""

    letter_type = text("general_data.letter_type", "For example ``FulCancelRequestLetter``.")
    letter_name = text("general_data.letter_name", "The letter's name.")
    letter_subject = text("general_data.subject", "The letter's subject line.")
    sms_content = text("sms_content", "The text for a phone, ready to be sent.")

    @property
    def receiver(self) -> UserRecord:
        """Whom it is for; who is not a user has no primary id."""
        found = value.first(self.payload.get("receiver"))
        return UserRecord(found if isinstance(found, Mapping) else {})
