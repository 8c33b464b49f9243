from xml.etree.ElementTree import fromstring

import httpx2
import pytest

from almahook.simulator import EVENTS


def error_of(answer: httpx2.Response) -> tuple[int, str]:
    document = answer.json()
    assert document["errorsExist"] is True
    (error,) = document["errorList"]["error"]
    assert error["errorMessage"]
    assert error["trackingId"].startswith("E01-")
    return answer.status_code, error["errorCode"]


def test_a_user_has_a_phone_marked_for_texts(api):
    user = api.get("/users/amendez").json()
    marked = [it for it in user["contact_info"]["phone"] if it["preferred_sms"]]
    assert [it["phone_number"] for it in marked] == ["15550100123"]


def test_users_lack_a_number_in_every_way_that_users_do(alma):
    contacts = [user.get("contact_info", "absent") for user in alma.users.values()]
    phones = [it.get("phone", "absent") for it in contacts if isinstance(it, dict)]
    assert "absent" in contacts
    assert "absent" in phones
    assert None in phones
    assert [] in phones
    marks = [
        any(it["preferred_sms"] for it in phone) for phone in phones if isinstance(phone, list)
    ]
    assert {True, False} == set(marks)
    assert any(user["status"]["value"] == "INACTIVE" for user in alma.users.values())


def test_a_null_in_a_users_record_reaches_the_client(api):
    assert api.get("/users/clindqvist").json()["contact_info"]["phone"] is None
    assert "contact_info" not in api.get("/users/esilva").json()


@pytest.mark.parametrize("user_id", ["System", "API", "nobody", "ä%2Fö"])
def test_an_unknown_user_is_a_400_with_its_code(api, user_id):
    assert error_of(api.get(f"/users/{user_id}")) == (400, "401861")


def test_an_encoded_id_may_hold_a_slash(api):
    user = api.get("/users/m%2Fsmith%40example.edu").json()
    assert user["primary_id"] == "m/smith@example.edu"


def test_a_user_is_found_by_another_identifier_and_whatever_the_case(api):
    assert api.get("/users/39001020331177").json()["primary_id"] == "amendez"
    assert api.get("/users/AMENDEZ").json()["primary_id"] == "amendez"


def test_users_may_be_changed_and_searched(alma, api):
    alma.users["amendez"]["last_name"] = "Neumann"
    found = api.get("/users", params={"q": "last_name~neum"}).json()
    assert [user["primary_id"] for user in found["user"]] == ["amendez"]
    assert found["total_record_count"] == 1


def test_loans_and_requests_of_a_user(api):
    loans = api.get("/users/amendez/loans").json()
    assert loans["total_record_count"] == len(loans["item_loan"]) == 1
    assert len(api.get("/users/amendez/requests").json()["user_request"]) == 1
    assert api.get("/users/bokafor/loans").json() == {"item_loan": [], "total_record_count": 0}
    assert error_of(api.get("/users/nobody/loans")) == (400, "401861")


def test_a_request_may_be_cancelled_and_is_gone_then(alma, api):
    (request,) = alma.institution.requests["amendez"]
    path = f"/users/amendez/requests/{request['request_id']}"
    assert api.get(path).json()["request_id"] == request["request_id"]
    assert api.delete(path, params={"reason": "CannotBeFulfilled"}).status_code == 204
    assert error_of(api.get(path)) == (400, "401694")
    assert error_of(api.delete(path)) == (400, "401694")


def test_one_loan(alma, api):
    (loan,) = alma.institution.loans["amendez"]
    path = f"/users/amendez/loans/{loan['loan_id']}"
    assert api.get(path).json()["item_barcode"] == loan["item_barcode"]
    assert error_of(api.get("/users/amendez/loans/1"))[0] == 400


def test_an_item_that_is_scanned_in_is_in_place(alma, api):
    ((item, *_),) = alma.institution.items.values()
    assert item["item_data"]["base_status"]["value"] == "0"
    url = f"{alma.api_url}{item['link']}"
    assert error_of(api.post(url))[0] == 400
    scanned = api.post(f"{url}?op=scan&library=MAIN&circ_desk=DESK").json()
    assert scanned["item_data"]["base_status"]["value"] == "1"


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"Mine","members":{"member":[{"id":"991"},{"id":"992"}]}}',
        b"<set><name>Mine</name><members><member><id>991</id></member><member><id>992</id></member></members></set>",
    ],
)
def test_a_set_may_be_made(api, body):
    made = api.post("/conf/sets", content=body).json()
    assert (made["name"], made["number_of_members"]["value"]) == ("Mine", "2")
    members = api.get(f"/conf/sets/{made['id']}/members").json()["member"]
    assert [member["id"] for member in members] == ["991", "992"]
    assert error_of(api.post("/conf/sets", content=b"nothing"))[0] == 400


def test_bibs_one_and_many(alma, api):
    first, second = alma.bibs
    assert api.get(f"/bibs/{first}").json()["mms_id"] == first
    many = api.get("/bibs", params={"mms_id": f"{first},{second},99"}).json()
    assert [bib["mms_id"] for bib in many["bib"]] == [first, second]
    assert error_of(api.get("/bibs/99")) == (400, "402203")
    assert error_of(api.get("/bibs/x")) == (400, "402204")
    assert error_of(api.get("/bibs"))[0] == 400
    too_many = ",".join(str(number) for number in range(101))
    assert error_of(api.get("/bibs", params={"mms_id": too_many}))[0] == 400


