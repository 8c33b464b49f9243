"""Opens the port before anything else is done, so that one that is taken costs nothing."""

import errno
import socket
from collections.abc import Iterator

from almahook.errors import ConfigurationError

# From the first moment on: who cannot wait in the queue tries again after a second.
_BACKLOG = 2048
_FIXES = {
    errno.EADDRINUSE: "another program listens there. Stop it, or take another port: --port {next}",
    errno.EACCES: "only root may listen on ports below 1024. Take --port 8080, and put a proxy in "
    "front of it (docs/deploy.md)",
    errno.EADDRNOTAVAIL: "this machine does not have this address. 127.0.0.1 is this machine only, "
    "0.0.0.0 is all of its addresses",
}


def open_port(host: str, port: int) -> list[socket.socket]:
    """Open a port on every address that a host name stands for.

    Raises:
        ConfigurationError: It cannot be opened; the text says what to do.
    """
    opened: list[socket.socket] = []
    failure: OSError | None = None
    for family, address in _addresses(host, port):
        try:
            opened.append(socket.create_server(address, family=family, backlog=_BACKLOG))
        except OSError as error:
            failure = error
            if error.errno == errno.EADDRINUSE:
                break
        if port == 0 and opened:
            # On a second address the free port would be another one.
            return opened
    if failure is not None and (not opened or failure.errno == errno.EADDRINUSE):
        for one in opened:
            one.close()
        raise ConfigurationError(f"Cannot listen on {host}, port {port}: {_fix(failure, port)}.")
    return opened


def _addresses(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise ConfigurationError(
            f"Cannot listen on {host}: no machine is called so. 127.0.0.1 is this machine only, "
            "0.0.0.0 is all of its addresses."
        ) from None
    for family, _, _, _, address in dict.fromkeys(found):
        yield family, (str(address[0]), int(address[1]))


def _fix(failure: OSError, port: int) -> str:
    fix = _FIXES.get(failure.errno or 0)
    # 65535 has no next one.
    return fix.format(next=port % 65535 + 1) if fix else failure.strerror or str(failure)
