"""The contract of a host: what each request is answered, whatever the host speaks.

A host brings one function that sends a request to it and returns the answer. It is run once with
``write_settings(folder, "inbox")`` and once with ``"direct"``, over an empty inbox each time:

    from almahook.testing.host_contract import rows, write_settings

    @pytest.mark.parametrize("row", rows("inbox"), ids=str)
    def test_in_inbox_mode(row, send):
        row.check(send)

Answers are compared byte for byte, so hosts that pass answer alike. A host that listens on a port
is reached by ``over_http(url)``. Needs no pytest.
"""

from almahook.protocol.reply import Mode
from almahook.testing.host_contract.challenges import challenge_rows
from almahook.testing.host_contract.client import over_http
from almahook.testing.host_contract.deliveries import delivery_rows
from almahook.testing.host_contract.exchange import HTTPRequest, HTTPResponse, Row, Send
from almahook.testing.host_contract.given import write_settings
from almahook.testing.host_contract.refusals import refusal_rows

__all__ = [
    "HTTPRequest",
    "HTTPResponse",
    "Row",
    "Send",
    "over_http",
    "rows",
    "write_settings",
]


def rows(mode: Mode) -> list[Row]:
    """Return the table of one mode; its rows may run in any order, over one inbox."""
    return [*challenge_rows(), *refusal_rows(mode), *delivery_rows(mode)]
