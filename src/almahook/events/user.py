"""USER: a user was made, changed or deleted; and a user's record, wherever it comes from."""

from collections.abc import Mapping, Sequence
from typing import Any

from almahook.events import value
from almahook.events.event import Event
from almahook.events.view import View, day, text

# In Alma's older messages the event is absent and the method says what happened.
_METHODS = {"CREATE": "CREATED", "UPDATE": "UPDATED", "DELETE": "DELETED"}


class UserRecord(View):
    """A user, as messages and the users API have it. Its repr shows nothing of it.

    https://developers.exlibrisgroup.com/alma/apis/docs/xsd/rest_user.xsd/
    """

    primary_id = text("primary_id", "The id that other records refer to.")
    first_name = text("first_name", "The first name.")
    middle_name = text("middle_name", "The middle name.")
    last_name = text("last_name", "The last name.")
    full_name = text("full_name", "The name as Alma shows it.")
    pref_first_name = text("pref_first_name", "The first name that the person goes by.")
    pref_last_name = text("pref_last_name", "The last name that the person goes by.")
    user_group = text("user_group", "The code of the user group.")
    user_group_name = text("user_group.desc", "Its name.")
    language = text("preferred_language", "The code of the preferred language, for example ``en``.")
    record_type = text("record_type", "``PUBLIC``, ``STAFF`` or ``CONTACT``.")
    account_type = text("account_type", "``INTERNAL`` or ``EXTERNAL``.")
    external_id = text("external_id", "The system that the account comes from.")
    campus = text("campus_code", "The code of the campus.")
    job_category = text("job_category", "The code of the job category.")
    job_description = text("job_description", "The job in words.")
    status = text("status", "``ACTIVE`` or ``INACTIVE``.")
    status_date = day("status_date", "The day on which it reached this status.")
    expiry_date = day("expiry_date", "The day on which the account ends.")
    purge_date = day("purge_date", "The day from which the record may be deleted.")

    def __init__(self, payload: Mapping[str, Any]) -> None:
        self.payload = payload

    @property
    def is_active(self) -> bool:
        """Whether the status is ``ACTIVE``."""
        return self.status == "ACTIVE"

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
