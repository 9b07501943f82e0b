#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What cannot work is refused at once: one line that names it, the right exit status, and nothing is
# created. --check finds the same, and creates nothing where all is well either.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
net_start

# all that there is besides what `run` leaves
present() { find . -mindepth 1 ! -path ./out ! -path ./err -printf '%P ' | sort; }
here_before=$(present)

# refused STATUS WORDS ARGUMENTS...: in no more than 10 s
refused() {
	local status=$1 words=$2
	shift 2
	for check in '' --check; do
		run "$status" timeout 10 ip netns exec "$server_ns" "$FLOWKEEP" capture "${capture_always[@]}" $check "$@"
		same "lines on stderr of 'capture $check $*': $(cat err)" 1 "$(wc -l <err)"
		check "'capture $check $*' says '$words': $(cat err)" grep -qi -- "$words" err
		same "'capture $check $*' creates" "$here_before" "$(present)"
		rm -rf a
	done
}

refused 3 nosuch0 -d a -i nosuch0
refused 3 nosuch0 -d a -i srv0 -i nosuch0
refused 3 "not a directory" -d /dev/null/a -i srv0
echo >plain
here_before=$(present)
refused 3 "plain" -d plain -i srv0
refused 2 "" -d a -i srv0 'no such words'
refused 2 "" -i srv0
refused 2 "uuid-wait" -d a -i srv0 --uuid-wait soon
refused 2 "uuid-missing" -d a -i srv0 --uuid-missing maybe
refused 2 "ring-size" -d a -i srv0 --ring-size 1
refused 2 "ring-size" -d a -i srv0 --ring-size 99999TiB
refused 2 "flush-interval" -d a -i srv0 --flush-interval -1s
refused 2 "idle-timeout" -d a -i srv0 --idle-timeout 0
refused 2 "local" -d a -i srv0 --local 10.0.0.0/33
refused 2 "local" -d a -i srv0 --local everything
refused 2 "metrics" -d a -i srv0 --metrics 127.0.0.1:99999
refused 2 "metrics" -d a -i srv0 --metrics nowhere
refused 2 "savers" -d a -i srv0 --savers 0
refused 2 "no-such-option" -d a -i srv0 --no-such-option
refused 2 "user" -d a -i srv0 --user no-such-user
refused 2 "events" -d a -i srv0 --events "/tmp/$(printf 'x%.0s' {1..120})"

# A file system that is read only stands in for a directory that root may not write.
mkdir readonly
if mount -t tmpfs -o ro tmpfs readonly 2>/dev/null; then
	trap 'umount "$work/readonly"; net_cleanup' EXIT
	here_before=$(present)
	refused 3 "read-only" -d readonly/a -i srv0
fi

mkdir nobodys
chown nobody nobodys
here_before=$(present)

# without a right to capture
if setpriv --reuid=nobody --clear-groups --inh-caps=-all test -x "$FLOWKEEP" 2>/dev/null; then
	for check in '' --check; do
		run 3 timeout 10 ip netns exec "$server_ns" setpriv --reuid=nobody --clear-groups --inh-caps=-all \
			"$FLOWKEEP" capture "${capture_always[@]}" $check -d nobodys/a -i srv0
		same "lines on stderr without a right to capture: $(cat err)" 1 "$(wc -l <err)"
		check "it says what is missing: $(cat err)" grep -qiE 'permi|CAP_NET_RAW' err
		same "without a right to capture, it creates" '' "$(ls -A nobodys)"
	done
else
	echo "skipped: without privileges, as 'nobody' cannot reach $FLOWKEEP"
	skipped=$((skipped + 1))
fi

# All is well: nothing is created, nothing stays behind, and nothing runs on.
here_before=$(present)
run 0 timeout 10 ip netns exec "$server_ns" "$FLOWKEEP" capture "${capture_always[@]}" --check -d nobodys/a -i srv0 \
	--events "$sockets/events" --metrics 127.0.0.1:9100 --user nobody tcp port 80
same "--check creates" "$here_before" "$(present)"
same "--check removes its sockets" '' "$(find "$sockets" -name 'events*')"
mkdir a
run 0 timeout 10 ip netns exec "$server_ns" "$FLOWKEEP" capture "${capture_always[@]}" --check -d a -i srv0
same "--check in an archive that is there creates" '' "$(ls -A a)"

run 0 timeout 10 ip netns exec "$server_ns" "$FLOWKEEP" capture -D
check "-D lists srv0: $(cat out)" grep -q srv0 out
net_finish
