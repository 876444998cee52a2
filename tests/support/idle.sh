#!/bin/sh
# idle.sh COMMAND...: at the lowest priority that this machine knows.
if chrt --idle 0 true 2>/dev/null; then exec chrt --idle 0 "$@"; fi
exec nice -n 19 "$@"
