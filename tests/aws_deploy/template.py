"""A template as CloudFormation sees it: transformed by SAM, with its parameters put in."""

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import boto3
from cfnlint.decode import cfn_yaml
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

REGION = "us-east-1"
ACCOUNT = "000000000000"
_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackName": "almahook",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": None,
}


def load(file: Path) -> dict[str, Any]:
    """Read a template as it is written."""
    plain: dict[str, Any] = json.loads(json.dumps(cfn_yaml.load(str(file))))
    return plain


def translated(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return what SAM makes of a template; what it warns of is an error."""
    copy = json.loads(json.dumps(template))
    for resource in copy["Resources"].values():
        if "CodeUri" in resource.get("Properties", {}):
            # As sam deploy has it, once the file is uploaded.
            resource["Properties"]["CodeUri"] = "s3://bucket/function.zip"
    said: list[str] = []
    handler = logging.Handler(logging.WARNING)
    # Its own count of what it is used for says that nobody collects it.
    handler.addFilter(lambda record: not record.name.startswith("samtranslator.metrics"))
    handler.emit = lambda record: said.append(record.getMessage())
    log = logging.getLogger("samtranslator")
    log.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            session = boto3.Session(region_name=REGION)
            translator = Translator({}, Parser(), boto_session=session)
            made: dict[str, Any] = translator.translate(copy, parameter_values={})
    finally:
        log.removeHandler(handler)
    assert said == [], said
    return made


class Stack:
    """A template with values for its parameters; functions are resolved where they can be.

    What only a deployed resource knows stays as the template writes it.
    """

    def __init__(self, template: Mapping[str, Any], **parameters: Any) -> None:
        self.template = template
        declared = template.get("Parameters", {})
        self.parameters = {
            name: parameters.get(name, one.get("Default", "")) for name, one in declared.items()
        }

    def resources(self, *kinds: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Give the resources of some kinds, or all, with their properties resolved."""
        for name, resource in self.template["Resources"].items():
            if not kinds or resource["Type"] in kinds:
                yield name, self.resolve(resource.get("Properties", {}))

    def resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            found = [self.resolve(one) for one in value]
            return [one for one in found if one is not None]
        if not isinstance(value, Mapping):
            return value
        if len(value) == 1:
            ((key, inner),) = value.items()
            if key in self._FUNCTIONS:
                return self._FUNCTIONS[key](self, inner)
        found = {key: self.resolve(inner) for key, inner in value.items()}
        return {key: inner for key, inner in found.items() if inner is not None}

    def _ref(self, name: str) -> Any:
        return {**_PSEUDO, **self.parameters}.get(name, {"Ref": name})

    def _if(self, parts: list[Any]) -> Any:
        name, then, otherwise = parts
        return self.resolve(then if self._condition(name) else otherwise)

    def _condition(self, name: str) -> bool:
        return bool(self.resolve(self.template["Conditions"][name]))

    def _in_map(self, parts: list[Any]) -> Any:
        name, key, second = (self.resolve(part) for part in parts)
        return self.template["Mappings"][name][str(key)][second]

    def _equals(self, parts: list[Any]) -> bool:
        one, other = (self.resolve(part) for part in parts)
        return str(one) == str(other)

    def _not(self, parts: list[Any]) -> bool:
        return not self.resolve(parts[0])

    def _sub(self, text: Any) -> Any:
        filled = str(text)
        for name, known in {**_PSEUDO, **self.parameters}.items():
            filled = filled.replace(f"${{{name}}}", str(known))
        return filled

    _FUNCTIONS: ClassVar = {
        "Ref": _ref,
        "Fn::If": _if,
        "Fn::FindInMap": _in_map,
        "Fn::Equals": _equals,
        "Fn::Not": _not,
        "Fn::Sub": _sub,
    }
