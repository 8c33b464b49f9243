"""Refused requests: kept for a person to look at, bounded in number and in size."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

from dataclasses import replace

from almahook.inbox import Inbox
from almahook.testing.inbox_contract.given import OpenInbox, refused


def reasons(inbox: Inbox, *, limit: int = 100, before: int | None = None) -> list[str]:
    """List refused requests by their reasons."""
    return [one.reason for one in inbox.rejections(limit=limit, before=before)]


def test_a_refused_request_is_kept_with_all_it_says(open_inbox: OpenInbox) -> None:
    first = open_inbox()
    rejection = refused(
        method="PUT", content_type="text/plain", signature="é=", size=9, body=b"\x00\xffbody"
    )
    first.reject([rejection])
    first.close()
    (found,) = open_inbox().rejections(limit=10)
    assert found.id > 0
    assert replace(found, id=0) == rejection


def test_refused_requests_are_listed_newest_first_page_by_page(inbox: Inbox) -> None:
    inbox.reject([refused(reason=str(n)) for n in range(3)])
    inbox.reject([refused(reason=str(n)) for n in range(3, 5)])
    page = inbox.rejections(limit=3)
    assert [one.reason for one in page] == ["4", "3", "2"]
    assert reasons(inbox, before=page[-1].id) == ["1", "0"]


def test_refused_requests_are_listed_by_profile(inbox: Inbox) -> None:
    inbox.reject([refused(profile="main"), refused(profile="sandbox")])
    assert [one.profile for one in inbox.rejections(limit=9, profile="sandbox")] == ["sandbox"]
    assert len(inbox.rejections(limit=9)) == 2


def test_only_the_newest_refused_requests_are_kept(open_inbox: OpenInbox) -> None:
    inbox = open_inbox(rejections_kept=3)
    for n in range(5):
        inbox.reject([refused(reason=str(n))])
    assert reasons(inbox) == ["4", "3", "2"]
    inbox.reject([refused(reason=str(n)) for n in range(5, 20)])
    assert reasons(inbox) == ["19", "18", "17"]


def test_only_the_beginning_of_a_refused_body_is_kept(open_inbox: OpenInbox) -> None:
    inbox = open_inbox(rejection_body_bytes=4)
    inbox.reject([refused(body=b"123456", size=6)])
    (found,) = inbox.rejections(limit=1)
    assert (found.body, found.size) == (b"1234", 6)


def test_forgotten_requests_are_gone_and_the_others_stay(inbox: Inbox) -> None:
    inbox.reject([refused(reason=str(n)) for n in range(4)])
    first, _, third, _ = (one.id for one in inbox.rejections(limit=4))
    inbox.forget_rejections([first, third, 999])
    assert reasons(inbox) == ["2", "0"]
    inbox.forget_rejections([])
    assert reasons(inbox) == ["2", "0"]
