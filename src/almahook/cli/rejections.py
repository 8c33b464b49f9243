"""``almahook rejections``: what was refused, and why."""

import typer

from almahook.cli.rejections_list import list_rejections
from almahook.cli.rejections_recheck import recheck_rejections
from almahook.cli.rejections_show import show_rejection

rejections = typer.Typer(help="Look at what was refused, and take it in after all.")

rejections.command("list")(list_rejections)
rejections.command("show")(show_rejection)
rejections.command("recheck")(recheck_rejections)
