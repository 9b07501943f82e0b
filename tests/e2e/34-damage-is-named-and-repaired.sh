#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Bytes are flipped at random places of flow files, segments and indexes. verify names the file;
# verify --repair mends it, or moves it to damaged/; then the archive is sound, and every flow that
# was not hit is as it was. A repair that is killed at any moment is ended by the next one.
. "$(dirname "$0")/lib.sh"
need python3 sqlite3 cmp

rounds=$(size 15 4 6)
"$FLOWGEN" --flows 150 --duration 20 --mean-bytes 3000 --seed 34 in.pcap || fail "flowgen"
# One saver: the same flips hit the same flows in every run.
run 0 "$FLOWKEEP" split -q -d files --savers 1 --protocols all in.pcap
run 0 "$FLOWKEEP" split -q -d segments --savers 1 --protocols all --store segments in.pcap
for store in files segments; do
	run 0 "$FLOWKEEP" verify -q -d $store
	python3 "$here/damage.py" sums $store >$store.sums
	"$FLOWKEEP" find -d $store --format json >$store.flows
done
same "both stores hold the same" "$(sha256sum <files.sums)" "$(sha256sum <segments.sums)"

# names BEFORE AFTER: the flow files that are gone; none has changed, none is new
gone() {
	if [ -n "$(comm -13 "$1" "$2")" ]; then fail "changed: $(comm -13 "$1" "$2")"; else pass; fi
	comm -23 "$1" "$2" | wc -l
}

detected=0 unseen=0
damage_one() { # STORE KIND SEED
	local path flips lost status what="$2 of $1, seed $3"
	rm -rf a && cp -a "$1" a
	read -r path flips < <(python3 "$here/damage.py" flip a "$3" "$2")
	"$FLOWKEEP" verify -q -d a >out 2>err </dev/null
	status=$?
	if [ $status -eq 0 ]; then # bytes that mean nothing: everything reads as before
		unseen=$((unseen + 1))
		"$FLOWKEEP" find -d a --format json >flows 2>err || fail "$what: find: $(cat err)"
		check "$what: what verify finds sound lists the same flows" cmp -s flows "$1.flows"
		same "$what: and they have the same packets" "$(cut -d' ' -f1,3 "$1.sums" | sha256sum)" \
			"$(python3 "$here/damage.py" sums a | cut -d' ' -f1,3 | sha256sum)"
		return
	fi
	detected=$((detected + 1))
	same "$what: verify's exit status" 1 $status
	if [ "$2" = index ]; then # a row that lies is named by the flow that it tells of
		check "$what: it names the index" grep -qE "^$path: |: the index " out
	else
		check "$what: it names the file" grep -qF "$path: " out
	fi
	cp -a a b
	"$FLOWKEEP" verify -q --repair -d a >out 2>err </dev/null
	status=$?
	check "$what: the repair says what it did: $(cat err)" grep -qE 'repaired|moved to damaged/' out
	run 0 "$FLOWKEEP" verify -q -d a
	python3 "$here/damage.py" sums a >after
	lost=$(gone "$1.sums" after)
	[ "$2" = index ] && same "$what: flows that are gone" 0 "$lost"
	check "$what: $lost flows are gone with $flips flips" test "$lost" -le "$flips"
	same "$what: exit status of the repair, with $lost flows gone" $((lost > 0)) $status
	# Nothing is deleted. A row that lies is written anew where it is, a wrong end is cut off and kept.
	if [ -e "a/damaged/$path.tail" ]; then
		head -c $(($(stat -c %s "b/$path") - $(stat -c %s "a/damaged/$path.tail"))) "a/$path" |
			cat - "a/damaged/$path.tail" >whole
		check "$what: the damaged end is kept" cmp -s "b/$path" whole
	elif [ "$2" != index ] || [ -e "a/damaged/$path" ]; then
		check "$what: the damaged file is kept" cmp -s "b/$path" "a/damaged/$path"
	fi
	rm -rf b
}

for seed in $(seq $rounds); do
	damage_one files flow "$seed"
	damage_one files index "$seed"
	damage_one segments segment "$seed"
	damage_one segments index "$seed"
done
echo "$detected damages were found, $unseen changed nothing that means anything"
check "most of them are found" test $detected -gt $unseen

# A repair that is killed before any of its calls that write: the next one ends it.
if [ -n "${KILLAT:-}" ]; then
	export ASAN_OPTIONS=detect_leaks=0
	rm -rf hurt && cp -a segments hurt
	segment=$(find hurt -name 'flows-*.tar' | sort | head -1)
	printf 'x' | dd of="$segment" bs=1 seek=700 conv=notrunc status=none
	printf 'junk' >>"$segment"
	rm -rf a && cp -a hurt a
	"$KILLAT" --count -o count -- "$FLOWKEEP" verify -q --repair -d a >out 2>err
	same "exit status of the repair" 1 $?
	python3 "$here/damage.py" sums a >want
	for n in $(seq 1 $(($(cat count) / (rounds * 2) + 1)) "$(cat count)"); do
		rm -rf a && cp -a hurt a
		"$KILLAT" --at "$n" -o killed -- "$FLOWKEEP" verify -q --repair -d a >out 2>err
		same "killed at $n" 137 $?
		"$FLOWKEEP" verify -q --repair -d a >out 2>err || [ $? -eq 1 ] || fail "$(cat killed): $(cat out err)"
		run 0 "$FLOWKEEP" verify -q -d a
		python3 "$here/damage.py" sums a >after
		check "$(cat killed): the same flows are there" cmp -s want after
	done
else
	skipped=$((skipped + 1))
fi
finish
