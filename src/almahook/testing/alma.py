"""A little of Alma's REST API, answered from memory."""

from collections.abc import Iterator, Mapping
from typing import Any

from almahook.errors import AlmaNotFoundError
from almahook.events import UserRecord

# https://developers.exlibrisgroup.com/alma/apis/docs/users/R0VUIC9hbG1hd3MvdjEvdXNlcnMve3VzZXJfaWR9/
_USER_NOT_FOUND = "401861"


def user(
    *, preferred_sms: str = "", email: str = "", language: str = "en", **fields: Any
) -> dict[str, Any]:
    """Make a user's record as Alma has it.

    Args:
        preferred_sms: The phone number marked ``preferred_sms``, as somebody typed it.
        email: The preferred mail address.
        language: The code of the preferred language.
        **fields: Anything else of the record, such as ``first_name``.
    """
    phone = {"phone_number": preferred_sms, "preferred": False, "preferred_sms": True}
    mail = {"email_address": email, "preferred": True}
    contact_info = {
        # Alma writes null for a list without entries.
        "phone": [phone] if preferred_sms else None,
        "email": [mail] if email else None,
    }
    return {"preferred_language": {"value": language}, "contact_info": contact_info, **fields}


class AlmaInMemory:
    """Answers what handlers ask ``ctx.alma``; what was not put in does not exist.

    Args:
        users: Records by the user's id; :func:`user` makes them.
        records: Everything else, by its path: ``{"/bibs/99123": {"title": "…"}}``. An item by its
            barcode is at ``/items/<barcode>``, a list is at its path under its own key.

    Attributes:
        calls: What handlers wrote: the method, the path and the body of each call.
    """

    def __init__(
        self,
        users: Mapping[str, Mapping[str, Any]] | None = None,
        records: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._records = {path: dict(record) for path, record in (records or {}).items()}
        for user_id, record in (users or {}).items():
            self._records[f"/users/{user_id}"] = {"primary_id": user_id, **record}
        self.calls: list[tuple[str, str, Any]] = []

    def get(self, path: str, *_args: Any, **_params: Any) -> dict[str, Any]:
        """Read one record.

        Raises:
            AlmaNotFoundError: It was not put in.
        """
        if path not in self._records:
            code = _USER_NOT_FOUND if path.startswith("/users/") else ""
            raise AlmaNotFoundError(
                f"The test's Alma has nothing at {path}", http_status=400, error_code=code
            )
        return self._records[path]

    def post(self, path: str, body: Any = None, *_args: Any, **_params: Any) -> dict[str, Any]:
        """Keep the call; return the record at the path, if there is one."""
        self.calls.append(("POST", path, body))
        return self._records.get(path, {})

    def put(self, path: str, body: Any, *_args: Any, **_params: Any) -> dict[str, Any]:
        """Keep the call and the record."""
        self.calls.append(("PUT", path, body))
        self._records[path] = dict(body)
        return self._records[path]

    def delete(self, path: str, *_args: Any, **_params: Any) -> None:
        """Keep the call; the record is gone."""
        self.calls.append(("DELETE", path, None))
        self.get(path)
        del self._records[path]

    def pages(self, path: str, key: str, *_args: Any, **_params: Any) -> Iterator[dict[str, Any]]:
        """Read a list, which is under ``key`` of the record at the path."""
        yield from self.get(path)[key]

    def get_user(self, user_id: str, **_params: Any) -> UserRecord:
        """Read a user.

        Raises:
            AlmaNotFoundError: There is no such user.
        """
        return UserRecord(self.get(f"/users/{user_id}"))

    def get_bib(self, mms_id: str, **_params: Any) -> dict[str, Any]:
        """Read the record at ``/bibs/<mms_id>``."""
        return self.get(f"/bibs/{mms_id}")

    def get_item_by_barcode(self, barcode: str) -> dict[str, Any]:
        """Read the record at ``/items/<barcode>``."""
        return self.get(f"/items/{barcode}")

    def get_job_instance(self, job_id: str, instance_id: str) -> dict[str, Any]:
        """Read the record at ``/conf/jobs/<job_id>/instances/<instance_id>``."""
        return self.get(f"/conf/jobs/{job_id}/instances/{instance_id}")

    def get_set_members(self, set_id: str, **_params: Any) -> Iterator[dict[str, Any]]:
        """Read the list at ``/conf/sets/<set_id>/members``, under its key ``member``."""
        return self.pages(f"/conf/sets/{set_id}/members", "member")
