"""One message of each action, with invented people; it ships with the package for tests.

They have the structure, the order and the nulls of bodies captured in 2020.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec

_FILES: Mapping[str, str] = {
    "JOB_END": "job_end_2020.json",
    "NOTIFICATION": "notification_cancel_request_2020.json",
    "USER": "user_updated_2020.json",
    "LOAN": "loan_created_2020.json",
    "REQUEST": "request_placed_on_shelf_2020.json",
    "BIB": "bib_created_2020.json",
    "ITEM": "item_updated_2020.json",
}


def sample_document(action: str) -> dict[str, Any]:
    """Read a fresh copy of the sample message of one of Alma's seven actions, nulls and all.

    Raises:
        KeyError: Alma does not send this action.
    """
    file = resources.files("almahook.events") / "samples" / _FILES[action]
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])


def without_nulls(value: Any) -> Any:
    """Leave out what is null, as the newer generation of Alma's messages does."""
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [without_nulls(one) for one in value]
    return value
