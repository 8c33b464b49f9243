import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from almahook import Event, GiveUp, Skip
from almahook.handlers import Registry

from .conftest import Desk

Make = Callable[[dict[str, Any]], Event]
Run = Callable[..., Any]

MARC = "<record><leader>00420nam  22001453u 4500</leader></record>"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def returned(at: str, library: str = "MAIN", barcode: str | None = "31251") -> dict[str, Any]:
    loan = {"item_barcode": barcode, "library": {"value": library, "desc": library.title()}}
    return {"action": "LOAN", "event": {"value": "LOAN_RETURNED"}, "time": at, "item_loan": loan}


def rows() -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect("returned.sqlite")) as database:
        return database.execute("SELECT * FROM returned").fetchall()


def test_an_item_that_came_back_is_noted(run: Run, event: Make) -> None:
    run("loan_returned", event(returned("2024-11-05T16:20:36.005Z")))
    assert rows() == [("31251", "2024-11-05T16:20:36.005Z", "MAIN")]


def test_an_older_return_that_comes_late_does_not_overwrite_a_newer_one(
    run: Run, event: Make
) -> None:
    run("loan_returned", event(returned("2024-11-05T16:20:36.005Z")))
    run("loan_returned", event(returned("2024-11-04T10:00:00.000Z", library="BRANCH")))
    assert [library for _, _, library in rows()] == ["MAIN"]


def test_a_loan_without_a_barcode_is_skipped(run: Run, event: Make) -> None:
    loan = returned("2024-11-05T16:20:36.005Z", barcode=None)
    assert run("loan_returned", event(loan)) == Skip("the loan has no barcode")


def bib(kind: str, mms_id: str = "99594") -> dict[str, Any]:
    record = f'<?xml version="1.0" encoding="UTF-16"?>{MARC}'
    return {
        "action": "BIB",
        "event": {"value": kind},
        "bib": {"mms_id": mms_id, "anies": [record]},
    }


def test_a_changed_record_is_written_and_a_deleted_one_removed(run: Run, event: Make) -> None:
    file = Path("records/99594.xml")
    run("bib", event(bib("BIB_UPDATED")))
    assert file.read_text(encoding="utf-8") == MARC
    run("bib", event(bib("BIB_DELETED")))
    assert not file.exists()


def test_an_id_that_is_no_number_becomes_no_path(run: Run, event: Make) -> None:
    with pytest.raises(GiveUp):
        run("bib", event(bib("BIB_UPDATED", mms_id="../outside")))


def test_changes_of_a_record_are_coalesced(registry: Registry) -> None:
    handler = registry.get("bib")
    assert handler is not None
    assert handler.coalesce_s == 30


def export(status: str, *, job: str = "M47", link: str = "BIBLIOGRAPHIC_4881") -> dict[str, Any]:
    counter = {"type": {"value": "c.jobs.bibExport.link"}, "value": link}
    return {
        "action": "JOB_END",
        "job_instance": {
            "name": "Export Physical Items",
            "status": {"value": status},
            "counter": [counter] if link else None,
            "job_info": {"id": job},
        },
    }


@pytest.mark.parametrize("status", ["COMPLETED_SUCCESS", "COMPLETED_FAILED"])
def test_the_file_of_a_completed_export_is_announced(
    status: str, run: Run, event: Make, desk: Desk
) -> None:
    run("exports.announce", event(export(status)))
    assert desk.sent == ["Export Physical Items: BIBLIOGRAPHIC_4881"]


def test_an_export_without_a_file_is_skipped(run: Run, event: Make) -> None:
    ending = run("exports.announce", event(export("COMPLETED_SUCCESS", link="")))
    assert ending == Skip("the job has made no file")


@pytest.mark.parametrize("status", ["FAILED", "USER_ABORTED"])
def test_a_failed_export_is_complained_about(
    status: str, run: Run, event: Make, desk: Desk
) -> None:
    run("exports.complain", event(export(status)))
    assert desk.sent == ["Export Physical Items has failed."]


def test_another_job_is_no_export(registry: Registry, event: Make) -> None:
    other = event(export("FAILED", job="M50"))
    assert [handler.name for handler in registry.matching(other)] == ["job_end"]
