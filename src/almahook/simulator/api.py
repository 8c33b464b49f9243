"""Alma's REST API, as far as handlers use it: https://developers.exlibrisgroup.com/alma/apis/.

What hurts is kept: an error is mostly HTTP 400, even for what is not found; what does not ask for
JSON gets XML; ids are percent-encoded; all keys share one limit per second and one per day.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode
from uuid import uuid4

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from almahook.errors import AlmaResponseError, MessageError
from almahook.protocol import parse_document
from almahook.simulator.institution import BASE_PATH, Institution, Record
from almahook.simulator.xml import write_xml

Endpoint = Callable[[Request], Awaitable[Response]]
RunJob = Callable[[str], str]

_DEFAULT_LIMIT = 10
_MAX_LIMIT = 100
_XML_NAMESPACE = "http://com/exlibris/urm/general/xmlbeans"


def rest_app(
    institution: Institution, *, run_job: RunJob, profiles: Callable[[], list[Record]]
) -> Starlette:
    """Make the app.

    Args:
        institution: What is answered from.
        run_job: Starts a job by its id and returns the id of the new instance.
        profiles: The integration profiles.
    """
    api = _Api(institution, run_job, profiles)
    return Starlette(
        routes=[
            Route(f"{BASE_PATH}{path}", endpoint, methods=[method])
            for method, path, endpoint in api.routes()
        ],
        exception_handlers={AlmaResponseError: _on_error, HTTPException: _on_http_error},
    )


def render(request: Request, root: str, value: Record, *, status: int = 200) -> Response:
    """Answer in JSON if the request asks for it, else in XML."""
    value = _with_hosts(value, str(request.base_url).rstrip("/"))
    if _wants_json(request):
        return Response(
            msgspec.json.encode(value), status, media_type="application/json;charset=UTF-8"
        )
    return Response(write_xml(root, value), status, media_type="application/xml;charset=UTF-8")


def _with_hosts(value: Any, base: str) -> Any:
    """Make links absolute: in webhook messages they have no host, here they do."""
    if isinstance(value, dict):
        return {
            key: f"{base}{item}"
            if key == "link" and isinstance(item, str)
            else _with_hosts(item, base)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_hosts(item, base) for item in value]
    return value


def error_response(request: Request, error: AlmaResponseError) -> Response:
    """Answer with Alma's error body."""
    entry = {
        "errorCode": error.error_code,
        "errorMessage": error.message,
        # What one gives to Ex Libris' support.
        "trackingId": f"E01-{uuid4().hex[:10].upper()}-SIMUL",
    }
    document: Record = {"errorsExist": True, "errorList": {"error": [entry]}}
    if _wants_json(request):
        return render(request, "", {**document, "result": None}, status=error.http_status)
    document["errorList"] = {"error": entry}
    answer = render(request, "web_service_result", document, status=error.http_status)
    named = f'<web_service_result xmlns="{_XML_NAMESPACE}">'.encode()
    body = bytes(answer.body).replace(b"<web_service_result>", named, 1)
    return Response(body, error.http_status, media_type=answer.media_type)


