import pytest

from almahook.protocol import parse_document


def code_of(answer) -> str:
    assert answer.status_code == 400
    return answer.json()["errorList"]["error"][0]["errorCode"]


def test_a_job_that_is_run_ends_and_fires_job_end(alma, api, listener, profile):
    started = api.post("/conf/jobs/M47?op=run", content=b"<job/>").json()
    link = started["additional_info"]["link"]
    (received,) = listener.wait_for(1)
    document = parse_document(received.body)
    job = document["job_instance"]
    assert job["job_info"]["id"] == "M47"
    assert job["submitted_by"]["value"] == "API"
    assert job["status"]["value"] == "COMPLETED_SUCCESS"
    assert link.endswith(f"/conf/jobs/M47/instances/{document['id']}")
    instance = api.get(link).json()
    assert (instance["id"], instance["status"]) == (job["id"], job["status"])
    assert job["start_time"] <= job["end_time"]


def test_while_it_runs_its_instance_says_so(alma, api):
    alma.job_s = 3600
    link = api.post("/conf/jobs/M47?op=run").json()["additional_info"]["link"]
    instance = api.get(link).json()
    assert instance["status"]["value"] == "RUNNING"
    assert instance["progress"] == 0
    assert "end_time" not in instance
    assert api.get("/conf/jobs/M47/instances").json()["total_record_count"] == 1


def test_a_job_may_be_told_to_fail(alma, api, listener, profile):
    alma.institution.outcomes["M48"] = "COMPLETED_FAILED"
    api.post("/conf/jobs/M48?op=run")
    (received,) = listener.wait_for(1)
    status = parse_document(received.body)["job_instance"]["status"]
    assert status == {"value": "COMPLETED_FAILED", "desc": "Completed with Errors"}


def test_not_more_than_three_run_at_once(alma, api):
    alma.job_s = 3600
    for job in ("M47", "M48", "M53"):
        assert api.post(f"/conf/jobs/{job}?op=run").status_code == 200
    assert code_of(api.post("/conf/jobs/S48800410002319?op=run")) == "402222"


def test_one_job_is_started_five_times_an_hour(alma, api, listener, profile):
    alma._runner._hour_s = 3600
    alma.job_s = 0
    for number in range(5):
        assert api.post("/conf/jobs/M47?op=run").status_code == 200
        listener.wait_for(number + 1)
    assert code_of(api.post("/conf/jobs/M47?op=run")) == "402223"
    assert api.post("/conf/jobs/M48?op=run").status_code == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/conf/jobs/M1?op=run", "402216"),
        ("/conf/jobs/M47", "402220"),
        ("/conf/jobs/M47?op=stop", "402221"),
        ("/conf/jobs/S48800440002319?op=run", "402248"),
    ],
)
def test_what_cannot_be_run_is_an_error_of_its_own(api, path, code):
    assert code_of(api.post(path)) == code


def test_jobs_and_instances_that_are_not_there(api):
    assert code_of(api.get("/conf/jobs/M1")) == "402216"
    assert code_of(api.get("/conf/jobs/M47/instances/1")) == "402218"


def test_jobs_may_be_listed_by_type(api):
    found = api.get("/conf/jobs", params={"type": "MANUAL"}).json()["job"]
    assert {job["id"] for job in found} == {"M47", "M48", "M53"}
