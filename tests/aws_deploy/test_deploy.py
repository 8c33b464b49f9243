"""The second shape, built and deployed by commands as a library types them, and used over HTTP.

Once by SAM and once by Terraform, to an emulator that holds each function to its role's rights. The
functions run with the packages of their zip files, and boto3, which AWS brings.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from almahook.cli.demo_wait import until
from almahook.testing import sample
from aws_deploy.deployed import WAIT_S, Deployed, emulator, variables
from aws_deploy.project import aws, make_project, outbox_of, with_outbox_and_short_retention
from aws_deploy.terraform import emulator_override, mirror, terraform_variables

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = with_outbox_and_short_retention(
        make_project(tmp_path_factory.mktemp("built") / "library")
    )
    done = aws("build", "--include", "greeting.py", cwd=folder)
    assert done.status == 0, done.err
    return folder


def deploy_by_sam(folder: Path, outbox: Path) -> Iterator[Deployed]:
    with emulator() as ministack:
        more = ("--no-confirm-changeset", "--no-progressbar")
        done = aws("deploy", "--", *more, cwd=folder, **variables(ministack))
        assert done.status == 0, done.out + done.err
        assert "Runs in aws/queue:\n  sam deploy" in done.out
        yield Deployed(ministack, folder, "almahook", outbox=outbox)


def deploy_by_terraform(folder: Path, outbox: Path) -> Iterator[Deployed]:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not on this machine")
    provider = mirror()
    if provider is None:
        pytest.skip("Terraform's AWS provider is not on this machine")
    with emulator() as ministack:
        emulator_override(folder / "aws" / "queue-terraform", ministack.url)
        done = aws(
            *("deploy", "--tool", "terraform", "--", "-auto-approve", "-input=false"),
            cwd=folder,
            **variables(ministack),
            **terraform_variables(folder, provider),
        )
        assert done.status == 0, done.out + done.err
        assert "Runs in aws/queue-terraform:\n  terraform apply" in done.out
        yield Deployed(ministack, folder, "almahook", outbox=outbox)


@pytest.fixture(scope="module", params=[deploy_by_sam, deploy_by_terraform])
def deployed(request: pytest.FixtureRequest, built: Path, tmp_path_factory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deployed") / "library"
    shutil.copytree(built, folder)
    # It is named in the zip file, and so it is the same for both.
    outbox = outbox_of(built)
    outbox.unlink(missing_ok=True)
    yield from request.param(folder, outbox)


def loan(**values: str) -> bytes:
    return sample("LOAN", event="LOAN_CREATED", id=str(uuid4()), **values)


def test_a_challenge_comes_back_as_one_string(deployed: Deployed) -> None:
    answer = deployed.send("GET", params={"challenge": 'a","x":"y'})
    assert (answer.status_code, answer.json()) == (200, {"challenge": 'a","x":"y'})


def test_a_signed_event_is_handled_once_however_often_it_comes(deployed: Deployed) -> None:
    body = loan(title="Dune")
    assert [deployed.post(body).status_code for _ in range(3)] == [200, 200, 200]
    assert until(lambda: "Dune was lent." in deployed.texts(), timeout_s=WAIT_S)
    # A later event has been handled, so the duplicates before it have been too.
    deployed.post(loan(title="Emma"))
    assert until(lambda: "Emma was lent." in deployed.texts(), timeout_s=WAIT_S)
    assert deployed.texts().count("Dune was lent.") == 1


def test_a_forged_event_is_refused(deployed: Deployed) -> None:
    answer = deployed.post(loan(), secret="another one")
    assert (answer.status_code, answer.json()["error"]) == (401, "signature.mismatch")


def test_a_body_over_the_limit_of_the_queue_arrives_whole(deployed: Deployed) -> None:
    title = "x" * 2_000_000
    assert deployed.post(loan(title=title)).status_code == 200
    assert until(lambda: f"{title} was lent." in deployed.texts(), timeout_s=WAIT_S)


def test_what_is_no_profile_s_is_not_found(deployed: Deployed) -> None:
    assert deployed.post(loan(), url=f"{deployed.base}/webhooks/other").status_code == 404
    assert deployed.post(loan(), url=f"{deployed.base}/elsewhere").status_code == 404
    assert deployed.send("PUT", content=b"x").status_code == 405


def test_what_is_given_up_waits_in_the_dead_letter_queue(deployed: Deployed) -> None:
    assert deployed.post(loan(title="")).status_code == 200
    assert until(lambda: deployed.parked() == 1, timeout_s=WAIT_S)
    (event,) = deployed.command("events", "list", "--state", "parked")["events"]
    assert event["action"] == "LOAN"


def test_the_purge_deletes_what_is_old_and_over(deployed: Deployed) -> None:
    assert deployed.command("events", "list")["events"] != []
    assert until(lambda: deployed.purge()["events"] > 0, timeout_s=WAIT_S)
    assert deployed.command("events", "list")["events"] == []


def test_without_its_rights_the_receive_function_acknowledges_nothing(deployed: Deployed) -> None:
    with deployed.without_rights("receive"):
        answer = deployed.post(loan())
    assert (answer.status_code, answer.json()["error"]) == (503, "inbox.unavailable")


def test_the_check_finds_everything_in_order(deployed: Deployed) -> None:
    done = aws("check", deployed.url, "--json", cwd=deployed.folder, **deployed.environment)
    found = json.loads(done.out)
    assert done.status == 0, done.err
    assert {one["check"]: one["state"] for one in found["findings"]} == {
        "challenge": "ok",
        "forged": "ok",
        "signed": "ok",
    }


def test_the_check_finds_a_secret_that_is_not_the_listener_s(deployed: Deployed) -> None:
    done = aws("check", deployed.url, "--secret", "another one", cwd=deployed.folder)
    assert done.status == 1
    assert "Signed event: not taken in, HTTP 401" in done.out


def test_the_check_knows_the_address_of_what_was_deployed(deployed: Deployed) -> None:
    done = aws("check", "--json", cwd=deployed.folder, **deployed.environment)
    api = deployed.base.split("/")[-2]
    assert done.status == 1
    # The emulator is not at this address.
    assert api in json.loads(done.out)["url"]
    assert json.loads(done.out)["url"].endswith("/webhooks/main")
