#!/bin/sh
# node-problem-detector custom plugin: `portwatch check` with the exit codes that it wants.
#
#   portwatch check    here    meaning for node-problem-detector
#   0 OK               0       fine
#   1 WARNING          0       fine; half of a range is no problem of the node. 1 with --warning-too
#   2 CRITICAL         1       problem
#   anything else      2       unknown, condition is left as it is
#
# Other arguments are passed on to `portwatch check`. PORTWATCH names another program, for the test.
set -u

warning=0
if [ "${1:-}" = "--warning-too" ]; then
    warning=1
    shift
fi

# One line, for it becomes the message of the condition; perfdata (after |) has no use there.
output=$("${PORTWATCH:-portwatch}" check "$@" 2>/dev/null)
code=$?
line=$(printf '%s\n' "$output" | head -n 1)
line=${line%% | *}

case $code in
0) result=0 ;;
1) result=$warning ;;
2) result=1 ;;
*) result=2 ;;
esac
printf '%s\n' "${line:-portwatch check ended with $code}"
exit "$result"
