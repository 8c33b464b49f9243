#!/bin/sh
# Puts uv into .tools with whatever way this Python has to install a package.
set -eu
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "almahook needs Python 3.11 or later; '$PYTHON' is $("$PYTHON" -V 2>&1). Say which to use: make PYTHON=/path/to/python3.11" >&2
    exit 1
}
rm -rf .tools
echo "Setting up: uv"
if "$PYTHON" -m venv .tools >/dev/null 2>&1; then
    .tools/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/uv.txt
elif "$PYTHON" -m pip --version >/dev/null 2>&1; then
    # A Debian Python without ensurepip, but with pip.
    rm -rf .tools
    "$PYTHON" -m pip install -q --disable-pip-version-check --require-hashes --target .tools -r requirements/uv.txt
else
    rm -rf .tools
    echo "This Python can install nothing: it has neither venv nor pip. On Debian: apt-get install python3-venv" >&2
    exit 1
fi
touch .tools/bin/uv
