"""``almahook simulate``: the pretend Alma alone."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.lookup import (
    ProfileOption,
    SecretOption,
    choose_profile,
    given_secret,
    known_settings,
    profile_of,
    profile_secrets,
)
from almahook.cli.page import Page

if TYPE_CHECKING:
    from almahook.simulator import ChallengeResult, Simulator
    from almahook.simulator.profile import MessageType

PORT = 8090


def simulate(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="The port; 0 takes a free one.", min=0, max=65535)
    ] = PORT,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="URL",
            help="A listener URL, to make and activate an integration profile for.",
            show_default=False,
        ),
    ] = None,
    profile: ProfileOption = None,
    secret: SecretOption = None,
    xml: Annotated[bool, typer.Option("--xml", help="Send XML to that profile.")] = False,
    time_scale: Annotated[
        float, typer.Option(help="How many times faster Alma's hours pass.", min=0.001)
    ] = 1.0,
    seed: Annotated[
        int | None, typer.Option(help="The same messages and the same API key each time.")
    ] = None,
    settings: SettingsOption = None,
    as_json: JSONOption = False,
) -> None:
    """Run a pretend Alma: it sends signed events, and answers the REST API that handlers call.

    Everything in it is invented. It runs until Ctrl-C, and has no password: leave it on 127.0.0.1.
    """
    from almahook.simulator import serve

    name = profile or (profile_of(to) if to else "") or "main"
    shared = _secret(secret, profile, settings, to) if to else ""

    def begin(alma: "Simulator") -> None:
        result = None
        if to:
            kind: MessageType = "XML" if xml else "JSON"
            made = alma.add_profile(name, url=to, secret=shared, message_type=kind)
            result = alma.activate(made)
        if as_json:
            _print(alma, name, result)
        else:
            _tell(alma, name, to, result)

    serve(host, port, time_scale=time_scale, seed=seed, on_ready=begin)


def _secret(secret: str | None, profile: str | None, settings: Path | None, to: str) -> str:
    if secret is not None:
        return given_secret(secret).decode("utf-8", "replace")
    known = known_settings(settings)
    return profile_secrets(known, choose_profile(known, profile, url=to))[0].decode("utf-8")


def _print(alma: "Simulator", name: str, result: "ChallengeResult | None") -> None:
    from dataclasses import asdict

    print_json(
        {
            "api_url": alma.api_url,
            "api_key": alma.api_key,
            "profile": name if result else None,
            "challenge": asdict(result) if result else None,
        }
    )


def _tell(alma: "Simulator", name: str, to: str | None, result: "ChallengeResult | None") -> None:
    page = Page()
    page.text(f"A pretend Alma runs on {alma.api_url}. Ctrl-C ends it.")
    page.text()
    page.text("For your handlers, in almahook.toml under [profiles.main]:")
    page.copy(f'api_url = "{alma.api_url}"')
    page.text("and in .env:")
    page.copy(f"ALMAHOOK_API_KEY={alma.api_key}")
    page.text()
    if result is None:
        page.text("Tell it where your listener is; it sends the challenge and says how it went:")
        page.copy(_ADD.format(url=alma.api_url))
    elif result.ok:
        page.finding("ok", f"The profile {name} is active: {to} has answered the challenge.")
    else:
        page.finding(
            "problem",
            f"The profile {name} is pending activation: {result.reason}.",
            fix=f"Start the listener, and begin again; almahook challenge {to} says more.",
        )
    page.text()
    page.text("Let something happen, and see what was sent:")
    page.copy(_FIRE.format(url=alma.api_url))


_ADD = """\
curl {url}/simulator/profiles -d \\
  '{{"name": "main", "url": "http://127.0.0.1:8080/webhooks/main", "secret": "…"}}'"""
_FIRE = """\
curl {url}/simulator/fire -d '{{"action": "LOAN", "event": "LOAN_RETURNED"}}'
curl {url}/simulator/fire -d '{{"action": "JOB_END", "count": 20}}'
curl {url}/simulator/log"""
