"""Hands changed records to an indexer as files, one per record."""

from pathlib import Path

from almahook import BibEvent, Context, GiveUp, on

FOLDER = Path("records")


@on("BIB", coalesce=30, concurrency=2)
def process(event: BibEvent, ctx: Context) -> None:
    """Write the newest state of a record; of a burst of edits only the last is worth the work."""
    mms_id = event.mms_id
    if not mms_id.isdigit():
        # Text of a message becomes part of a path only if it is known to be harmless.
        raise GiveUp("the record's id is not a number")
    file = FOLDER / f"{mms_id}.xml"
    if event.event == "BIB_DELETED":
        file.unlink(missing_ok=True)
        ctx.log.info("removed %s", file.name)
        return
    FOLDER.mkdir(exist_ok=True)
    file.write_text(event.marcxml, encoding="utf-8")
    ctx.log.info("wrote %s", file.name)
