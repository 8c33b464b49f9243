"""``python -m bench.servers MODULE PORT FOLDER``: run a server in this process."""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    module, port, folder = sys.argv[1:]
    import_module(f"bench.servers.{module}").serve(int(port), Path(folder))
