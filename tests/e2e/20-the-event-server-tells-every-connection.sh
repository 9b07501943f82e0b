#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# flowkeep events: every real TCP connection is told, under the UUID that the program can make of
# its own SO_COOKIE; to clients that come late too, and whatever other clients do.
if [ -z "${EVENTS_NAMESPACES-}" ]; then
	[ "$(id -u)" -eq 0 ] || { echo "skipped: needs root to make a network namespace" && exit 77; }
	unshare --net --mount true 2>/dev/null || { echo "skipped: cannot make a network namespace" && exit 77; }
	EVENTS_NAMESPACES=made exec unshare --net --mount "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
need python3 ip setpriv
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /run || exit 1 # the mounts are our own: unshare(1) makes them private
if [ -d /var/local ]; then mount -t tmpfs -o mode=755 tmpfs /var/local || exit 1; fi

# Somebody without privileges must be able to run it.
cp "$FLOWKEEP" flowkeep
chmod 755 . flowkeep
export FLOWKEEP=$work/flowkeep
printf 'example_1700000000 \n' >prefix

while read -r scenario; do
	check "$scenario" python3 "$here/check_events.py" "$scenario"
done < <(python3 "$here/check_events.py")

# Bad input: one line, the right exit status, nothing made.
bad() {
	local status=$1 words=$2
	shift 2
	run "$status" "$@"
	same "one line: $*" 1 "$(wc -l <err)"
	check "$words: $(cat err)" grep -qE "$words" err
}
events=("$FLOWKEEP" events -q --prefix-file prefix)
bad 2 "needs --listen SOCKET" "${events[@]}"
bad 2 "no arguments" "${events[@]}" --listen s more
bad 3 "No such file" "${events[@]}" --listen missing/s
bad 3 "too long" "${events[@]}" --listen "$(printf '%0120d' 0)"
echo text >file
bad 3 "file.*no socket" "${events[@]}" --listen file
same "what was there is as it was" text "$(cat file)"
bad 3 "missing.*No such file" "$FLOWKEEP" events -q --listen s --prefix-file missing
for text in '' 'a b' '.a' 'a/b' "$(printf '%0112d' 0)"; do
	printf '%s\n' "$text" >bad
	bad 3 "bad'.*must be" "$FLOWKEEP" events -q --listen s --prefix-file bad
done
check "no socket was made" test ! -e s
finish