def refusal(code: str, text: str, *, status: int = 400) -> AlmaResponseError:
    """Make the error that the API answers with."""
    return AlmaResponseError(text, http_status=status, error_code=code)


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "application/json" in accept or request.query_params.get("format") == "json"


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AlmaResponseError)
    return error_response(request, error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = refusal("INVALID_REQUEST", f"{error.detail}.", status=error.status_code)
    return error_response(request, known)


def _id(request: Request, name: str) -> str:
    # The path is routed as it was sent, so that an encoded slash is a part of an id.
    return unquote(str(request.path_params[name]))


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    try:
        return max(int(text), 0) if text else default
    except ValueError:
        raise refusal("401652", f"General Error: {name} is not a number.") from None


def _page(request: Request, root: str, key: str, records: list[Record]) -> Response:
    offset = _number(request, "offset", 0)
    limit = min(_number(request, "limit", _DEFAULT_LIMIT), _MAX_LIMIT)
    shown = records[offset : offset + limit]
    return render(request, root, {key: shown, "total_record_count": len(records)})


def _found(record: Record | None, code: str, text: str) -> Record:
    if record is None:
        raise refusal(code, text)
    return record


def _pick(records: list[Record], key: str, value: str, code: str, text: str) -> Record:
    return _found(next((it for it in records if it[key] == value), None), code, text)


class _Api:
    def __init__(
        self, institution: Institution, run_job: RunJob, profiles: Callable[[], list[Record]]
    ) -> None:
        self._data = institution
        self._run_job = run_job
        self._profiles = profiles

    def routes(self) -> list[tuple[str, str, Endpoint]]:
        instances = "/conf/jobs/{job_id}/instances"
        return [
            ("GET", "/users", self._users),
            ("GET", "/users/{user_id}", self._user),
            ("GET", "/users/{user_id}/loans", self._loans),
            ("GET", "/users/{user_id}/loans/{loan_id}", self._loan),
            ("GET", "/users/{user_id}/requests", self._requests),
            ("GET", "/users/{user_id}/requests/{request_id}", self._request),
            ("DELETE", "/users/{user_id}/requests/{request_id}", self._cancel_request),
            ("GET", "/bibs", self._bibs),
            ("GET", "/bibs/{mms_id}", self._bib),
            ("GET", "/bibs/{mms_id}/holdings/{holding_id}/items", self._items),
            ("GET", "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}", self._item),
            ("POST", "/bibs/{mms_id}/holdings/{holding_id}/items/{item_pid}", self._scan_in),
            ("GET", "/items", self._item_by_barcode),
            ("GET", "/conf/jobs", self._jobs),
            ("GET", "/conf/jobs/{job_id}", self._job),
            ("POST", "/conf/jobs/{job_id}", self._start_job),
            ("GET", instances, self._instances),
            ("GET", instances + "/{instance_id}", self._instance),
            ("POST", "/conf/sets", self._create_set),
            ("GET", "/conf/sets/{set_id}", self._set),
            ("GET", "/conf/sets/{set_id}/members", self._members),
            ("GET", "/conf/code-tables/{name}", self._code_table),
            ("GET", "/conf/integration-profiles", self._integration_profiles),
            ("GET", "/conf/test", self._test),
            ("POST", "/conf/test", self._test),
        ]

    async def _users(self, request: Request) -> Response:
        field, _, text = request.query_params.get("q", "").partition("~")
        wanted = text.replace("_", " ").casefold()
        users = [
            user
            for user in self._data.users.values()
            if not text or wanted in str(user.get(field, "")).casefold()
        ]
        return _page(request, "users", "user", users)

    async def _user(self, request: Request) -> Response:
        return render(request, "user", self._known_user(request))

    def _known_user(self, request: Request) -> Record:
        user_id = _id(request, "user_id")
        text = f"User with identifier {user_id} was not found."
        return _found(self._data.find_user(user_id), "401861", text)

    async def _loans(self, request: Request) -> Response:
        user_id = self._known_user(request)["primary_id"]
        return _page(request, "item_loans", "item_loan", self._data.loans.get(user_id, []))

    async def _loan(self, request: Request) -> Response:
        loans = self._data.loans.get(self._known_user(request)["primary_id"], [])
        loan_id = _id(request, "loan_id")
        text = f"Loan {loan_id} was not found."
        return render(request, "item_loan", _pick(loans, "loan_id", loan_id, "401823", text))

    async def _requests(self, request: Request) -> Response:
        user_id = self._known_user(request)["primary_id"]
        records = self._data.requests.get(user_id, [])
        return _page(request, "user_requests", "user_request", records)

    async def _request(self, request: Request) -> Response:
        return render(request, "user_request", self._known_request(request))

    async def _cancel_request(self, request: Request) -> Response:
        user_id = self._known_user(request)["primary_id"]
        self._data.requests[user_id].remove(self._known_request(request))
        return Response(status_code=204)

    def _known_request(self, request: Request) -> Record:
        records = self._data.requests.get(self._known_user(request)["primary_id"], [])
        request_id = _id(request, "request_id")
        text = f"Failed to find a request for the given request ID {request_id}."
        return _pick(records, "request_id", request_id, "401694", text)

    async def _bibs(self, request: Request) -> Response:
        wanted = [part for part in request.query_params.get("mms_id", "").split(",") if part]
        if not wanted:
            raise refusal("401652", "General Error: no mms_id was given.")
        if len(wanted) > _MAX_LIMIT:
            raise refusal(
                "401652", f"General Error: not more than {_MAX_LIMIT} mms_id may be given."
            )
        # As in Alma, those that are not there are left out.
        bibs = [self._data.bibs[mms_id] for mms_id in wanted if mms_id in self._data.bibs]
        return render(request, "bibs", {"bib": bibs, "total_record_count": len(bibs)})

    async def _bib(self, request: Request) -> Response:
        return render(request, "bib", self._known_bib(request))

    def _known_bib(self, request: Request) -> Record:
        mms_id = _id(request, "mms_id")
        text = f"Input parameters mmsId {mms_id} is not valid."
        if not mms_id.isdecimal():
            raise refusal("402204", f"Input parameters mmsId {mms_id} is not numeric.")
        return _found(self._data.bibs.get(mms_id), "402203", text)

    async def _items(self, request: Request) -> Response:
        return _page(request, "items", "item", self._items_of_holding(request))

    def _items_of_holding(self, request: Request) -> list[Record]:
        mms_id, holding_id = self._known_bib(request)["mms_id"], _id(request, "holding_id")
        return [
            item
            for item in self._data.items.get(mms_id, [])
            if holding_id in {"ALL", item["holding_data"]["holding_id"]}
        ]

    async def _item(self, request: Request) -> Response:
        return render(request, "item", self._known_item(request))

    def _known_item(self, request: Request) -> Record:
        pid = _id(request, "item_pid")
        found = [it for it in self._items_of_holding(request) if it["item_data"]["pid"] == pid]
        return _found(found[0] if found else None, "401683", f"No items found for pid {pid}.")

    async def _scan_in(self, request: Request) -> Response:
        item = self._known_item(request)
        if request.query_params.get("op") != "scan":
            raise refusal("401652", "General Error: the operation is not supported.")
        item["item_data"] |= {
            "process_type": {"value": "", "desc": None},
            "base_status": {"value": "1", "desc": "Item in place"},
        }
        return render(request, "item", item)

    async def _item_by_barcode(self, request: Request) -> Response:
        barcode = request.query_params.get("item_barcode", "")
        text = f"No items found for barcode {barcode}."
        item = _found(self._data.find_item(barcode=barcode), "401689", text)
        rest = [pair for pair in parse_qsl(request.url.query) if pair[0] != "item_barcode"]
        query = f"?{urlencode(rest)}" if rest else ""
        base = str(request.base_url).rstrip("/")
        return RedirectResponse(f"{base}{item['link']}{query}", status_code=302)

    async def _jobs(self, request: Request) -> Response:
        kind = request.query_params.get("type")
        category = request.query_params.get("category")
        jobs = [
            job
            for job in self._data.jobs.values()
            if kind in {None, job["type"]["value"]} and category in {None, job["category"]["value"]}
        ]
        return _page(request, "jobs", "job", jobs)

    async def _job(self, request: Request) -> Response:
        return render(request, "job", self._known_job(request))

    def _known_job(self, request: Request) -> Record:
        return _found(self._data.jobs.get(_id(request, "job_id")), "402216", "Invalid job id.")

    async def _start_job(self, request: Request) -> Response:
        job = self._known_job(request)
        if not (operation := request.query_params.get("op")):
            raise refusal("402220", "Operation was not provided.")
        if operation != "run":
            raise refusal("402221", "Operation is not supported.")
        instance_id = self._run_job(job["id"])
        link = f"{BASE_PATH}/conf/jobs/{job['id']}/instances/{instance_id}"
        info = {"value": f"Job no. {instance_id} triggered", "link": link}
        return render(request, "job", {**job, "additional_info": info})

    async def _instances(self, request: Request) -> Response:
        instances = list(self._data.instances[self._known_job(request)["id"]].values())
        return _page(request, "job_instances", "job_instance", instances)

    async def _instance(self, request: Request) -> Response:
        instances = self._data.instances[self._known_job(request)["id"]]
        found = instances.get(_id(request, "instance_id"))
        return render(request, "job_instance", _found(found, "402218", "Invalid job instance id."))

    async def _create_set(self, request: Request) -> Response:
        # JSON or XML, in one shape.
        try:
            wanted = parse_document(await request.body())
        except MessageError as error:
            raise refusal("401652", f"General Error: {error.message}") from None
        set_id = str(max(map(int, self._data.sets), default=10**15) + 1)
        # Read from XML, the list stands in the set itself.
        members = wanted.pop("member", None) or (wanted.get("members") or {}).get("member") or []
        self._data.sets[set_id] = {**wanted, "id": set_id, "members": members}
        return self._show_set(request, self._data.sets[set_id])

    def _known_set(self, request: Request) -> Record:
        set_id = _id(request, "set_id")
        text = f"Set with identifier {set_id} was not found."
        return _found(self._data.sets.get(set_id), "60120", text)

    async def _set(self, request: Request) -> Response:
        return self._show_set(request, self._known_set(request))

    def _show_set(self, request: Request, known: Record) -> Response:
        found = dict(known)
        count = len(found.pop("members"))
        link = f"{BASE_PATH}/conf/sets/{found['id']}/members"
        members = {"value": str(count), "link": link}
        return render(request, "set", {**found, "number_of_members": members})

    async def _members(self, request: Request) -> Response:
        return _page(request, "members", "member", self._known_set(request)["members"])

    async def _code_table(self, request: Request) -> Response:
        name = _id(request, "name")
        text = f"Code table {name} was not found."
        return render(
            request, "code_table", _found(self._data.code_tables.get(name), "402263", text)
        )

    async def _integration_profiles(self, request: Request) -> Response:
        kind = request.query_params.get("type")
        profiles = [it for it in self._profiles() if kind in {None, it["type"]["value"]}]
        return _page(request, "integration_profiles", "integration_profile", profiles)

    async def _test(self, request: Request) -> Response:
        answer = render(request, "test", {"result": "success"})
        answer.headers["X-Exl-Api-Quota"] = str(self._data.limits.quota)
        return answer
