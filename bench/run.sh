#!/bin/sh
# bench/run.sh BIN_DIR [--quick] [--soak] [--soak-spans N]: the entry point of ./dev bench.
exec python3 "$(dirname "$0")/run.py" "$@"
