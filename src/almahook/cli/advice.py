"""What a person can do about a refused request: pure."""

_COMPARE = (
    "Compare the secret of the integration profile in Alma with profiles.{profile}.secrets. After "
    "a correction, restart the listener; almahook rejections recheck then takes in what was "
    "refused."
)

_BY_CODE = {
    "signature.mismatch": (
        _COMPARE + " If they are alike, something between Alma and the listener changes the body."
    ),
    "signature.missing": (
        "It was not signed. If Alma sent it, enter a secret in the integration profile in Alma; "
        "if not, there is nothing to do."
    ),
    "signature.malformed": (
        "Alma does not sign like this. Either it is not from Alma, or something between Alma and "
        "the listener changes the header X-Exl-Signature."
    ),
    "signature.no_secret": (
        "Write where the secret is into the settings, profiles.{profile}.secrets, and restart the "
        "listener. Alma sends the event again."
    ),
    "request.unknown_profile": (
        "The listener URL in Alma must end in the name of a profile of the settings: "
        "/webhooks/main for [profiles.main]. Alma does not send the event again."
    ),
    "request.method": (
        "Alma sends GET and POST only, so this was somebody else. There is nothing to do."
    ),
    "challenge.missing": (
        "Somebody has opened the address, in a browser for example. There is nothing to do."
    ),
    "body.too_large": (
        "If it is from Alma, raise max_body_bytes, and look whether a proxy has a limit too. Alma "
        "does not send the event again."
    ),
    "body.missing": (
        "The request announced a body that did not arrive. Alma sends the event again. If it "
        "happens often, the proxy in front of it asks for another protocol (Upgrade: h2c)."
    ),
    "body.slow": (
        "The body did not arrive within body_timeout_s. Alma sends the event again. If it happens "
        "often, look at the proxy in front of the listener."
    ),
}

_BODY = (
    "It was signed with your secret, and is no message of Alma's all the same. If Alma has sent "
    "it, please report it, without the body if that names readers."
)


def advice(code: str, *, profile: str) -> str:
    """Say what to do about a refusal with this code; empty when nothing is known."""
    text = _BY_CODE.get(code, _BODY if code.startswith("body.") else "")
    return text.replace("{profile}", profile)
