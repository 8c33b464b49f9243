"""``almahook sign``: the signature of exact bytes, and why one does not match."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import FAILED, JSONOption, SettingsOption, print_json
from almahook.cli.lookup import (
    ProfileOption,
    SecretOption,
    choose_profile,
    given_secret,
    known_settings,
    profile_secrets,
    read_input,
)
from almahook.cli.page import Page

if TYPE_CHECKING:
    from almahook.errors import SignatureError

_FIX = (
    "Sign the bytes that were received, before anything reads them as text or as JSON, and enter "
    "the secret in Alma without anything around it."
)


def sign(
    file: Annotated[
        Path,
        typer.Argument(help="The file whose exact bytes are signed; - reads the standard input."),
    ],
    *,
    secret: SecretOption = None,
    profile: ProfileOption = None,
    verify: Annotated[
        str | None,
        typer.Option(
            help="Check this X-Exl-Signature instead, and say why it does not match.",
            metavar="SIGNATURE",
        ),
    ] = None,
    settings: SettingsOption = None,
    as_json: JSONOption = False,
) -> None:
    """Print the X-Exl-Signature that Alma would send with a file.

    With --verify it tells which secret has made a signature, and ends with 1 if none has.
    """
    from almahook.protocol import sign as sign_body

    body = read_input(file)
    secrets = _secrets(secret, profile, settings)
    if verify is not None:
        _verify(body, verify, secrets, as_json=as_json)
        return
    signature = sign_body(body, secret=secrets[0])
    if as_json:
        print_json({"signature": signature, "bytes": len(body)})
    else:
        typer.echo(signature)


def _secrets(secret: str | None, profile: str | None, settings: Path | None) -> list[bytes]:
    if secret is not None:
        return [given_secret(secret)]
    known = known_settings(settings)
    return profile_secrets(known, choose_profile(known, profile))


def _verify(body: bytes, signature: str, secrets: list[bytes], *, as_json: bool) -> None:
    """Say which secret matches, or what would."""
    from almahook.errors import SignatureError
    from almahook.protocol import verify

    try:
        number = verify(body, signature=signature, secrets=secrets) + 1
    except SignatureError as error:
        _tell_cause(body, signature, secrets, why=error, as_json=as_json)
        raise typer.Exit(FAILED) from None
    if as_json:
        print_json({"ok": True, "secret_number": number})
    else:
        Page().finding("ok", f"Secret {number} of {len(secrets)} has made this signature.")


def _tell_cause(
    body: bytes, signature: str, secrets: list[bytes], *, why: "SignatureError", as_json: bool
) -> None:
    from almahook.cli.causes import find_cause

    cause = find_cause(body, signature=signature, secrets=secrets)
    if as_json:
        found = None if cause is None else {"number": cause.secret_number, "changes": cause.words}
        print_json({"ok": False, "code": why.code, "would_match": found})
    elif cause is None:
        Page().finding(
            "problem",
            f"{why.message} Nor would it match after any of the usual changes of these "
            f"{len(body):,} bytes or of the secret.",
            fix="Compare the secret in Alma with the one here, and make sure that the file holds "
            "exactly what was received.",
        )
    else:
        changes = ", and ".join(cause.words)
        text = f"{why.message} It would match, with secret {cause.secret_number}: {changes}."
        Page().finding("problem", text, fix=_FIX)
