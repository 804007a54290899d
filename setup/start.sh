#!/bin/sh
# Finds Python 3.11 or newer and starts the set-up with it: sh setup/start.sh STEP
# The environment's own Python comes first, so that everything after the first time is quick.
set -eu
cd "$(dirname "$0")/.."

recent_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# -S and -E: the set-up needs the standard library alone, and starts faster without looking further.
if [ -x .venv/bin/python ] && recent_enough .venv/bin/python; then
    exec .venv/bin/python -E -S -m setup "$@"
fi
for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null 2>&1 && recent_enough "$name"; then
        exec "$name" -E -S -m setup "$@"
    fi
done

echo "VidCompute needs Python 3.11 or newer, and none was found." >&2
echo "  Debian 12, Ubuntu 24.04 or newer:  apt-get install python3 python3-venv" >&2
echo "  Elsewhere: install it, or name one:  PYTHON=/path/to/python3 make run" >&2
exit 1
