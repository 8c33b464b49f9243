"""The REST client that handlers call: ``ctx.alma``."""

import random as chance
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from almahook.alma.address import Address, Param, find_base, path_of
from almahook.alma.exchange import Exchange, Pace
from almahook.alma.extra import httpx2
from almahook.alma.limiter import RateLimiter
from almahook.alma.quiet import silence_loggers
from almahook.alma.rest import MAX_PAGE, REST
from almahook.errors import AlmaNotFoundError, ConfigurationError
from almahook.events import UserRecord

_OK = 200


class AlmaClient(REST):
    """Alma's REST API, under one key; safe from any thread, and a context manager.

    Calls are paced, made again where that is safe, and bounded in time: one call with all its
    tries takes about three times ``timeout_s`` at most.

    Args:
        api_key: Sent in a header only, and shown nowhere.
        region: Where the institution's Alma is: ``na``, ``eu``, ``ap``, ``ca``, ``cn``, ``aps``.
        base_url: Another host, with or without ``/almaws/v1``.
        limiter: Shared by all clients of an institution; None makes one.
        timeout_s: How long one try may take.
        max_tries: How many tries a call has at most.
        sleep: Waits so many seconds.
        clock: Seconds since the epoch; the day's quota begins anew by it.
        random: A number from 0 up to 1, which spreads the waits.

    Raises:
        ConfigurationError: The key, the region or the host is none.
    """

    def __init__(
        self,
        *,
        api_key: str,
        region: str = "na",
        base_url: str | None = None,
        limiter: RateLimiter | None = None,
        timeout_s: float = 30.0,
        max_tries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        random: Callable[[], float] = chance.random,
    ) -> None:
        address = Address(find_base(region, base_url))
        key = _usable_key(api_key)
        silence_loggers()
        self._http = httpx2.Client(
            headers={"Authorization": f"apikey {key}", "Accept": "application/json"},
            timeout=timeout_s,
            follow_redirects=False,
        )
        pace = Pace(
            timeout_s=timeout_s, max_tries=max_tries, sleep=sleep, clock=clock, random=random
        )
        exchange = Exchange(
            http=self._http, address=address, limiter=limiter or RateLimiter(), pace=pace
        )
        super().__init__(address, exchange)

    def __repr__(self) -> str:
        return f"AlmaClient({self._address.base!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; later calls raise AlmaError."""
        self._http.close()

    @property
    def remaining(self) -> int | None:
        """The calls left today, as Alma said last; None before the first answer."""
        return self._exchange.remaining

    def test(self) -> None:
        """Check that Alma can be reached and takes the key.

        Raises:
            AlmaKeyError: It does not take the key.
            AlmaError: Anything else.
        """
        # https://developers.exlibrisgroup.com/alma/apis/docs/conf/R0VUIC9hbG1hd3MvdjEvY29uZi90ZXN0/
        self._exchange.perform(self._call("GET", "/conf/test", None, {}))

    def get_user(
        self,
        user_id: str,
        *,
        user_id_type: str | None = None,
        view: str | None = None,
        expand: str | None = None,
    ) -> UserRecord:
        """Read a user by any of their identifiers.

        Args:
            user_id: The primary id, a barcode, or any other identifier.
            user_id_type: Looks at identifiers of this type only.
            view: ``brief`` or ``full``.
            expand: ``loans``, ``requests``, ``fees``, joined with commas.

        Raises:
            AlmaNotFoundError: There is no such user.
        """
        params = {"user_id_type": user_id_type, "view": view, "expand": expand}
        return UserRecord(self.get(path_of("users", user_id), params))

    def get_loans(self, user_id: str, **params: Param) -> Iterator[dict[str, Any]]:
        """Read a user's loans."""
        return self.pages(path_of("users", user_id, "loans"), "item_loan", params)

    def get_requests(self, user_id: str, **params: Param) -> Iterator[dict[str, Any]]:
        """Read a user's requests."""
        return self.pages(path_of("users", user_id, "requests"), "user_request", params)

    def get_bib(
        self, mms_id: str, *, view: str | None = None, expand: str | None = None
    ) -> dict[str, Any]:
        """Read a bibliographic record.

        Args:
            mms_id: Its id.
            view: ``brief`` or ``full``.
            expand: ``p_avail``, ``e_avail``, ``d_avail``, ``requests``, joined with commas.

        Raises:
            AlmaNotFoundError: There is no such record.
        """
        return self.get(path_of("bibs", mms_id), {"view": view, "expand": expand})

    def get_bibs(
        self, mms_ids: Iterable[str], *, view: str | None = None, expand: str | None = None
    ) -> Iterator[dict[str, Any]]:
        """Read many bibliographic records, 100 with each call.

        Those that do not exist are left out.

        Args:
            mms_ids: Their ids.
            view: As of ``get_bib``.
            expand: As of ``get_bib``.
        """
        for batch in _batches([mms_id for mms_id in mms_ids if mms_id]):
            yield from self._read_bibs(batch, {"view": view, "expand": expand})

    def _read_bibs(self, batch: Sequence[str], params: Mapping[str, Param]) -> list[dict[str, Any]]:
        try:
            found = self.get("/bibs", {"mms_id": batch, "limit": MAX_PAGE, **params}).get("bib")
        except AlmaNotFoundError as error:
            if error.http_status == _OK or len(batch) == 1:
                return []
            # One unknown id must not hide the others, so the halves are asked for.
            middle = len(batch) // 2
            halves = batch[:middle], batch[middle:]
            return [bib for half in halves for bib in self._read_bibs(half, params)]
        return found or []

    def get_holding_items(
        self, mms_id: str, holding_id: str = "ALL", **params: Param
    ) -> Iterator[dict[str, Any]]:
        """Read the items of a holding, or of all holdings of a record."""
        path = path_of("bibs", mms_id, "holdings", holding_id, "items")
        return self.pages(path, "item", params)

    def get_item(self, mms_id: str, holding_id: str, pid: str) -> dict[str, Any]:
        """Read an item.

        Raises:
            AlmaNotFoundError: There is no such item.
        """
        return self.get(_item_path(mms_id, holding_id, pid))

    def get_item_by_barcode(self, barcode: str) -> dict[str, Any]:
        """Read an item.

        Raises:
            AlmaNotFoundError: No item has this barcode.
        """
        if not barcode:
            raise AlmaNotFoundError("No item has an empty barcode", http_status=404)
        return self.get("/items", {"item_barcode": barcode})

    def scan_in(
        self,
        mms_id: str,
        holding_id: str,
        pid: str,
        *,
        library: str,
        circ_desk: str | None = None,
        department: str | None = None,
        done: bool = True,
        **params: Param,
    ) -> dict[str, Any]:
        """Scan an item in at a desk or a department, and return it.

        Args:
            mms_id: The record's id.
            holding_id: The holding's id.
            pid: The item's id.
            library: The code of the library where it is scanned.
            circ_desk: The code of the desk, or
            department: the code of the department.
            done: Whether the work there is done.
            **params: Anything else of Alma's, such as ``work_order_type`` or ``status``.
        """
        scan = {"library": library, "circ_desk": circ_desk, "department": department, "done": done}
        path = _item_path(mms_id, holding_id, pid)
        return self.post(path, None, {"op": "scan", **scan, **params})

    def get_job(self, job_id: str) -> dict[str, Any]:
        """Read a job."""
        return self.get(path_of("conf", "jobs", job_id))

    def get_job_instance(self, job_id: str, instance_id: str) -> dict[str, Any]:
        """Read one execution of a job."""
        return self.get(path_of("conf", "jobs", job_id, "instances", instance_id))

    def get_job_instances(self, job_id: str, **params: Param) -> Iterator[dict[str, Any]]:
        """Read the executions of a job."""
        return self.pages(path_of("conf", "jobs", job_id, "instances"), "job_instance", params)

    def run_job(self, job_id: str, parameters: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Start a job; Alma allows 5 starts of a job an hour, and 3 started jobs at once.

        Args:
            job_id: The job's id.
            parameters: The names and values that the job's page in Alma shows under "API".
        """
        given = [
            {"name": {"value": name}, "value": value} for name, value in (parameters or {}).items()
        ]
        body = {"parameter": given} if given else {}
        return self.post(path_of("conf", "jobs", job_id), body, op="run")

    def get_set(self, set_id: str) -> dict[str, Any]:
        """Read a set."""
        return self.get(path_of("conf", "sets", set_id))

    def get_set_members(self, set_id: str, **params: Param) -> Iterator[dict[str, Any]]:
        """Read all members of a set."""
        return self.pages(path_of("conf", "sets", set_id, "members"), "member", params)

    def create_set(
        self,
        name: str,
        *,
        content: str,
        members: Iterable[str] = (),
        description: str = "",
        private: bool = True,
    ) -> dict[str, Any]:
        """Make an itemized set, and return it.

        Args:
            name: What it is called in Alma.
            content: What is in it: ``BIB_MMS``, ``ITEM``, ``USER``, and so on.
            members: Their ids; Alma takes 1000 at once.
            description: Shown in Alma.
            private: Whether only the key's owner sees it.
        """
        member = [{"id": member_id} for member_id in members]
        body = {
            "name": name,
            "description": description,
            "type": {"value": "ITEMIZED"},
            "content": {"value": content},
            "private": {"value": "true" if private else "false"},
            "status": {"value": "ACTIVE"},
        }
        return self.post("/conf/sets", {**body, "members": {"member": member}} if member else body)

    def get_code_table(self, name: str) -> dict[str, Any]:
        """Read a code table; its rows are under ``row``."""
        return self.get(path_of("conf", "code-tables", name))


def _usable_key(api_key: str) -> str:
    key = api_key.strip()
    if not key.isascii() or not key.isprintable() or not key or " " in key:
        raise ConfigurationError(
            "The API key is empty or holds characters that no key of Alma's has (setting api_key)"
        )
    return key


def _item_path(mms_id: str, holding_id: str, pid: str) -> str:
    return path_of("bibs", mms_id, "holdings", holding_id, "items", pid)


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), MAX_PAGE):
        yield ids[start : start + MAX_PAGE]
