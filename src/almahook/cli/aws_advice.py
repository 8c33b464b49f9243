"""What is said beside a build: what will not work there, or not as well."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from almahook.cli.aws_bundle import Bundle, Project
from almahook.cli.aws_permissions import (
    CLOUDFORMATION,
    handler_references,
    permissions,
    webhook_references,
)
from almahook.config import Reference


def advice(project: Project, made: Sequence[Bundle], python: str) -> Iterator[str]:
    """Give sentences for the person who builds."""
    if not all(one.is_compiled for one in made):
        yield (
            f"There is no Python {python} here, so nothing is compiled, and a first call takes "
            "about twice as long. With it here the files get .pyc files."
        )
    template = _read(project.folder / project.shape / "template.yaml")
    for reference in (*webhook_references(project.settings), *handler_references(project.settings)):
        if text := _about(reference, template):
            yield f"{reference}: {text}"


def _about(reference: Reference, template: str) -> str:
    if reference.scheme == "file":
        return "a function has no such file. Write aws-secretsmanager:NAME."
    if reference.scheme == "env":
        return "a function has this variable only if a template sets it."
    allowed = (one for some in permissions([reference], CLOUDFORMATION).values() for one in some)
    if template and any(resource not in template for resource in allowed):
        return "the template does not let a function read it. Type: almahook aws init --overwrite"
    return ""


def _read(template: Path) -> str:
    try:
        return template.read_text(encoding="utf-8")
    except OSError:
        # Who deploys by Terraform may have removed it.
        return ""
