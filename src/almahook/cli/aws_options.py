"""Options that the commands for AWS share."""

from enum import StrEnum
from typing import Annotated

import typer


class Shape(StrEnum):
    """What can be deployed."""

    # HTTP API, receive function, queue, work function.
    QUEUE = "queue"
    # REST API without proxy, one function.
    DIRECT = "direct"

    @property
    def option(self) -> str:
        """What is added to a command that means this one."""
        return "" if self is Shape.QUEUE else f" --shape {self}"


ShapeOption = Annotated[Shape, typer.Option("--shape", help="Which of the two shapes.")]
PythonOption = Annotated[
    str, typer.Option("--python", metavar="VERSION", help="The Python of the functions.")
]
ArchitectureOption = Annotated[
    str,
    typer.Option("--architecture", metavar="NAME", help="Their processor: arm64 or x86_64."),
]
