"""What both functions ask AWS for, against what their roles in the templates allow.

The emulator allows everything, so that a right which is missing would be seen on AWS alone.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from almahook.simulator import Simulator
from almahook.testing import sample
from aws_deploy.project import make_project
from aws_deploy.template import load
from aws_local.ministack import Ministack
from aws_local.recorder import Right, recording
from aws_local.site import Site, running_site

LANES = """
from almahook import Context, Event, GiveUp, Retry, on

@on("LOAN", ordered=True)
def in_order(event: Event, ctx: Context) -> None:
    ctx.once("large", str, "x" * 70_000)
    if ctx.attempt == 1:
        raise Retry(after=0.1)

@on("LOAN", coalesce=0.1)
def newest(event: Event, ctx: Context) -> None: ...

@on("LOAN")
def hopeless(event: Event, ctx: Context) -> None:
    raise GiveUp("useless")
"""


@pytest.fixture
def site(ministack: Ministack, aws_environment: object, tmp_path: Path) -> Iterator[Site]:
    with Simulator(seed=7) as alma, running_site(ministack, tmp_path, alma) as site:
        alma.users["amendez"]["contact_info"]["phone"] = [
            {"phone_number": "(412) 555-0123", "preferred_sms": True}
        ]
        site.use_example("job_end")
        site.write("loan", LANES)
        yield site


@pytest.fixture(scope="module")
def roles(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[Right]]:
    """Return what each role of the template for the second shape allows."""
    project = make_project(tmp_path_factory.mktemp("project") / "library")
    resources = load(project / "aws" / "queue" / "template.yaml")["Resources"]
    return {name: set(_allowed(resources[name])) for name in ("ReceiveRole", "WorkRole")}


def _allowed(role: Mapping[str, Any]) -> Iterator[Right]:
    for policy in role["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in _list(statement["Action"]):
                for resource in _list(statement["Resource"]):
                    yield action, _named(resource)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(resource: Any) -> str:
    """Name a resource by the logical id of the template."""
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"][0])
    return re.sub(r"\$\{(\w+)\.Arn\}", r"\1", resource["Fn::Sub"])


def _needed(rights: set[Right], site: Site) -> set[Right]:
    """Name what was asked for likewise; secrets have names of the test's own."""
    stack = site.stack
    names = {
        stack.table: "Table",
        f"{stack.name}-events": "Queue",
        f"{stack.name}-parked": "DeadLetters",
        **{f"{stack.bucket}/{folder}/*": f"Bodies/{folder}/*" for folder in ("spool", "kept")},
    }
    return {
        (action, names[resource])
        for action, resource in rights
        if not action.startswith("secretsmanager:")
    }


def test_the_roles_of_the_functions_allow_all_that_they_ask_for(
    site: Site, ministack: Ministack, roles: Mapping[str, set[Right]]
) -> None:
    with recording(ministack) as of_receive, recording(ministack) as of_work:
        receive = site.function("receive", AWS_ENDPOINT_URL=of_receive.url)
        work = site.function("work", timeout_s=30, AWS_ENDPOINT_URL=of_work.url)
        large = sample("JOB_END", submitted_by="amendez", counter="x" * 2_000_000)
        for body in (*(sample("LOAN", id=str(number)) for number in range(3)), large):
            assert site.post(body, receive=receive).status == 200
        site.sqs.send_message(QueueUrl=site.stack.queue_url, MessageBody="none of ours")
        site.make_pump(work).until_empty()
        receive.close()
        work.close()
    assert _needed(of_receive.rights, site) <= roles["ReceiveRole"]
    assert _needed(of_work.rights, site) <= roles["WorkRole"]
    # Both have done what needs most of their rights.
    assert ("sqs:SendMessage", "DeadLetters") in _needed(of_work.rights, site)
    assert ("dynamodb:ConditionCheckItem", "Table") in _needed(of_work.rights, site)
    assert ("s3:PutObject", "Bodies/spool/*") in _needed(of_receive.rights, site)
