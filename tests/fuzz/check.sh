#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every fuzz target does its seeds, what found a fault once, and mutations of these: the same ones in
# every run. The long run, with libFuzzer, is `run` beside this.
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
fuzz=$(cd "$(dirname "$0")" && pwd)
built=${FUZZ:?is where the targets were built}
[ -x "$built/seeds" ] || {
	echo "skipped: the targets are built where Check is"
	exit 77
}

# Targets that work on files on disk take a millisecond and more for each input.
mutations() {
	case $1 in
	day | index) size 300 60 30 ;;
	dayfilter | flowfile | fragments | segment | textfile | eventstream) size 3000 600 300 ;;
	*) size 20000 2000 1000 ;;
	esac
}

run 0 "$built/seeds" seeds
for target in "$built"/replay_*; do
	[ -x "$target" ] || continue
	name=${target##*/replay_}
	from=(seeds/"$name")
	[ -d "$fuzz/regress/$name" ] && from+=("$fuzz/regress/$name")
	run 0 timeout 300 "$target" --mutations "$(mutations "$name")" --keep last "${from[@]}"
	cat out
	same "$name begins with inputs" "" "$(grep ': 0 inputs' out)"
done
finish
