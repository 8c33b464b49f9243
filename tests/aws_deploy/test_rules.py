"""Both templates keep every rule, and each rule finds the template that breaks it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aws_deploy.project import SAM
from aws_deploy.rules import RULES, broken_rules
from aws_deploy.template import load, translated

SHAPES = ("queue", "direct")
_CFN_LINT = Path(sys.executable).with_name("cfn-lint")


@pytest.fixture(scope="session")
def templates(project: Path) -> dict[str, Any]:
    return {shape: load(project / "aws" / shape / "template.yaml") for shape in SHAPES}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_template_keeps_every_rule_whatever_its_parameters(templates, shape) -> None:
    assert broken_rules(translated(templates[shape])) == []


def test_the_linter_finds_nothing_in_the_templates_nor_in_what_sam_makes_of_them(
    project, templates, tmp_path
) -> None:
    files = [project / "aws" / shape / "template.yaml" for shape in SHAPES]
    for shape, template in templates.items():
        files.append(tmp_path / f"{shape}.json")
        files[-1].write_text(json.dumps(translated(template)))
    done = run([_CFN_LINT, *files], cwd=project)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("shape", SHAPES)
def test_sam_itself_takes_a_template(project, shape) -> None:
    done = run(
        [SAM / "bin" / "sam", "validate", "--region", "us-east-1"], cwd=project / "aws" / shape
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is a valid SAM Template" in done.stdout


def run(command: list[Path | str], cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "HOME": str(cwd), "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


# How each rule is broken. A breakage changes one thing of the template as SAM has translated it.

Breakage = Callable[[dict[str, Any]], None]


def properties(resource: str, **changed: Any) -> Breakage:
    def change(resources: dict[str, Any]) -> None:
        resources[resource]["Properties"] |= changed

    return change


def without(resource: str, name: str) -> Breakage:
    def change(resources: dict[str, Any]) -> None:
        del resources[resource]["Properties"][name]

    return change


def gone(resource: str) -> Breakage:
    def change(resources: dict[str, Any]) -> None:
        del resources[resource]

    return change


def statement(role: str, **changed: Any) -> Breakage:
    def change(resources: dict[str, Any]) -> None:
        document = resources[role]["Properties"]["Policies"][0]["PolicyDocument"]
        document["Statement"][1] |= changed

    return change


def request_template(method: str, text: str) -> Breakage:
    def change(resources: dict[str, Any]) -> None:
        templates = resources[method]["Properties"]["Integration"]["RequestTemplates"]
        templates["application/json"] = text

    return change


def response(method: str, number: int, **changed: Any) -> Breakage:
    def change(resources: dict[str, Any]) -> None:
        integration = resources[method]["Properties"]["Integration"]
        integration["IntegrationResponses"][number] |= changed

    return change


def integration(method: str, **changed: Any) -> Breakage:
    def change(resources: dict[str, Any]) -> None:
        resources[method]["Properties"]["Integration"] |= changed

    return change


_UNESCAPED = '{"challenge":"$input.params(\'challenge\')"}'
_BREAKAGES: list[tuple[str, str, str, Breakage]] = [
    ("runtimes_exist", "queue", "python3.99", properties("WorkFunction", Runtime="python3.99")),
    ("runtimes_exist", "direct", "sparc", properties("DirectFunction", Architectures=["sparc"])),
    (
        "timeouts_are_within_the_limits",
        "queue",
        "WorkFunction may take 1000 s",
        properties("WorkFunction", Timeout=1000),
    ),
    (
        "timeouts_are_within_the_limits",
        "queue",
        "ReceiveFunction may take 60 s",
        properties("ReceiveFunction", Timeout=60),
    ),
    (
        "timeouts_are_within_the_limits",
        "direct",
        "DirectFunction may take 60 s",
        properties("DirectFunction", Timeout=60),
    ),
    (
        "events_stay_hidden_while_a_function_may_work_on_them",
        "queue",
        "Queue hides an event for 60 s",
        properties("Queue", VisibilityTimeout=60),
    ),
    (
        "events_stay_hidden_while_a_function_may_work_on_them",
        "queue",
        "hides an event for 30 s",
        without("Queue", "VisibilityTimeout"),
    ),
    (
        "one_failure_brings_one_event_back",
        "queue",
        "whole batches",
        without("WorkFunctionQueue", "FunctionResponseTypes"),
    ),
    (
        "what_dies_each_time_ends_in_a_dead_letter_queue",
        "queue",
        "no dead-letter queue",
        without("Queue", "RedrivePolicy"),
    ),
    (
        "what_dies_each_time_ends_in_a_dead_letter_queue",
        "queue",
        "forgets sooner",
        properties("DeadLetters", MessageRetentionPeriod=60),
    ),
    (
        "everything_at_rest_is_encrypted",
        "queue",
        "DeadLetters",
        without("DeadLetters", "SqsManagedSseEnabled"),
    ),
    ("everything_at_rest_is_encrypted", "queue", "Table", without("Table", "SSESpecification")),
    ("everything_at_rest_is_encrypted", "direct", "Bodies", without("Bodies", "BucketEncryption")),
    (
        "everything_at_rest_is_encrypted",
        "queue",
        "can be made public",
        without("Bodies", "PublicAccessBlockConfiguration"),
    ),
    ("nobody_may_more_than_is_needed", "queue", "*", statement("ReceiveRole", Resource="*")),
    ("nobody_may_more_than_is_needed", "queue", "sqs:*", statement("WorkRole", Action="sqs:*")),
    (
        "nobody_may_more_than_is_needed",
        "direct",
        "AdministratorAccess",
        properties("DirectRole", ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"]),
    ),
    (
        "no_variable_holds_a_secret",
        "queue",
        "ALMAHOOK_SECRET",
        properties("ReceiveFunction", Environment={"Variables": {"ALMAHOOK_SECRET": "s"}}),
    ),
    ("logs_end", "queue", "kept for ever", without("WorkLogs", "RetentionInDays")),
    ("logs_end", "direct", "logs elsewhere", without("DirectFunction", "LoggingConfig")),
    ("alarms_ring", "queue", "WorkFunction fails", gone("WorkErrorsAlarm")),
    ("alarms_ring", "queue", "something is in DeadLetters", gone("ParkedAlarm")),
    ("alarms_ring", "queue", "silence", gone("SilenceAlarm")),
    ("alarms_ring", "direct", "silence", gone("SilenceAlarm")),
    ("alarms_ring", "queue", "looks back too far", properties("SilenceAlarm", Period=86_400)),
    ("alarms_ring", "queue", "tells nobody", without("SilenceAlarm", "AlarmActions")),
    ("floods_are_held_back", "queue", "Stage", without("Stage", "DefaultRouteSettings")),
    ("floods_are_held_back", "direct", "Stage", without("Stage", "MethodSettings")),
    ("everything_is_tagged", "queue", "Table", without("Table", "Tags")),
    (
        "only_the_api_may_call_a_function",
        "direct",
        "DirectPermission",
        without("DirectPermission", "SourceArn"),
    ),
    (
        "mapping_templates_make_json",
        "direct",
        "EventMethod, application/json is broken",
        request_template("EventMethod", '{"raw": #if($input.body'),
    ),
    (
        "mapping_templates_make_json",
        "direct",
        "EventMethod, application/json is broken",
        request_template("EventMethod", '{"raw": $input.body,'),
    ),
    (
        "mapping_templates_make_json",
        "direct",
        "lets a challenge break out",
        response("ChallengeMethod", 1, ResponseTemplates={"application/json": _UNESCAPED}),
    ),
    (
        "no_failure_is_told_as_success",
        "direct",
        "what it does not know with success",
        response("EventMethod", 0, StatusCode="200"),
    ),
    (
        "no_failure_is_told_as_success",
        "direct",
        "does not declare 418",
        response("EventMethod", 1, StatusCode="418"),
    ),
    (
        "no_failure_is_told_as_success",
        "direct",
        "answers 400 to",
        response("EventMethod", 2, SelectionPattern=".*"),
    ),
    (
        "no_failure_is_told_as_success",
        "direct",
        "a pattern that is none",
        response("EventMethod", 2, SelectionPattern="("),
    ),
    (
        "bodies_reach_the_function_by_a_template_only",
        "direct",
        "EventMethod",
        integration("EventMethod", PassthroughBehavior="WHEN_NO_MATCH"),
    ),
]


@pytest.mark.parametrize(
    ("rule", "shape", "found", "breakage"),
    _BREAKAGES,
    ids=[f"{rule}-{number}" for number, (rule, *_) in enumerate(_BREAKAGES)],
)
def test_a_broken_template_is_found(templates, rule, shape, found, breakage) -> None:
    template = translated(templates[shape])
    breakage(template["Resources"])
    said = [sentence for sentence in broken_rules(template) if sentence.startswith(f"{rule}:")]
    assert [sentence for sentence in said if found in sentence] != [], said


def test_every_rule_is_broken_once() -> None:
    assert {rule for rule, *_ in _BREAKAGES} == {rule.__name__ for rule in RULES}
