"""What a handler reaches through its context, as this room sees it: calls, and no way to make them.

The rooms that do the work are passed in; these protocols are what a handler may rely on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol


class Steps(Protocol):
    """Where the results of one run's steps are kept; every method is durable when it returns."""

    def load(self, name: str) -> bytes | None:
        """Return what was kept under this name, or None."""

    def save(self, name: str, result: bytes) -> None:
        """Keep a step's result."""


class UserRecord(Protocol):
    """A user of Alma's, as the users API has it."""

    @property
    def primary_id(self) -> str:
        """The id that other records refer to."""

    @property
    def sms_number(self) -> str:
        """The phone number marked ``preferred_sms``, as it was typed; empty if there is none."""

    @property
    def email(self) -> str:
        """The preferred mail address; empty when there is none."""

    @property
    def language(self) -> str:
        """The code of the preferred language, for example ``en``; empty when there is none."""

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value at a dotted path of the record."""


class AlmaAPI(Protocol):
    """Alma's REST API, under the key and region of the profile that the event came from.

    Paths are those of the documentation after ``/almaws/v1``: ``/bibs/99123``. Every call raises
    :class:`~almahook.errors.AlmaError`, or the subclass that says what to do about it.
    """

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """Read one resource."""

    def post(self, path: str, body: Any = None, **params: Any) -> dict[str, Any]:
        """Make a resource, or run an operation (``op="run"``)."""

    def put(self, path: str, body: Any, **params: Any) -> dict[str, Any]:
        """Replace a resource."""

    def delete(self, path: str, **params: Any) -> None:
        """Delete a resource."""

    def pages(self, path: str, *, key: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Read a list to its end; ``key`` is where the answer has the entries."""

    def get_user(self, user_id: str) -> UserRecord:
        """Read a user.

        Raises:
            AlmaNotFoundError: There is no such user.
        """

    def get_bib(self, mms_id: str) -> Mapping[str, Any]:
        """Read a bibliographic record."""

    def get_item_by_barcode(self, barcode: str) -> Mapping[str, Any]:
        """Read an item."""

    def get_job_instance(self, job_id: str, instance_id: str) -> Mapping[str, Any]:
        """Read one execution of a job."""

    def get_set_members(self, set_id: str) -> Iterator[Mapping[str, Any]]:
        """Read all members of a set."""


class Notify(Protocol):
    """Messages to people. Every call raises :class:`~almahook.errors.NotifyError`."""

    def sms(self, number: str, text: str) -> None:
        """Send a text.

        Raises:
            InvalidNumberError: The number cannot be made into an international one.
        """

    def mail(self, address: str | Sequence[str], text: str, *, subject: str = "") -> None:
        """Send a mail."""

    def chat(self, text: str, *, subject: str = "") -> None:
        """Write to the chat that the settings name."""
