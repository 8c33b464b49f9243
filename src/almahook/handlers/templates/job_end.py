"""Texts the person whose job has finished."""

from almahook import Context, GiveUp, JobEnd, Skip
from almahook.errors import AlmaNotFoundError, InvalidNumberError

ENDINGS = {
    "COMPLETED_SUCCESS": "has completed.",
    "COMPLETED_NO_BULKS": "has completed.",
    "COMPLETED_WARNING": "has completed with warnings.",
    "COMPLETED_FAILED": "has completed with errors.",
    "FAILED": "has failed.",
}


def process(event: JobEnd, ctx: Context) -> Skip | None:
    """Look up who submitted the job, and send one text."""
    if not event.is_from_person:
        return Skip("no person submitted this job")
    try:
        user = ctx.alma.get_user(event.submitted_by)
    except AlmaNotFoundError:
        return Skip("Alma has no user of the submitter's name")
    if not user.sms_number:
        return Skip("the submitter has no phone marked preferred_sms")
    text = f"The job {event.name} {ENDINGS.get(event.status, 'has ended without completing.')}"
    try:
        ctx.once("text", ctx.notify.sms, user.sms_number, text)
    except InvalidNumberError:
        raise GiveUp("the submitter's number is not a valid phone number") from None
    return None
