#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Names and texts that strangers wrote into captures, archives and their file names are printed so
# that they cannot drive a terminal or forge a message; and no name, link, row or journal of an
# archive makes flowkeep touch anything outside of it.
. "$(dirname "$0")/lib.sh"
need python3 sqlite3
export PYTHONDONTWRITEBYTECODE=1
strangers() { python3 "$here/strangers.py" "$@"; }

# watched WORDS STATUSES COMMAND...: the command prints nothing to drive a terminal, and touches
# nothing outside
watched() {
	local words=$1 statuses=$2 faults
	shift 2
	if faults=$(strangers watch outside "$statuses" "$@" 2>&1); then
		pass
	else
		fail "$words:$(printf ' %q' "$@"): $(tr '\n' ';' <<<"$faults")"
	fi
}

# ---- what is on the command line

hostile=$'\e[31mx\nflowkeep: archive: error: forged'
strangers outside outside
strangers capture "in$hostile.pcapng"
head -c 300 "in$hostile.pcapng" >"cut$hostile"
cp "$data/demo.pcap" "good$hostile"
echo 'no capture' >"text$hostile"
mkdir "dir$hostile"
watched "hostile file names" 1 "$FLOWKEEP" split -d a --store files "in$hostile.pcapng" "good$hostile" \
	"cut$hostile" "text$hostile" "dir$hostile" "missing$hostile"
watched "a hostile directory" 0 "$FLOWKEEP" split -v -d "a$hostile" "$data/demo.pcap"
watched "the ledger of it" 0 "$FLOWKEEP" split --json -d "a$hostile" "$data/demo.pcap"
mkdir -p "broken$hostile/2026/01/02/flows.sqlite"
for name in "$hostile" "text$hostile" "broken$hostile" "a$hostile"; do
	for command in find "find --format json" verify reindex du "prune --max-age 1d" pack \
		"verify --repair" "pin 0000" "split $data/demo.pcap"; do
		# shellcheck disable=SC2086
		watched "a hostile directory" 0,1,2,3 "$FLOWKEEP" $command -d "$name"
	done
done
for command in find fetch "fetch -e" pin verify "fetch -w" "find --limit" "find --sort" "find --format" \
	"prune --min-free" du reindex pack; do
	# shellcheck disable=SC2086
	watched "a hostile word" 0,1,2,3 "$FLOWKEEP" $command "$hostile" -d a
done
for option in filter payload compress anonymize-key "anonymize cryptopan --anonymize-key" protocols savers \
	anonymize-exempt "$hostile"; do
	# shellcheck disable=SC2086
	watched "a hostile word" 0,1,2,3 "$FLOWKEEP" split --$option "$hostile" -d new "$data/demo.pcap"
done
for option in interface user filter metrics local events ring-size uuid-missing prefix-file; do
	watched "a hostile word" 0,1,2,3 timeout 10 "$FLOWKEEP" capture --check --$option "$hostile" -d new
done
watched "a hostile filter" 0,1,2,3 timeout 10 "$FLOWKEEP" capture --check -d new "$hostile"
watched "a hostile socket" 1,2,3 "$FLOWKEEP" events --listen "missing$hostile/socket"
watched "a hostile command" 2 "$FLOWKEEP" "$hostile"
watched "a hostile command" 0,2 "$FLOWKEEP" help "$hostile"
watched "a hostile environment" 2 env "FLOWKEEP_SNAPLEN=$hostile" "$FLOWKEEP" split -d a "$data/demo.pcap"

# ---- names of interfaces, as they are read, kept and given back

for store in files segments; do
	rm -rf "$store"
	"$FLOWKEEP" split -q -d "$store" --store "$store" "in$hostile.pcapng" "$data/demo.pcapng" >out 2>err
	same "exit status for a damaged block" 1 $?
done
"$FLOWKEEP" find -d files --format json >flows.json
"$FLOWKEEP" find -d files --format csv >flows.csv
"$FLOWKEEP" fetch -d files -w all.pcapng --format pcapng -e 'net 192.0.2.0/24 and dst host 198.51.100.1'
python3 - <<'END' || fail "names of interfaces do not come back"
import csv, json
rows = list(csv.DictReader(open("flows.csv", newline="")))
objects = [json.loads(line) for line in open("flows.json")]
names = {o["interface"] for o in objects}
assert "\x1b[31mred\x1b]0;title\x07" in names, names
assert "quote\"comma,back\\slash'" in names, names
assert "line\nflowkeep: archive: error: forged" in names, names
assert len(rows) == len(objects) and all(len(r) == len(objects[0]) and None not in r for r in rows)
assert "\\x1b[31mred\\x1b]0;title\\x07" in {r["interface"] for r in rows}
END

# ---- archives

step=$(size 1 7 5)
for store in files segments; do
	while read -r result; do
		if [ "$result" = fine ]; then pass; else fail "$result"; fi
	done < <(strangers archives "$FLOWKEEP" $store "$data/demo.pcap" "$step" 2>&1)
done
check "archives were tried" test "$passed" -gt 100

finish