def test_items_come_in_pages(alma, api):
    (serial,) = alma.institution.items
    path = f"/bibs/{serial}/holdings/ALL/items"
    pids = []
    for offset in (0, 10, 20, 30):
        page = api.get(path, params={"limit": 10, "offset": offset}).json()
        assert page["total_record_count"] == 25
        pids += [item["item_data"]["pid"] for item in page["item"]]
    assert len(pids) == len(set(pids)) == 25
    assert len(api.get(path).json()["item"]) == 10
    assert len(api.get(path, params={"limit": 0}).json()["item"]) == 0
    assert error_of(api.get(path, params={"limit": "x"}))[0] == 400


def test_an_item_by_barcode_is_a_redirect(api):
    answer = api.get("/items", params={"item_barcode": "31940535470512", "view": "brief"})
    assert answer.status_code == 302
    item = api.get(answer.headers["location"]).json()
    assert item["item_data"]["barcode"] == "31940535470512"
    assert error_of(api.get("/items", params={"item_barcode": "0"})) == (400, "401689")


def test_members_of_a_set_come_in_pages_of_at_most_100(alma, api):
    (set_id,) = alma.institution.sets
    assert api.get(f"/conf/sets/{set_id}").json()["number_of_members"]["value"] == "250"
    path = f"/conf/sets/{set_id}/members"
    sizes = [
        len(api.get(path, params={"limit": 500, "offset": offset}).json()["member"])
        for offset in (0, 100, 200, 300)
    ]
    assert sizes == [100, 100, 50, 0]
    assert error_of(api.get("/conf/sets/1"))[0] == 400


def test_the_code_table_lists_the_events(api):
    rows = api.get("/conf/code-tables/WebhookEvents").json()["row"]
    known = {code for events in EVENTS.values() for code in events}
    assert {row["code"] for row in rows} == known
    assert error_of(api.get("/conf/code-tables/Nothing"))[0] == 400


def test_the_integration_profiles_are_listed(api, profile):
    found = api.get("/conf/integration-profiles", params={"type": "WEBHOOKS"}).json()
    assert [(it["name"], it["status"]["value"]) for it in found["integration_profile"]] == [
        ("main", "Active")
    ]
    other = api.get("/conf/integration-profiles", params={"type": "OTHER"}).json()
    assert other == {"integration_profile": [], "total_record_count": 0}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_test_call_tells_the_quota(api, method):
    answer = api.request(method, "/conf/test")
    assert answer.status_code == 200
    assert answer.headers["x-exl-api-quota"] == "100000"
    assert answer.headers["x-exl-api-remaining"] == "99999"


def test_what_does_not_ask_for_json_gets_xml(api):
    plain = {"Accept": "*/*"}
    user = api.get("/users/amendez", headers=plain)
    assert user.headers["content-type"].startswith("application/xml")
    assert fromstring(user.content).findtext("primary_id") == "amendez"
    error = fromstring(api.get("/users/nobody", headers=plain).content)
    space = "{http://com/exlibris/urm/general/xmlbeans}"
    assert error.tag == f"{space}web_service_result"
    assert error.findtext(f".//{space}errorCode") == "401861"
    jobs = fromstring(api.get("/conf/jobs", headers=plain).content)
    assert (jobs.tag, len(jobs.findall("job"))) == ("jobs", 7)
    assert api.get("/users/amendez", params={"format": "json"}, headers=plain).json()


def test_links_are_absolute_unlike_those_in_messages(alma, api):
    link = api.get("/conf/jobs/M47").json()["link"]
    assert link == f"{alma.api_url}/almaws/v1/conf/jobs/M47"


def test_the_key_may_be_in_the_query_and_is_not_recorded(alma):
    url = f"{alma.api_url}/almaws/v1/users/amendez"
    params = {"apikey": alma.api_key, "view": "brief"}
    assert httpx2.get(url, params=params, trust_env=False).status_code == 200
    assert alma.api_key not in repr(alma.calls)
    (call,) = alma.calls
    assert (call.method, call.path, call.query, call.status) == (
        "GET",
        "/almaws/v1/users/amendez",
        "view=brief",
        200,
    )


@pytest.mark.parametrize("authorization", ["", "apikey", "apikey wrong", "Bearer x"])
def test_a_wrong_key_is_refused(api, authorization):
    answer = api.get("/users/amendez", headers={"Authorization": authorization})
    assert error_of(answer) == (401, "UNAUTHORIZED")


def test_a_key_for_reading_does_not_write(alma, api):
    headers = {"Authorization": f"apikey {alma.read_only_key}"}
    assert api.get("/conf/jobs/M47", headers=headers).status_code == 200
    answer = api.post("/conf/jobs/M47?op=run", headers=headers)
    assert error_of(answer) == (403, "FORBIDDEN")


def test_a_path_or_a_method_that_is_not_there_is_an_alma_error(api):
    assert error_of(api.get("/nothing")) == (404, "INVALID_REQUEST")
    assert error_of(api.delete("/users/amendez"))[0] == 405
