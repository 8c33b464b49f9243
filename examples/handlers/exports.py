"""Says where the file of a finished export is. M47 is the job "Export Physical Items"."""

from almahook import Context, JobEnd, Skip, on

LINK = "c.jobs.bibExport.link"


# An export that is completed with errors has a file all the same.
@on("JOB_END", job="M47", status="COMPLETED_*")
def announce(event: JobEnd, ctx: Context) -> Skip | None:
    """Write the file's name to the chat."""
    file = event.counter_text(LINK)
    if not file:
        return Skip("the job has made no file")
    ctx.once("chat", ctx.notify.chat, f"{event.name}: {file}")
    return None


@on("JOB_END", job="M47", status=["FAILED", "*_ABORTED"])
def complain(event: JobEnd, ctx: Context) -> None:
    """Say that there is no file."""
    ctx.once("chat", ctx.notify.chat, f"{event.name} has failed.")
