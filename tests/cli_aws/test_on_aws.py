"""What only an inbox on AWS has: a queue that a replay is announced in, no file, no schema."""

import pytest

from almahook.inbox import RunState
from almahook.inbox.aws.message import Again, read_message, write_message
from almahook.inbox.aws.store import AWSInbox
from almahook.testing.inbox_contract.given import new_event
from aws_local.stack import Stack
from cli.test_tail import following, read
from inbox_aws.looking import before_each_transaction, messages, send


def test_a_replay_tells_the_functions_and_stops_the_alarm(almahook, project, stack: Stack):
    seq = project.ended(RunState.PARKED, action="JOB_END", handler="job_end")
    send(stack, write_message(Again(seq, parked=True)), stack.dead_letter_queue_url)
    assert almahook("events", "replay", seq).status == 0
    assert [read_message(one) for one in messages(stack)] == [Again(seq)]
    attributes = stack.ministack.client("sqs").get_queue_attributes(
        QueueUrl=stack.dead_letter_queue_url, AttributeNames=["All"]
    )["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "0"
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_an_event_that_turns_up_behind_a_later_one_is_printed_too(project, stack: Stack):
    overtaken = AWSInbox(stack.name)
    with following(project, "--json") as process:
        found: list[int] = []

        def overtake() -> None:
            later = project.receive()
            assert read(process)["number"] == later
            found.append(later)

        before_each_transaction(overtaken, overtake)
        (receipt,) = overtaken.append([new_event()])
        assert [*found, read(process)["number"]] == [receipt.seq + 1, receipt.seq]
    overtaken.close()


def test_there_is_nothing_to_migrate(almahook, project):
    said = almahook("migrate")
    assert (said.status, said.err) == (0, "")
    assert said.out == f"{project.url} has schema 1 already: there was nothing to do.\n"


@pytest.mark.parametrize("command", [("events", "list"), ("purge", "--yes"), ("migrate",)])
def test_an_inbox_that_is_not_there_is_not_made(almahook, project, command):
    project.write("almahook.toml", 'inbox = "aws:not-there"\n')
    said = almahook(*command)
    assert (said.status, said.out) == (2, "")
    assert "There is no inbox aws:not-there in us-east-1." in said.err
    assert "almahook aws deploy" in said.err


def test_a_name_that_cannot_be_one_says_what_can(almahook, project):
    project.write("almahook.toml", 'inbox = "aws:Not_There"\n')
    said = almahook("events", "list")
    assert said.status == 2
    assert 'inbox = "aws:almahook"' in said.err


def test_a_service_that_cannot_be_reached_is_told_without_a_traceback(
    almahook, project, monkeypatch
):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("almahook.inbox.aws.clients._TRIES", 1)
    said = almahook("events", "list")
    assert (said.status, said.out) == (1, "")
    assert "EndpointConnectionError" in said.err
    assert "Traceback" not in said.err


def test_the_doctor_looks_at_what_waits_and_at_what_came_and_not_for_a_file(almahook, project):
    project.ended(RunState.PARKED, action="JOB_END", handler="job_end")
    said = almahook("doctor", "--json")
    findings = {}
    for finding in said.json["findings"]:
        findings.setdefault(finding["check"], []).append(finding["text"])
    assert findings["inbox"] == [f"The inbox {project.url} can be read."]
    assert findings["parked"] == ["Given up and waiting for a person: 1."]
    assert "The last event for the profile main came" in findings["alma"][0]
    assert not findings.keys() & {"disk", "schema"}


def test_the_doctor_sends_who_has_no_worker_to_the_function(almahook, project):
    project.receive(ago=600)
    (found,) = [
        one for one in almahook("doctor", "--json").json["findings"] if one["check"] == "backlog"
    ]
    assert found["state"] == "problem"
    assert "the function that works" in found["fix"]
    assert "almahook work" not in found["fix"]
