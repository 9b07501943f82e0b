#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Files that may not be read, archives that may not be written, outputs that are full, questions that
# have no single answer: the exit status says which, one line says what, and nothing is half done.
. "$(dirname "$0")/lib.sh"
need python3 sqlite3

# bad STATUS PATTERN COMMAND...: one line that matches
bad() {
	local status=$1 pattern=$2
	shift 2
	run "$status" "$@"
	same "lines for: $*" 1 "$(wc -l <err)"
	check "'$(head -1 err)' should match '$pattern'" grep -qE -- "$pattern" err
}
"$FLOWKEEP" split -q -d a --savers 1 "$data/demo.pcap" || fail "split"
uuid=$("$FLOWKEEP" find -d a --format uuid --limit 1)
before=$(files_sum a)

# Somebody without any right: root's rights would hide what is tested.
if [ "$(id -u)" -eq 0 ]; then
	someone=(setpriv --reuid 65534 --regid 65534 --clear-groups)
else
	someone=()
fi
chmod 755 "$work"
install -m 644 "$data/demo.pcap" demo.pcap
if "${someone[@]}" "$FLOWKEEP" --version >out 2>err; then
	install -m 0 demo.pcap secret.pcap
	bad 3 "'secret.pcap': Permission denied" "${someone[@]}" "$FLOWKEEP" split -q -d "$work/b" secret.pcap
	check "nothing was made" test ! -e b
	mkdir -p locked/shut
	chmod 0 locked/shut
	chmod 555 locked
	for dir in locked/b locked/shut; do
		bad 3 "$dir.*Permission denied" "${someone[@]}" "$FLOWKEEP" split -q -d $dir demo.pcap
	done
	bad 3 "locked/shut.*Permission denied" "${someone[@]}" "$FLOWKEEP" find -d locked/shut
	chmod 755 locked locked/shut
	# To read an archive takes the right to read, and no more.
	cp -r a readable
	chmod -R a+rX,a-w readable
	run 0 "${someone[@]}" "$FLOWKEEP" find -d readable --format uuid
	same "flows for a reader" 18 "$(wc -l <out)"
	run 0 "${someone[@]}" "$FLOWKEEP" fetch -q -d readable "$uuid"
	check "fetched by a reader" cmp out <(zcat a/*/*/*/"$uuid".pcap.gz)
	run 0 "${someone[@]}" "$FLOWKEEP" verify -q -d readable
	bad 3 "readable.*Permission denied" "${someone[@]}" "$FLOWKEEP" split -q -d readable demo.pcap
	bad 3 "readable.*Permission denied" "${someone[@]}" "$FLOWKEEP" reindex -q -d readable
	chmod -R u+w readable
else
	echo "skipped: the program cannot be run by another user here: $(head -1 err)"
	skipped=$((skipped + 1))
fi

# A standard output that is full. The archive is complete all the same.
full() {
	local want=$1 got
	shift
	"$@" >/dev/full 2>err </dev/null
	got=$?
	same "exit status of $* >/dev/full" "$want" "$got"
	check "'$(head -1 err)' should name the standard output" grep -qE "standard output|cannot write: '-'" err
}
full 1 "$FLOWKEEP" split -q -d c --json "$data/demo.pcap"
same "archived all the same" "$before" "$(files_sum c)"
full 3 "$FLOWKEEP" find -d a
full 3 "$FLOWKEEP" find -d a --format json
full 3 "$FLOWKEEP" fetch -q -d a "$uuid"
# A reader that has seen enough is no fault.
# shellcheck disable=SC2046  # a list of words
"$FLOWKEEP" fetch -q -d a $("$FLOWKEEP" find -d a --format uuid) 2>err | head -c 24 >head
same "fetch into a closed pipe" "0 24" "${PIPESTATUS[0]} $(wc -c <head)"

# fetch: where to, and what.
bad 3 "nowhere/flow.pcap.*No such file" "$FLOWKEEP" fetch -d a -w nowhere/flow.pcap "$uuid"
echo "a file that was there" >there
bad 1 "not found: 'ffffffff-ffff-4fff-8fff-ffffffffffff'" "$FLOWKEEP" fetch -d a -w there ffffffff-ffff-4fff-8fff-ffffffffffff
same "what was there stays" "a file that was there" "$(cat there)"
bad 2 "not a UUID: '\.\./x'" "$FLOWKEEP" fetch -d a ../x
bad 2 "not a UUID: '.x'" "$FLOWKEEP" fetch -d a .x
run 1 "$FLOWKEEP" fetch -q -d a "$uuid" ffffffff-ffff-4fff-8fff-ffffffffffff
check "what is there is given" cmp out <(zcat a/*/*/*/"$uuid".pcap.gz)
check "what is not is named" grep -q ffffffff err
# 18 flows among 16 first digits: one digit at least is that of several.
digit=$("$FLOWKEEP" find -d a --format uuid | cut -c1 | sort | uniq -d | head -1)
run 2 "$FLOWKEEP" fetch -d a -w there "$digit"
check "it says ambiguous" grep -q "ambiguous: '$digit'" err
same "and names which it could be" "$("$FLOWKEEP" find -d a --format uuid uuid "$digit" | sort)" \
	"$(grep -oE '[0-9a-f-]{36}' err | sort)"
same "what was there still stays" "a file that was there" "$(cat there)"
python3 -c 'import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$FLOWKEEP" fetch -d a "$uuid" >out </dev/null
same "exit status of fetch to a terminal" 2 $?
check "it says how" grep -q -- "-w FILE" out
same "and no packet was written to it" 1 "$(wc -l <out)"

# find, verify, reindex: arguments that they do not have.
bad 2 "'port'" "$FLOWKEEP" find -d a port 80
bad 2 "'uuid'" "$FLOWKEEP" find -d a uuid
bad 2 "no UUID begins with '\*'" "$FLOWKEEP" find -d a uuid '*'
bad 2 "verify takes no arguments" "$FLOWKEEP" verify -d a more
bad 2 "reindex takes no arguments" "$FLOWKEEP" reindex -d a more
bad 2 "--savers" "$FLOWKEEP" find -d a --savers 2
bad 2 "FLOWKEEP_JSON: 'maybe'.*yes or no" env FLOWKEEP_JSON=maybe "$FLOWKEEP" split -d c "$data/demo.pcap"
bad 2 "--dir: ''" "$FLOWKEEP" split -d '' "$data/demo.pcap"
run 2 "$FLOWKEEP"
check "without a command it says how it is used" grep -q "usage: flowkeep COMMAND" err

# An archive with damage: what is sound is given, what is not is named.
cp -r a torn
file=$(echo torn/*/*/*/"$uuid".pcap.gz)
chmod u+w "$file"
python3 -c 'import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[len(data) // 2] ^= 0x55
open(sys.argv[1], "wb").write(data)' "$file"
run 1 "$FLOWKEEP" verify -q -d torn
check "verify names it" grep -q "$uuid" out
same "and nothing else" 1 "$(wc -l <out)"
run 3 "$FLOWKEEP" fetch -q -d torn "$uuid"
check "fetch names it" grep -q "$uuid" err
rm "$file"
run 1 "$FLOWKEEP" verify -q -d torn
check "verify misses it" grep -q "$uuid" out
run 3 "$FLOWKEEP" fetch -q -d torn "$uuid"
check "so does fetch" grep -q "$uuid" err
same "the archive beside it is untouched" "$before" "$(files_sum a)"
finish
