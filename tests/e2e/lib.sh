# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the scenarios share. Each begins with:
#     . "$(dirname "$0")/lib.sh"
# and ends with `finish`. The program under test is $FLOWKEEP, the generator $FLOWGEN.
set -u
export LC_ALL=C TZ=UTC
: "${FLOWKEEP:?is the program under test}"
# Options in the environment would change what is tested.
for name in $(compgen -e | grep '^FLOWKEEP_'); do
	case $name in FLOWKEEP_CAPTURES | FLOWKEEP_SANITIZED | FLOWKEEP_QUICK) ;; *) unset "$name" ;; esac
done
data=$(cd "$(dirname "${BASH_SOURCE[0]}")/../data" && pwd)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/flowkeep-e2e.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0 failed=0 skipped=0

pass() { passed=$((passed + 1)); }

fail() {
	echo "FAILED: $*"
	failed=$((failed + 1))
}

# check WORDS COMMAND...: the command succeeds
check() {
	local words=$1
	shift
	if "$@"; then pass; else fail "$words"; fi
}

# same WORDS WANT GOT
same() {
	if [ "$2" = "$3" ]; then pass; else fail "$1: wanted '$2', got '$3'"; fi
}

# run STATUS COMMAND...: the exit status is that; output is left in out and err
run() {
	local want=$1 got
	shift
	"$@" >out 2>err </dev/null
	got=$?
	if [ "$got" -eq "$want" ]; then
		pass
	else
		fail "exit status $got, wanted $want: $*: $(head -c 500 err)"
	fi
	if grep -qE 'Sanitizer|runtime error:' err; then fail "sanitizer: $(head -40 err)"; fi
}

# a number of the ledger that the last `run` of split --json left in out: json .skipped.duplicate
json() {
	python3 -c 'import functools, json, sys
print(functools.reduce(lambda o, k: o[k], sys.argv[2].strip(".").split("."), json.load(open(sys.argv[1]))))' out "$1"
}

# does the ledger in out balance?
balanced() {
	python3 -c 'import json, sys
l = json.load(open("out"))
sys.exit(l["packets_read"] != l["packets_archived"] + sum(l["skipped"].values()) + sum(l["dropped"].values()))'
}

flow_files() { find "$1" -name '*.pcap.gz' -not -path '*/.staging/*' | sort; }

# one hash over names and bytes of all flow files
files_sum() { (cd "$1" && find . -name '*.pcap.gz' -not -path './.staging/*' -print0 | sort -z | xargs -0r sha256sum | sha256sum); }

# one hash over all rows of all days, sorted by UUID and part
rows_sum() {
	find "$1" -name flows.sqlite | sort | while read -r index; do
		sqlite3 -readonly "$index" '.mode quote' 'select * from flow order by uuid, part'
	done | sha256sum
}

# size FULL SANITIZED QUICK: the one that fits this run
size() {
	if [ -n "${FLOWKEEP_SANITIZED-}" ]; then
		echo "$2"
	elif [ -n "${FLOWKEEP_QUICK-}" ]; then
		echo "$3"
	else
		echo "$1"
	fi
}

need() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || {
			echo "skipped: $program is not installed"
			exit 77
		}
	done
}

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}
