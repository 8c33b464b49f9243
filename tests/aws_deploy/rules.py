"""What must hold of the templates, and no linter looks at.

Each rule gives a sentence for whatever breaks it. test_rules.py breaks each and sees it found.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import boto3
from botocore.loaders import Loader

from aws_deploy.template import Stack
from aws_local.velocity import Input, render

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MAX_TIMEOUT_S = 900
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
_MAX_BEHIND_HTTP_API_S = 30
_MAX_BEHIND_REST_API_S = 29
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
_VISIBILITY = 6
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html
_MAX_VISIBILITY_S = 43_200
# Alma's own: what of API Gateway's answers it does not try again.
_GIVEN_UP = range(200, 500)
# What is told of a function that failed, and of no success.
_FAILURES = (
    "2026-11-24T20:00:00Z 5d6f Task timed out after 25.00 seconds",
    "RequestId: 5d6f Error: Runtime exited with error: exit status 1",
    "Unable to import module 'handlers': No module named 'requests'",
    "KeyError: 'phone'",
    "",
)
_SECRET = re.compile(r"secret|key|token|password", re.IGNORECASE)

FUNCTION = "AWS::Lambda::Function"
QUEUE = "AWS::SQS::Queue"
TABLE = "AWS::DynamoDB::Table"
BUCKET = "AWS::S3::Bucket"
METHOD = "AWS::ApiGateway::Method"
SOURCE = "AWS::Lambda::EventSourceMapping"
ALARM = "AWS::CloudWatch::Alarm"
LOGS = "AWS::Logs::LogGroup"
_HAS_TAGS = {
    FUNCTION,
    QUEUE,
    TABLE,
    BUCKET,
    ALARM,
    LOGS,
    "AWS::IAM::Role",
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::SNS::Topic",
}

Rule = Callable[[Stack], Iterator[str]]


def broken_rules(template: Mapping[str, Any]) -> list[str]:
    """Say what is broken with the parameters' defaults, and with each value that is allowed."""
    found: dict[str, None] = {}
    for parameters in _choices(template):
        stack = Stack(template, **parameters)
        for rule in RULES:
            for sentence in rule(stack):
                found[f"{rule.__name__}: {sentence}"] = None
    return list(found)


def _choices(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {}
    yield {"AlarmEmail": "library@example.edu", "Tracing": "on", "Protection": "off"}
    for name, parameter in template["Parameters"].items():
        bounds = (parameter[end] for end in ("MinValue", "MaxValue") if end in parameter)
        for value in [*parameter.get("AllowedValues", []), *bounds]:
            yield {name: value}


@cache
def _known(shape: str) -> frozenset[str]:
    """Return the values that Lambda's own description allows."""
    loader = Loader(extra_search_paths=[f"{next(iter(boto3.__path__))}/data"])
    model = loader.load_service_model("lambda", "service-2")
    return frozenset(model["shapes"][shape]["enum"])


def runtimes_exist(stack: Stack) -> Iterator[str]:
    for name, function in stack.resources(FUNCTION):
        if function["Runtime"] not in _known("Runtime"):
            yield f"{name} has the runtime {function['Runtime']}"
        for architecture in function["Architectures"]:
            if architecture not in _known("Architecture"):
                yield f"{name} has the architecture {architecture}"


def timeouts_are_within_the_limits(stack: Stack) -> Iterator[str]:
    for name, function in stack.resources(FUNCTION):
        limit = _limit(stack, name)
        if not 1 <= float(function["Timeout"]) <= limit:
            yield f"{name} may take {function['Timeout']} s, and {limit} s is the most"


def _limit(stack: Stack, function: str) -> float:
    for _, integration in stack.resources("AWS::ApiGatewayV2::Integration"):
        if function in json.dumps(integration):
            return _MAX_BEHIND_HTTP_API_S
    for _, method in stack.resources(METHOD):
        if function in json.dumps(method["Integration"].get("Uri", "")):
            return _MAX_BEHIND_REST_API_S
    return _MAX_TIMEOUT_S


def events_stay_hidden_while_a_function_may_work_on_them(stack: Stack) -> Iterator[str]:
    queues, functions = dict(stack.resources(QUEUE)), dict(stack.resources(FUNCTION))
    for _, source in stack.resources(SOURCE):
        queue, function = _named(source["EventSourceArn"]), _named(source["FunctionName"])
        hidden = float(queues[queue].get("VisibilityTimeout", 30))
        needed = _VISIBILITY * float(functions[function]["Timeout"])
        if not needed <= hidden <= _MAX_VISIBILITY_S:
            yield f"{queue} hides an event for {hidden:g} s, and {function} needs {needed:g}"


def one_failure_brings_one_event_back(stack: Stack) -> Iterator[str]:
    for name, source in stack.resources(SOURCE):
        if source.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield f"{name} brings whole batches back"


def what_dies_each_time_ends_in_a_dead_letter_queue(stack: Stack) -> Iterator[str]:
    queues = dict(stack.resources(QUEUE))
    for _, source in stack.resources(SOURCE):
        name = _named(source["EventSourceArn"])
        redrive = queues[name].get("RedrivePolicy", {})
        dead = _named(redrive.get("deadLetterTargetArn", ""))
        if dead not in queues or not 1 <= redrive.get("maxReceiveCount", 0) <= 1000:
            yield f"{name} has no dead-letter queue"
        elif queues[dead]["MessageRetentionPeriod"] < queues[name]["MessageRetentionPeriod"]:
            # The time counts from when an event first came.
            yield f"{dead} forgets sooner than {name}"


def everything_at_rest_is_encrypted(stack: Stack) -> Iterator[str]:
    for name, queue in stack.resources(QUEUE):
        if queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name} is not encrypted"
    for name, table in stack.resources(TABLE):
        if table.get("SSESpecification", {}).get("SSEEnabled") is not True:
            yield f"{name} is not encrypted"
    for name, bucket in stack.resources(BUCKET):
        if "ServerSideEncryptionConfiguration" not in bucket.get("BucketEncryption", {}):
            yield f"{name} is not encrypted"
        if set(bucket.get("PublicAccessBlockConfiguration", {}).values()) != {True}:
            yield f"{name} can be made public"


