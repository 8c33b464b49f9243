"""What Alma is known to send; any other action or event is legal too.

The seven actions are those of a webhook profile's subscriptions. The events are the code table
WebhookEvents, as far as receivers have seen it.
https://developers.exlibrisgroup.com/alma/integrations/webhooks/events/
"""

from __future__ import annotations

from almahook.protocol.message import Plain

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_NONE: Mapping[str, str] = {}


class Action(Plain):
    """One kind of message.

    Attributes:
        payload: The key of its payload in the message.
        subject: Where in the payload the id of the thing it is about stands.
        events: Its sub-events, each with Alma's words for it.
    """

    __slots__ = ("events", "payload", "subject")

    def __init__(
        self, *, payload: str, subject: tuple[str, ...], events: Mapping[str, str] = _NONE
    ) -> None:
        self.payload = payload
        self.subject = subject
        self.events = events


# The payloads: https://developers.exlibrisgroup.com/alma/apis/docs/xsd/webhook.xsd/
ACTIONS: Mapping[str, Action] = {
    "JOB_END": Action(payload="job_instance", subject=("job_info", "id")),
    "NOTIFICATION": Action(payload="notification_data", subject=("receiver", "primary_id")),
    "USER": Action(
        payload="webhook_user",
        subject=("user", "primary_id"),
        events={
            "USER_CREATED": "User created",
            "USER_UPDATED": "User updated",
            "USER_DELETED": "User deleted",
        },
    ),
    "LOAN": Action(
        payload="item_loan",
        subject=("loan_id",),
        events={
            "LOAN_CREATED": "Loan created",
            "LOAN_RETURNED": "Loan returned",
            "LOAN_LOST": "Loan lost",
            "LOAN_CLAIMED_RETURNED": "Loan claimed returned",
            "LOAN_RENEWED": "Loan renewed",
            "LOAN_DUE_DATE": "Loan due date changed",
        },
    ),
    "REQUEST": Action(
        payload="user_request",
        subject=("request_id",),
        events={
            "REQUEST_CREATED": "Request created",
            "REQUEST_CANCELED": "Request canceled",
            "REQUEST_CLOSED": "Request closed",
            "REQUEST_PLACED_ON_SHELF": "Request placed on shelf",
        },
    ),
    "BIB": Action(
        payload="bib",
        subject=("mms_id",),
        events={
            "BIB_CREATED": "BIB record created",
            "BIB_UPDATED": "BIB record updated",
            "BIB_DELETED": "BIB record deleted",
        },
    ),
    "ITEM": Action(
        payload="item",
        subject=("item_data", "pid"),
        events={
            "ITEM_CREATED": "Item record created",
            "ITEM_UPDATED": "Item record updated",
            "ITEM_DELETED": "Item record deleted",
        },
    ),
}
