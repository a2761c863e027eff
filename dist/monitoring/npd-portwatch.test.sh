#!/bin/sh
# Tests the mapping of exit codes in npd-portwatch.sh with a stand-in for portwatch.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

cat >"$dir/portwatch" <<'END'
#!/bin/sh
[ -z "${LINE:-}" ] || printf '%s\n' "$LINE"
echo "noise" >&2
printf '%s\n' "$*" >"${0%/*}/arguments"
exit "$CODE"
END
chmod +x "$dir/portwatch"

failed=0
# expect CODE-OF-PORTWATCH EXPECTED-CODE EXPECTED-OUTPUT [ARGUMENT...]
expect() {
    code=$1 want=$2 text=$3
    shift 3
    got=0
    out=$(PORTWATCH="$dir/portwatch" CODE=$code sh "$here/npd-portwatch.sh" "$@") || got=$?
    if [ "$got" != "$want" ] || [ "$out" != "$text" ]; then
        echo "portwatch ended with $code ($*): got $got '$out', want $want '$text'" >&2
        failed=1
    fi
}

LINE="PORTWATCH X - web uses 5 of 10 ports | web=5;5;8;0;10"
export LINE
expect 0 0 "PORTWATCH X - web uses 5 of 10 ports"
expect 1 0 "PORTWATCH X - web uses 5 of 10 ports"
expect 1 1 "PORTWATCH X - web uses 5 of 10 ports" --warning-too
expect 2 1 "PORTWATCH X - web uses 5 of 10 ports"
expect 2 1 "PORTWATCH X - web uses 5 of 10 ports" --warning-too
expect 3 2 "PORTWATCH X - web uses 5 of 10 ports"
expect 3 2 "PORTWATCH X - web uses 5 of 10 ports" --warning-too
expect 101 2 "PORTWATCH X - web uses 5 of 10 ports"
LINE=""
expect 137 2 "portwatch check ended with 137"

LINE="two
lines"
expect 0 0 "two" --warning-too --critical 90% --port 443
[ "$(cat "$dir/arguments")" = "check --critical 90% --port 443" ] || {
    echo "arguments were not passed on: $(cat "$dir/arguments")" >&2
    failed=1
}

got=0
out=$(PORTWATCH="$dir/absent" sh "$here/npd-portwatch.sh") || got=$?
[ "$got" = 2 ] || {
    echo "no program at all: got $got '$out', want 2" >&2
    failed=1
}
[ "$failed" = 0 ] && echo "npd-portwatch.sh: all codes are mapped as they should be"
exit "$failed"