def nobody_may_more_than_is_needed(stack: Stack) -> Iterator[str]:
    for name, role in stack.resources("AWS::IAM::Role"):
        for statement in _statements(role):
            for resource in _list(statement["Resource"]):
                if str(resource).endswith(":*") or str(resource) == "*":
                    yield f"{name} may do something with {resource}"
            for action in _list(statement["Action"]):
                if "*" in action:
                    yield f"{name} may {action}"
        for arn in role.get("ManagedPolicyArns", []):
            if not arn.endswith("/AWSXRayDaemonWriteAccess"):
                yield f"{name} has all that is in {arn}"


def _statements(role: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for policy in role.get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def no_variable_holds_a_secret(stack: Stack) -> Iterator[str]:
    for name, function in stack.resources(FUNCTION):
        for variable in function.get("Environment", {}).get("Variables", {}):
            if _SECRET.search(variable):
                yield f"{name} has {variable}"


def logs_end(stack: Stack) -> Iterator[str]:
    groups = dict(stack.resources(LOGS))
    for name, group in groups.items():
        if not group.get("RetentionInDays"):
            yield f"{name} is kept for ever"
    for name, function in stack.resources(FUNCTION):
        if _named(function.get("LoggingConfig", {}).get("LogGroup", "")) not in groups:
            yield f"{name} logs elsewhere"


def alarms_ring(stack: Stack) -> Iterator[str]:
    alarms = [alarm for _, alarm in stack.resources(ALARM)]
    for name, _ in stack.resources(FUNCTION):
        if not any(one["MetricName"] == "Errors" and name in json.dumps(one) for one in alarms):
            yield f"nobody hears that {name} fails"
    for _, queue in stack.resources(QUEUE):
        if "RedrivePolicy" in queue:
            dead = _named(queue["RedrivePolicy"]["deadLetterTargetArn"])
            if not any(_watches(one, dead) for one in alarms):
                yield f"nobody hears that something is in {dead}"
    if not any(one["TreatMissingData"] == "breaching" for one in alarms):
        yield "nobody hears silence"
    for alarm in alarms:
        # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
        longest = 604_800 if alarm["Period"] >= 3600 else 86_400
        if alarm["Period"] * int(alarm["EvaluationPeriods"]) > longest:
            yield f"{alarm['AlarmName']} looks back too far"
        if stack.parameters["AlarmEmail"] and not alarm.get("AlarmActions"):
            yield f"{alarm['AlarmName']} tells nobody"


def _watches(alarm: Mapping[str, Any], queue: str) -> bool:
    return alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and queue in json.dumps(
        alarm
    )


def floods_are_held_back(stack: Stack) -> Iterator[str]:
    for name, stage in stack.resources("AWS::ApiGatewayV2::Stage", "AWS::ApiGateway::Stage"):
        settings = [stage.get("DefaultRouteSettings", {}), *stage.get("MethodSettings", [])]
        if not any(one.get("ThrottlingRateLimit") for one in settings):
            yield f"{name} takes any number of requests"


def everything_is_tagged(stack: Stack) -> Iterator[str]:
    for name, resource in stack.template["Resources"].items():
        if resource["Type"] in _HAS_TAGS and "almahook" not in json.dumps(
            resource["Properties"].get("Tags", "")
        ):
            yield f"{name} has no tag"


def only_the_api_may_call_a_function(stack: Stack) -> Iterator[str]:
    for name, permission in stack.resources("AWS::Lambda::Permission"):
        if "SourceArn" not in permission:
            yield f"{name} lets any API of anybody in"


def mapping_templates_make_json(stack: Stack) -> Iterator[str]:
    for name, method in stack.resources(METHOD):
        integration = method["Integration"]
        for kind, text in integration["RequestTemplates"].items():
            if fault := _fault(text, '{"action":"LOAN"}'):
                yield f"the mapping template of {name}, {kind} {fault}"
        for response in integration["IntegrationResponses"]:
            for text in response.get("ResponseTemplates", {}).values():
                given = '{"errorMessage":"Refused: {\\"error\\":\\"x\\"}"}'
                if fault := _fault(text, given):
                    yield f"the mapping template of {name}, {response['StatusCode']} {fault}"


@cache
def _fault(text: str, body: str) -> str:
    query = {"challenge": 'a","x":"y'}
    given = Input(body, path={"profile": "main"}, query=query, headers={"X-Exl-Signature": '"'})
    try:
        made = json.loads(render(text, given)[0])
    except Exception as error:  # noqa: BLE001 - whatever a broken template makes of the engine
        return f"is broken: {type(error).__name__}"
    return "lets a challenge break out" if "x" in made and "challenge" in made else ""


def no_failure_is_told_as_success(stack: Stack) -> Iterator[str]:
    for name, method in stack.resources(METHOD):
        declared = {one["StatusCode"] for one in method["MethodResponses"]}
        responses = method["Integration"]["IntegrationResponses"]
        for response in responses:
            if response["StatusCode"] not in declared:
                yield f"{name} does not declare {response['StatusCode']}"
        defaults = [one for one in responses if not one.get("SelectionPattern")]
        if len(defaults) != 1 or int(defaults[0]["StatusCode"]) < 400:
            yield f"{name} answers what it does not know with success"
        if method["Integration"]["Type"] == "AWS":
            yield from _misread(name, responses)


def _misread(name: str, responses: list[Mapping[str, Any]]) -> Iterator[str]:
    for response in responses:
        pattern = response.get("SelectionPattern")
        if not pattern:
            continue
        try:
            read = [text for text in _FAILURES if re.fullmatch(pattern, text)]
        except re.error:
            yield f"{name} has a pattern that is none: {pattern}"
            continue
        if read and int(response["StatusCode"]) in _GIVEN_UP:
            yield f"{name} answers {response['StatusCode']} to {read[0]!r}"


def bodies_reach_the_function_by_a_template_only(stack: Stack) -> Iterator[str]:
    for name, method in stack.resources(METHOD):
        integration = method["Integration"]
        if integration["Type"] == "AWS" and integration.get("PassthroughBehavior") != "NEVER":
            yield f"{name} hands on what has another type as it is"


RULES: tuple[Rule, ...] = (
    runtimes_exist,
    timeouts_are_within_the_limits,
    events_stay_hidden_while_a_function_may_work_on_them,
    one_failure_brings_one_event_back,
    what_dies_each_time_ends_in_a_dead_letter_queue,
    everything_at_rest_is_encrypted,
    nobody_may_more_than_is_needed,
    no_variable_holds_a_secret,
    logs_end,
    alarms_ring,
    floods_are_held_back,
    everything_is_tagged,
    only_the_api_may_call_a_function,
    mapping_templates_make_json,
    no_failure_is_told_as_success,
    bodies_reach_the_function_by_a_template_only,
)


def _named(reference: Any) -> str:
    """Return the resource that a reference is to."""
    if isinstance(reference, Mapping):
        ((_, target),) = reference.items()
        return str(target[0] if isinstance(target, list) else target)
    return str(reference)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
