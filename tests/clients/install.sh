#!/usr/bin/env bash
# Brings opencode's published clients and the MCP conformance suite for the tests, at the versions pinned beside this file: all by
# npm, but opencode's Python SDK by pip. They go into .clients (or $OPENCODE_CLIENTS), apart from the server's own environment.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
target="${OPENCODE_CLIENTS:-$here/../../.clients}"
python="${PYTHON:-python3}"
pins="$(cat "$here/package.json" "$here/requirements.txt")"
if [ "$(cat "$target/installed" 2>/dev/null)" = "$pins" ]; then
    exit 0
fi
mkdir -p "$target"
cp "$here/package.json" "$target/"
npm install --prefix "$target" --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error
rm -rf "$target/python"
"$python" -m venv "$target/python"
"$target/python/bin/python" -m pip install -q --disable-pip-version-check -r "$here/requirements.txt"
printf '%s\n' "$pins" >"$target/installed"
