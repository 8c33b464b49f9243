"""``almahook aws check``: whether the deployed listener answers as Alma needs it to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from almahook.cli.aws_options import Shape, ShapeOption
from almahook.cli.common import FAILED, JSONOption, SettingsOption, print_json
from almahook.cli.lookup import ProfileOption, SecretOption
from almahook.cli.page import Page, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from almahook.cli.finding import Finding
    from almahook.cli.letter import Letter
    from almahook.cli.post import Answer

# An action that Alma does not have, so that no handler runs.
_ACTION = "ALMAHOOK_CHECK"


def check_aws(
    url: Annotated[
        str | None,
        typer.Argument(help="The listener URL; without it, that of the stack.", show_default=False),
    ] = None,
    *,
    shape: ShapeOption = Shape.QUEUE,
    secret: SecretOption = None,
    profile: ProfileOption = None,
    settings: SettingsOption = None,
    as_json: JSONOption = False,
) -> None:
    """Ask the deployed listener a challenge, and send it a signed test event and a forged one.

    No handler takes the test event. Ends with 1 if one answer is not what Alma needs.
    """
    from dataclasses import asdict

    address, signing = _target(url, shape, secret, profile, settings)
    found = []
    for finding in _findings(address, signing, shape):
        found.append(finding)
        if not as_json:
            Page().finding(finding.state, finding.text, fix=finding.fix)
    is_ok = not any(finding.state == "problem" for finding in found)
    if as_json:
        print_json({"ok": is_ok, "url": address, "findings": [asdict(one) for one in found]})
    if not is_ok:
        raise typer.Exit(FAILED)


def _target(
    url: str | None, shape: Shape, secret: str | None, profile: str | None, settings: Path | None
) -> tuple[str, bytes]:
    """Find out where to send, and how to sign."""
    from almahook.cli.aws_folder import existing_folder
    from almahook.cli.aws_outputs import deployed_url
    from almahook.cli.aws_project import SETTINGS
    from almahook.cli.lookup import choose_profile, given_secret, known_settings, profile_secrets

    if url is not None and secret is not None:
        return url, given_secret(secret)
    folder = existing_folder(settings)
    address = url or deployed_url(folder, shape)
    known = known_settings(folder / SETTINGS)
    name = choose_profile(known, profile, url=address)
    if url is None:
        address = f"{address.rpartition('/')[0]}/{name}"
    return address, given_secret(secret) if secret else profile_secrets(known, name)[0]


def _findings(url: str, secret: bytes, shape: Shape) -> "Iterator[Finding]":
    from almahook.app.first_run import new_secret
    from almahook.cli.challenge_verdict import challenge
    from almahook.cli.finding import Finding

    verdict = challenge(url)
    state: State = "ok" if verdict.as_documented else "warning" if verdict.ok else "problem"
    yield Finding(
        check="challenge", state=state, text=f"Challenge: {verdict.says}", fix=verdict.fix
    )
    if verdict.status is None:
        # Nobody is there to be asked further.
        return
    yield _forged(_sent(url, new_secret().encode()))
    yield _genuine(_sent(url, secret), shape)


def _sent(url: str, secret: bytes) -> "Answer":
    from almahook.cli.post import post

    answers: list[Answer] = []
    post([_letter()], to=url, secret=secret, on_answer=answers.append)
    return answers[0]


def _letter() -> "Letter":
    import msgspec

    from almahook.cli.letter import Letter

    document = {"id": str(uuid4()), "action": _ACTION}
    return Letter(id=document["id"], body=msgspec.json.encode(document))


def _forged(answer: "Answer") -> "Finding":
    from almahook.cli.finding import ok, problem

    # 503 is refuse_status of a profile that wants Alma to try again.
    if answer.status in {401, 503}:
        return ok("forged", f"Forged event: refused, {_told(answer)}")
    return problem(
        "forged",
        f"Forged event: not refused as one, {_told(answer)}",
        answer.fix or "Look into the log of the function.",
    )


def _genuine(answer: "Answer", shape: Shape) -> "Finding":
    from almahook.cli.finding import ok, problem

    if answer.outcome == "delivered":
        return ok("signed", f"Signed event: taken in, {_told(answer)}")
    if shape is Shape.DIRECT and answer.status == 400:  # noqa: PLR2004 - what says that no handler takes it
        return ok("signed", f"Signed event: verified, and no handler takes it, {_told(answer)}")
    fix = answer.fix or "Compare the secret, and look into the log of the function."
    return problem("signed", f"Signed event: not taken in, {_told(answer)}", fix)


def _told(answer: "Answer") -> str:
    status = f"HTTP {answer.status}" if answer.status else "no answer"
    took = f"{status} after {answer.seconds * 1000:.0f} ms"
    return f"{took}{'. ' if answer.says else ''}{answer.says}"
