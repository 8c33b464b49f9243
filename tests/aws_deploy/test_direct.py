"""The walkthrough's shape from what is deployed: the template's own API, and the built zip file.

The emulator takes the template, but renders no mapping template, so that the API is the tests' own.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from almahook.testing import sample, signed_headers
from almahook.testing.host_contract import HTTPRequest, HTTPResponse
from aws_deploy.deployed import emulator, variables
from aws_deploy.project import SAM, SECRET, aws, make_project
from aws_deploy.template import Stack, load, translated
from aws_local.ministack import Ministack
from aws_local.rest_api import RestAPI
from aws_local.runtime_api import lambda_function

pytestmark = pytest.mark.timeout(600)
NAME = "almahook-direct"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("direct") / "library")
    (folder / "handlers" / "bib.py").write_text(
        "from almahook import BibEvent, Context\n\n\n"
        "def process(event: BibEvent, ctx: Context) -> None:\n"
        '    raise ValueError("no such record")\n'
    )
    done = aws("build", "--shape", "direct", "--include", "greeting.py", cwd=folder)
    assert done.status == 0, done.err
    assert "almahook aws deploy --shape direct" in done.out
    return folder


@pytest.fixture(scope="module")
def ministack(library: Path) -> Iterator[Ministack]:
    with emulator() as ministack:
        more = ("--no-confirm-changeset", "--no-progressbar")
        done = aws(
            *("deploy", "--shape", "direct", "--", *more), cwd=library, **variables(ministack)
        )
        assert done.status == 0, done.out + done.err
        yield ministack


@pytest.fixture(scope="module")
def api(library: Path, ministack: Ministack, tmp_path_factory) -> Iterator[RestAPI]:
    stack = Stack(translated(load(library / "aws" / "direct" / "template.yaml")))
    methods = {
        properties["HttpMethod"]: properties["Integration"]
        for _, properties in stack.resources("AWS::ApiGateway::Method")
    }
    task = tmp_path_factory.mktemp("task")
    with ZipFile(library / "aws" / "build" / "direct.zip") as archive:
        archive.extractall(task)
    environment = {
        **variables(ministack),
        "ALMAHOOK_INBOX": f"aws:{NAME}",
        "ALMAHOOK_HANDLERS": "handlers",
    }
    with lambda_function(
        "almahook.app.functions.direct.handler",
        task,
        environment=environment,
        python=SAM / "bin" / "python",
    ) as function:
        yield RestAPI(methods, function.invoke)


def post(api: RestAPI, body: bytes, secret: str = SECRET) -> HTTPResponse:
    headers = tuple(signed_headers(body, secret).items())
    return api.send(HTTPRequest(headers=headers, body=body))


def test_a_challenge_cannot_break_out_of_its_json(api: RestAPI) -> None:
    answer = api.send(HTTPRequest(method="GET", query="challenge=a%22%2C%22x%22%3A%22y"))
    assert (answer.status, json.loads(answer.body)) == (200, {"challenge": 'a","x":"y'})


def test_success_is_200_as_in_the_walkthrough(api: RestAPI) -> None:
    answer = post(api, sample("LOAN", title="Dune"))
    assert (answer.status, answer.body) == (200, b'"Done"')


def test_a_forged_event_is_401_as_in_the_walkthrough(api: RestAPI) -> None:
    answer = post(api, sample("LOAN"), secret="another one")
    assert (answer.status, answer.body) == (401, b'"Signature invalid"')


def test_an_action_without_a_handler_is_400_as_in_the_walkthrough(api: RestAPI) -> None:
    answer = post(api, sample("ITEM"))
    assert (answer.status, answer.body) == (400, b'"Invalid action."')


def test_a_handler_that_fails_is_500_as_in_the_walkthrough(api: RestAPI) -> None:
    answer = post(api, sample("BIB"))
    assert answer.status == 500
    assert b"no such record" not in answer.body


def test_all_that_the_template_makes_is_there(ministack: Ministack) -> None:
    resources = ministack.client("cloudformation").describe_stack_resources(StackName=NAME)
    states = {one["ResourceStatus"] for one in resources["StackResources"]}
    kinds = {one["ResourceType"] for one in resources["StackResources"]}
    assert states == {"CREATE_COMPLETE"}
    assert {"AWS::ApiGateway::Method", "AWS::ApiGateway::Stage", "AWS::Lambda::Function"} <= kinds
