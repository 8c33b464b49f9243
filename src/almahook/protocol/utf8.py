"""The encoding of every message."""


def is_utf8(body: bytes) -> bool:
    """Say whether the bytes are UTF-8: Alma sends nothing else."""
    if body.isascii():
        return True
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
