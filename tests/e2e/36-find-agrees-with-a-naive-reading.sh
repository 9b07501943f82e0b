#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A second reading of the expression language, written from its manual and naive in all it does,
# agrees with find on random expressions, on awkward ones, and on what is none, whatever the archive.
. "$(dirname "$0")/lib.sh"
need python3 sqlite3
export FLOWKEEP PYTHONDONTWRITEBYTECODE=1

split() { run 0 "$FLOWKEEP" split -q --protocols all "$@"; }

# reference WORDS ARGUMENTS...: they agree on everything; `agreed` and `found` say how often
reference() {
	local words=$1
	shift
	python3 "$here/reference_find.py" "$@" >reference.out 2>reference.err
	same "$words: exit status of the comparison" 0 $?
	echo "$words: $(tail -1 reference.out)"
	read -r agreed _ _ _ found _ < <(tail -1 reference.out)
	[ ! -s reference.err ] || fail "$words: $(tail -5 reference.err)"
	grep '^differs' reference.out | head -5 | cut -c1-1500
}

# Three days of everything, some of it cut short; once in each store, once in both.
mix=(--flows 260 --mean-bytes 3000 --duration 60h --start 1767312000 --v6-fraction 0.3
	--udp-fraction 0.3 --vlan-fraction 0.15 --reuse-fraction 0.1 --midstream-fraction 0.1
	--fragment-fraction 0.05 --snaplen 300 --format nspcap --ends 60:25:15)
run 0 "$FLOWGEN" "${mix[@]}" mix.pcap
run 0 "$FLOWGEN" "${mix[@]}" --seed 2 more.pcap
split -d files mix.pcap
split -d segments --store segments --segment-size 1MiB mix.pcap
split -d packed --compress none mix.pcap
run 0 "$FLOWKEEP" pack -q -d packed --segment-size 64KiB
same "files in a packed archive" 0 "$(flow_files packed | wc -l)"
split -d mixed more.pcap
run 0 "$FLOWKEEP" pack -q -d mixed
split -d mixed mix.pcap
split -d headers --payload headers mix.pcap

# Strange protocols, addresses and times; connections of several parts that lie days apart.
run 0 python3 "$here/odd_flows.py" capture odd.pcapng
split -d odd --linger 1s --idle-timeout 10d odd.pcapng
split -d odd.segments --store segments --linger 1s --idle-timeout 10d odd.pcapng

# Names as applications give them, with all that a record can say. Silence makes parts.
run 0 "$FLOWGEN" --flows 120 --mean-bytes 6000 --duration 96h --start 1767312000 --v6-fraction 0.3 \
	--udp-fraction 0.3 --reuse-fraction 0.2 named.pcap
split -d named --idle-timeout 60s named.pcap
run 0 python3 "$here/odd_flows.py" rename named
run 0 "$FLOWKEEP" reindex -q -d named
run 0 "$FLOWKEEP" verify -q -d named

# What is pinned is found once.
for archive in mixed odd named; do
	for uuid in $("$FLOWKEEP" find -d $archive --format uuid --sort -duration --limit 2); do
		run 0 "$FLOWKEEP" pin -q -d $archive "$uuid"
	done
done

for archive in odd named odd.segments; do
	check "$archive: flows have parts that lie far apart" test "$("$FLOWKEEP" find -d $archive \
		--count 'parts > 1 and duration > 8h')" -ge 2
done

archives="files segments packed mixed headers odd odd.segments named"
each=$(size 63 6 12) listed=$(size "files mixed odd named" odd odd)
seed=0 all=0 some=0
for archive in $archives; do
	seed=$((seed + 1))
	reference "random expressions about $archive" random "$archive" $seed $each
	all=$((all + agreed)) some=$((some + found))
done
same "random expressions that agree" $((8 * each)) "$all"
check "about half of them find something ($some of $all)" \
	test $((some * 10)) -ge $((all * 4)) -a $((some * 10)) -le $((all * 7))
for archive in $listed; do
	reference "awkward expressions about $archive" listed "$archive"
done
reference "malformed expressions" malformed odd
check "they are a hundred at least" test "$agreed" -ge 100

# The comparison can fail: a program that leaves out the last flow is found out.
cat >forgetful <<'END'
#!/bin/bash
"$FORGETFUL_OF" "$@" >all.$$
status=$?
case "$*" in *--format\ json) cat all.$$ ;; *) sed '$d' all.$$ ;; esac
rm all.$$
exit $status
END
chmod +x forgetful
env FORGETFUL_OF="$FLOWKEEP" FLOWKEEP=./forgetful \
	python3 "$here/reference_find.py" random files 1 10 >reference.out 2>&1
same "a program that forgets a flow" 1 $?
check "is found out" grep -q '^differs' reference.out
finish
