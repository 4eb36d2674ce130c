#!/bin/sh
# bench/run.sh BIN_DIR [arguments]: the entry point of ./dev bench. run.py --help lists them.
exec python3 -B "$(dirname "$0")/run.py" "$@"
