"""The four verbs, and lists."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from almahook.alma.address import Address, Param, encode_params
from almahook.alma.call import Call, Method
from almahook.alma.document import read_document
from almahook.alma.exchange import Exchange

# Alma answers at most 100 entries at once.
MAX_PAGE = 100

_NUMBER = re.compile(r"[0-9]{1,15}")


class REST:
    """Calls any path of Alma's API.

    Args:
        address: Where Alma is.
        exchange: Sends the calls.
    """

    def __init__(self, address: Address, exchange: Exchange) -> None:
        self._address = address
        self._exchange = exchange

    def get(
        self, path: str, params: Mapping[str, Param] | None = None, **query: Param
    ) -> dict[str, Any]:
        """Read one resource.

        Args:
            path: Below ``/almaws/v1``, such as ``/bibs/99123``, or a link of Alma's, such as
                ``/almaws/v1/bibs/99123``. Make it with ``path_of`` where an id may hold ``/``,
                ``?`` or ``#``.
            params: The query; lists are joined with commas, None is left out.
            **query: The same, as keywords.

        Raises:
            AlmaError: Alma did not do it; the subclass says why.
        """
        return self._read(self._call("GET", path, params, query))

    def post(
        self,
        path: str,
        body: Any = None,
        params: Mapping[str, Param] | None = None,
        **query: Param,
    ) -> dict[str, Any]:
        """Make a resource, or run an operation (``op="run"``).

        It is not sent twice, unless Alma cannot have seen it.

        Args:
            path: As of ``get``.
            body: Sent as JSON; None sends no body.
            params: As of ``get``.
            **query: As of ``get``.

        Raises:
            AlmaError: Alma did not do it; the subclass says why.
        """
        return self._read(self._call("POST", path, params, query, body=body))

    def put(
        self,
        path: str,
        body: Any,
        params: Mapping[str, Param] | None = None,
        **query: Param,
    ) -> dict[str, Any]:
        """Replace a resource by the whole new one; the arguments are those of ``post``.

        Raises:
            AlmaError: Alma did not do it; the subclass says why.
        """
        return self._read(self._call("PUT", path, params, query, body=body))

    def delete(self, path: str, params: Mapping[str, Param] | None = None, **query: Param) -> None:
        """Delete a resource; the arguments are those of ``get``.

        Raises:
            AlmaError: Alma did not do it; the subclass says why.
        """
        self._exchange.perform(self._call("DELETE", path, params, query))

    def pages(
        self,
        path: str,
        key: str,
        params: Mapping[str, Param] | None = None,
        limit: int = MAX_PAGE,
        **query: Param,
    ) -> Iterator[dict[str, Any]]:
        """Read a list to its end, page by page as it is consumed.

        Args:
            path: As of ``get``.
            key: Where the answer has the entries, such as ``member``.
            params: As of ``get``; ``offset`` is where to start.
            limit: Entries per page, from 1 to 100.
            **query: As of ``get``.

        Raises:
            AlmaError: Alma did not do it; the subclass says why.
        """
        asked = {**(params or {}), **query}
        offset = int(str(asked.pop("offset", 0) or 0))
        size = max(1, min(limit, MAX_PAGE))
        while True:
            page = self.get(path, {**asked, "limit": size, "offset": offset})
            # Alma leaves the key out when there is nothing.
            found = page.get(key)
            entries = found if isinstance(found, list) else []
            yield from entries
            # A page may be shorter than asked for and not be the last.
            offset += len(entries)
            total = _whole_number(page.get("total_record_count"))
            if not entries or (offset >= total if total is not None else len(entries) < size):
                return

    def _call(
        self,
        method: Method,
        path: str,
        params: Mapping[str, Param] | None,
        query: Mapping[str, Param],
        *,
        body: Any = None,
    ) -> Call:
        encoded, linked = self._address.locate(path)
        asked = {**dict(linked), **(params or {}), **query}
        return Call(method=method, path=encoded, query=tuple(encode_params(asked)), body=body)

    def _read(self, call: Call) -> dict[str, Any]:
        return read_document(call, self._exchange.perform(call))


def _whole_number(value: object) -> int | None:
    return int(str(value)) if _NUMBER.fullmatch(str(value)) else None
