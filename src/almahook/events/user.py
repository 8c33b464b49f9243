"""USER: a user was made, changed or deleted; and a user's record, wherever it comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

from almahook.events import value
from almahook.events.event import Event
from almahook.events.view import View, text

# In Alma's older messages the event is absent and the method says what happened.
_METHODS = {"CREATE": "CREATED", "UPDATE": "UPDATED", "DELETE": "DELETED"}


class UserRecord(View):
    """A user, as messages and the users API have it. Its repr shows nothing of it.

    https://developers.exlibrisgroup.com/alma/apis/docs/xsd/rest_user.xsd/
    """

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.payload = payload

    @property
    def primary_id(self) -> str:
        """The id that other records refer to."""
        return self._text("primary_id")

    @property
    def first_name(self) -> str:
        """The first name."""
        return self._text("first_name")

    @property
    def last_name(self) -> str:
        """The last name."""
        return self._text("last_name")

    @property
    def full_name(self) -> str:
        """The name as Alma shows it."""
        return self._text("full_name")

    @property
    def user_group(self) -> str:
        """The code of the user group."""
        return self._text("user_group")

    @property
    def language(self) -> str:
        """The code of the preferred language, for example ``en``; empty when there is none."""
        return self._text("preferred_language")

    @property
    def is_active(self) -> bool:
        """Whether the status is ``ACTIVE``."""
        return self._text("status") == "ACTIVE"

    @property
    def sms_number(self) -> str:
        """The phone number marked ``preferred_sms``, as it was typed; empty if there is none."""
        phones = self._contacts("phone")
        marked = [phone for phone in phones if value.flag(phone.get("preferred_sms"))]
        return _first_text(marked, "phone_number")

    @property
    def email(self) -> str:
        """The preferred mail address, or the only one; empty when there is none."""
        mails = self._contacts("email")
        marked = [mail for mail in mails if value.flag(mail.get("preferred"))]
        return _first_text(marked or (mails if len(mails) == 1 else []), "email_address")

    def identifier(self, id_type: str) -> str:
        """Return the first active identifier of a type, for example ``BARCODE``; else empty."""
        found = _mappings(self.payload.get("user_identifier"))
        wanted = [one for one in found if value.text(one.get("id_type")) == id_type]
        active = [one for one in wanted if value.text(one.get("status")) != "INACTIVE"]
        return _first_text(active, "value")

    def __repr__(self) -> str:
        return "<UserRecord>"

    def _text(self, path: str) -> str:
        return value.text(value.at(self.payload, path))

    def _contacts(self, kind: str) -> Sequence[Mapping[str, Any]]:
        return _mappings(value.at(self.payload, f"contact_info.{kind}"))


class UserEvent(Event):
    """A user was made, changed or deleted; changes made through the API send no event."""

    cause = text("cause", "What changed the user, for example ``UI``.")
    method = text("method", "``CREATE``, ``UPDATE`` or ``DELETE``.")

    @property
    def change(self) -> str:
        """``CREATED``, ``UPDATED`` or ``DELETED``, from the event or, in older ones, the method."""
        from_event = self.event.upper().removeprefix("USER_")
        return from_event or _METHODS.get(self.method.upper(), "")

    @property
    def user(self) -> UserRecord:
        """The user's whole record."""
        found = value.first(self.payload.get("user"))
        return UserRecord(found if isinstance(found, Mapping) else {})


def _mappings(found: Any) -> list[Mapping[str, Any]]:
    return [one for one in value.entries(found) if isinstance(one, Mapping)]


def _first_text(found: Sequence[Mapping[str, Any]], key: str) -> str:
    return next((text for one in found if (text := value.text(one.get(key)))), "")
