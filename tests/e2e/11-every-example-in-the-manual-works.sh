#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every command line in README and in the EXAMPLES of the manual is run, with UUID standing for a
# flow of the recorded capture. Captures are checked only (--check), in a network namespace that has
# an eth0, with a /run of their own; the event server gets a second to run.
. "$(dirname "$0")/lib.sh"
need tcpdump sqlite3 gzip

root=$(cd "$here/../.." && pwd)
mkdir -p bin tests && ln -s "$FLOWKEEP" bin/flowkeep && ln -s "$data" tests/data
gzip -c "$data/demo.pcap" >big.pcap.gz
PATH=$work/bin:$PATH
flowkeep split -q -d archive tests/data/demo.pcap
uuid=$(flowkeep find -d archive --format uuid --limit 1)

joined() { sed -e ':a' -e '/\\$/N; s/\\\n//; ta'; }

examples() {
	# README: indented lines that begin with a program's name. Manual: literal text under EXAMPLES.
	# Lines that end with a backslash are joined.
	joined <"$root/README" | grep -hE '^    (flowkeep|gzip|tshark) '
	for page in "$root"/man/*.[157]; do
		sed -n '/^\.Sh EXAMPLES/,$p' "$page" | sed -n '/^\.Bd/,/^\.Ed/p' | grep -v '^\.[BE]d'
	done | sed 's/\\e$/\\/' | joined
}

example() {
	case $1 in
	"flowkeep capture "*) in_net "$1 --check" ;;
	"flowkeep events "*) in_net "timeout --foreground --preserve-status -s TERM 1 $1" ;;
	# What these do depends on how old the recorded capture is by now.
	"flowkeep pack "* | "flowkeep prune "*) rm -rf copy && cp -a archive copy && bash -c "${1//-d archive/-d copy}" ;;
	*) bash -o pipefail -c "${1//UUID/$uuid}" ;;
	esac
}

in_net() {
	unshare -n -m bash -c "mount -t tmpfs none /run && mkdir /run/flowkeep &&
		ip link add eth0 type veth peer name eth1 && ip link set eth1 up && ip link set eth0 up && $1"
}

examples | sort -u >lines
if ! unshare -n true 2>/dev/null; then
	echo "without root no network namespace: examples of capture and events are left out"
	sed -i '/^flowkeep \(capture\|events\) /d' lines
fi
while read -r line; do
	echo "$line"
	example "$line" >out 2>err </dev/null
	status=$? # before anything else runs
	same "$line: $(head -c 300 err)" 0 $status
done <lines
check "there are examples" test "$passed" -ge 15
finish
