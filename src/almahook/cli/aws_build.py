"""``almahook aws build``: the zip files of the functions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.aws_options import Shape, ShapeOption
from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.page import Page

if TYPE_CHECKING:
    from almahook.cli.aws_bundle import Bundle
    from almahook.cli.aws_target import Target


def build_aws(
    *,
    shape: ShapeOption = Shape.QUEUE,
    python: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="The Python of the functions; without it, that of samconfig.toml.",
            show_default=False,
        ),
    ] = None,
    architecture: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Their processor, arm64 or x86_64; without it, that of samconfig.toml.",
            show_default=False,
        ),
    ] = None,
    requirements: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="What the handlers import; requirements.txt beside almahook.toml if it is there.",
            show_default=False,
        ),
    ] = None,
    include: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="A file or a package of yours that handlers import; may be repeated.",
        ),
    ] = None,
    settings: SettingsOption = None,
    as_json: JSONOption = False,
) -> None:
    """Make the zip files of the functions, with the handlers in them.

    The packages are in the versions that are installed here. The same input makes the same bytes.
    """
    from almahook.cli.aws_advice import advice
    from almahook.cli.aws_bundle import build_bundles, load_project
    from almahook.cli.aws_folder import existing_folder, sam_config
    from almahook.cli.aws_target import Target

    folder = existing_folder(settings)
    chosen = sam_config(folder, shape).target
    target = Target(
        python=python or chosen.python, architecture=architecture or chosen.architecture
    )
    project = load_project(folder, shape, requirements=requirements, include=include or [])
    made = list(build_bundles(project, target))
    said = list(advice(project, made, target.python))
    if as_json:
        files = [{"file": one.file, "bytes": one.size, "compiled": one.is_compiled} for one in made]
        print_json({"target": target.label, "files": files, "advice": said})
    else:
        _tell(made, target, said, shape)


def _tell(made: "list[Bundle]", target: "Target", said: list[str], shape: Shape) -> None:
    page = Page()
    for one in made:
        page.text(f"made  {one.file}  {one.size / 1024:,.0f} KiB, {target.label}")
    for text in said:
        page.finding("warning", text)
    page.text()
    page.text("Next:")
    page.copy(f"almahook aws deploy{shape.option}")
