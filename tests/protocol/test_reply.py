import json

import pytest

from almahook import errors
from almahook.errors import AlmaHookError, RefusalError
from almahook.protocol import (
    Challenged,
    Failed,
    Handled,
    Refused,
    Stored,
    Unhandled,
    error_reply,
    reply,
)

MODES = ["inbox", "direct"]


def kinds(base: type[AlmaHookError]) -> list[type[AlmaHookError]]:
    return [base, *(found for kind in base.__subclasses__() for found in kinds(kind))]


def made(kind: type[AlmaHookError]) -> AlmaHookError:
    if issubclass(kind, errors.AlmaResponseError | errors.AWSResponseError):
        return kind(http_status=400)
    if issubclass(kind, errors.WorkerFailedError):
        return kind(1)
    if issubclass(kind, errors.MissingExtraError):
        return kind("This", extra="server")
    return kind()


def refused(kind: type[RefusalError], status: int = 0) -> Refused:
    return Refused(error=kind(), status=status or kind.status)


# The outcome table of the design, line by line: what Alma hears in the two modes.
TABLE = {
    "challenge": (Challenged(challenge="x"), 200, 200),
    "stored": (Stored(), 200, 200),
    "handler succeeded": (Handled(), 200, 200),
    "no handler, in direct mode": (Unhandled(), 400, 400),
    "handler raised, in direct mode": (Failed(), 500, 500),
    "no message": (refused(errors.MessageError), 400, 400),
    "no signature": (refused(errors.MissingSignatureError), 401, 401),
    "wrong signature": (refused(errors.SignatureMismatchError), 401, 401),
    "wrong signature, to be retried": (refused(errors.SignatureMismatchError, 503), 503, 503),
    "unknown profile": (refused(errors.UnknownProfileError), 404, 404),
    "other method": (refused(errors.MethodNotAllowedError), 405, 405),
    "too large": (refused(errors.BodyTooLargeError), 413, 413),
    "too slow": (refused(errors.SlowBodyError), 503, 503),
    "no secret": (refused(errors.NoSecretError), 503, 503),
    "not stored": (errors.InboxUnavailableError(), 503, 503),
    "overloaded": (errors.OverloadedError(), 503, 503),
}


@pytest.mark.parametrize(("result", "inbox", "direct"), TABLE.values(), ids=TABLE.keys())
def test_each_outcome_has_its_status(result, inbox, direct) -> None:
    assert [reply(result, mode=mode).status for mode in MODES] == [inbox, direct]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("result", "inbox", "direct"), TABLE.values(), ids=TABLE.keys())
def test_each_answer_is_json_that_no_browser_takes_for_a_page(result, inbox, direct, mode) -> None:
    response = reply(result, mode=mode)
    assert json.loads(response.body)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-content-type-options"] == "nosniff"
    assert ("retry-after" in response.headers) == (response.status == 503)
    assert ("allow" in response.headers) == (response.status == 405)


def test_a_method_that_is_not_allowed_is_told_those_that_are() -> None:
    assert reply(refused(errors.MethodNotAllowedError)).headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("result", "body"),
    [
        (Stored(), {"status": "stored"}),
        (Challenged(challenge="é"), {"challenge": "é"}),
        (Handled(), "Done"),
        (Unhandled(), "Invalid action."),
        (refused(errors.SignatureMismatchError), "Signature invalid"),
        (refused(errors.MissingSignatureError, 503), "Signature invalid"),
    ],
)
def test_in_direct_mode_the_texts_are_the_reference_system_s(result, body) -> None:
    assert json.loads(reply(result, mode="direct").body) == body


@pytest.mark.parametrize("kind", kinds(RefusalError))
def test_a_refusal_says_its_code_and_a_text_for_a_person(kind) -> None:
    response = reply(refused(kind), mode="inbox")
    said = json.loads(response.body)
    assert (response.status, said["error"]) == (kind.status, kind.code)
    assert said["message"] == kind().message


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "kind", [kind for kind in kinds(AlmaHookError) if kind is not RefusalError]
)
def test_only_a_refusal_may_end_what_alma_does(kind, mode) -> None:
    response = reply(made(kind), mode=mode)
    if issubclass(kind, RefusalError):
        assert response.status == kind.status
    else:
        assert response.status >= 500


def test_an_error_of_ours_that_is_no_500_asks_alma_to_come_again() -> None:
    response = reply(errors.StaleLeaseError(), mode="direct")
    assert (response.status, response.headers["retry-after"]) == (503, "60")
    assert json.loads(response.body)["error"] == "inbox.stale_lease"


def test_one_answer_does_not_change_the_next() -> None:
    assert "allow" not in reply(Stored()).headers
    error_reply(errors.MethodNotAllowedError())
    error_reply(errors.NoSecretError())
    assert set(reply(Stored()).headers) == {"content-type", "x-content-type-options"}
