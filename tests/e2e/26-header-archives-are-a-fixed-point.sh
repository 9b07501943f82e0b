#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What --payload leaves is exactly what it says, and archiving that again changes nothing.
. "$(dirname "$0")/lib.sh"
. "$here/privacylib.sh"
need sqlite3

# lengths DIR: captured and original length of each packet
lengths() { flow_files "$1" | xargs zcat | tshark -r - -T fields -e frame.cap_len -e frame.len 2>/dev/null; }

# Each of its own time, and with a server of its own network: no flow is in two of them, under no policy.
now=1767323045
for kind in right partial zero rough; do
	options=(--checksum "$kind")
	[ "$kind" != rough ] || options=(--rough --marker SECRET)
	now=$((now + 10))
	generate mix "${options[@]}" --start "$now" --server "198.51.$((now % 100)).9" "$kind.4.pcap"
	generate mix "${options[@]}" --start "$((now + 5))" --client 2001:db8:77::1:7 --server "2001:db8:$((now % 100))::9" "$kind.6.pcap"
done

policies=('--payload headers' '--payload headers --anonymize netblock' '--payload zero' '--payload 16' '--anonymize netblock')

# Generated input, into another archive and into the same.
number=0
for policy in "${policies[@]}"; do
	number=$((number + 1))
	read -ra options <<<"$policy"
	archive one.$number 0 "${options[@]}" ./*.[46].pcap
	packets=$(json packets_archived)
	python3 "$here/privacy_check.py" replay one.$number replay || fail "replay"
	archive two.$number 0 "${options[@]}" replay
	same "$policy: archived again into another archive, the same names and bytes" "$(files_sum one.$number)" "$(files_sum two.$number)"
	before=$(files_sum one.$number)
	archive one.$number 0 "${options[@]}" replay
	same "$policy: archived again into the same archive, all of it is a duplicate" "$packets" "$(json skipped.duplicate)"
	same "$policy: archived again into the same archive, files" 0 "$(json files)"
	same "$policy: the files are as they were" "$before" "$(files_sum one.$number)"
	run 0 "$FLOWKEEP" verify -q -d one.$number
	run 0 "$FLOWKEEP" find -d one.$number --format uuid
	check "$policy: find finds them" test -s out
	run 0 "$FLOWKEEP" fetch -d one.$number -w fetched "$(head -1 out)"
	run 0 "$FLOWKEEP" find -d one.$number --format json
	case $policy in
	*netblock*) same "$policy: no flow has a client that was captured" 0 "$(grep -cE '"(client|server)_ip":"(192\.0\.2\.7|2001:db8:77::1:7)"' out)" ;;
	*) check "$policy: addresses are as they were" grep -qE '"client_ip":"192\.0\.2\.7"' out ;;
	esac
	run 0 "$FLOWKEEP" reindex -q -d one.$number
	run 0 "$FLOWKEEP" verify -q -d one.$number
done
# The same of captures, each alone; and each policy leaves what it says of all of them.
ls "$PWD"/*.[46].pcap >inputs
archive plain 0 ./*.[46].pcap
ask "generated: lengths" lengths plain one.1=headers one.2=headers one.3=zero one.4=16
cat told
check "generated: padding was left out" grep -qE '[0-9]+ padding left out' told
ask_no "a plain archive instead" lengths plain plain=headers
if real_captures; then
	cat list >>inputs
	archive captures.plain 1 "${captures[@]}" # some of them are damaged
	for number in 0 1 2 3; do
		read -ra options <<<"${policies[$number]}"
		archive captures.$number 1 "${options[@]}" "${captures[@]}"
		run 0 "$FLOWKEEP" verify -q -d captures.$number
	done
	ask "captures: lengths" lengths captures.plain captures.0=headers captures.1=headers captures.2=zero captures.3=16
	cat told
	check "captures: plain packets were seen" grep -qE '[0-9]{4,} plain' told
fi
ask "archived again" again inputs "${policies[@]}"
cat told

# One frame, one answer.
python3 - "$here" <<'END' || fail "single frames"
import sys
sys.path.insert(0, sys.argv[1])
from privacy import *
a, b = '192.0.2.7', '198.51.100.9'
pair = Pair(a, b)
write_pcap('padded.pcap', [pair.tcp(1025, 'S', 1, 0, link_more={'pad_to': 60, 'padding': b'SECRET'})])
write_pcap('padded.more.pcap', [pair.tcp(1025, 'S', 1, 0, link_more={'pad_to': 72, 'padding': b'SECRET'})])
options = opt_mss() + opt_timestamps() + b'\1\3\3\7'
write_pcap('options.pcap', [pair.tcp(1025, 'PA', 1, 0, options=options, payload=b'SECRET',
                                     ip_more={'options': ip_record_route(a, b, empty=5)})])
write_pcap('payload.pcap', [pair.tcp(1025, 'PA', 1, 0, payload=b'SECRET' * 10, checksum='right')])
write_pcap('udp.pcap', [pair.udp(1025, 4000, b'SECRET' * 10)])
# The header's end moves from packet to packet, and IP options with it.
write_pcap('moving.pcap', [pair.tcp(1025, 'S', 1, 0, options=opt_mss()),
                           pair.tcp(1025, 'A', 2, 1, ip_more={'options': b'\1' * 8}),
                           pair.tcp(1025, 'PA', 2, 1, options=opt_timestamps(), payload=b'SECRET')])
END
tab=$'\t'
stored() { flow_files "$1" | xargs zcat; }
# answer FILE "CAPLEN LEN ..." OPTION...
answer() {
	local file=$1 want=$2
	shift 2
	rm -rf single
	archive single 0 "$@" "$file.pcap"
	same "$file $*: lengths" "$want" "$(lengths single | tr "$tab\n" '  ' | sed 's/ $//')"
	run 0 "$FLOWKEEP" verify -q -d single
}
answer padded '54 60' --payload headers
answer padded '54 60' --payload 16
answer padded '60 60' --payload zero
answer padded '60 60' --payload full
check "full: padding is kept" grep -q SECRET <(stored single)
answer padded '54 60' --payload headers --anonymize netblock
answer options "$((14 + 20 + 32 + 40)) $((14 + 20 + 32 + 40 + 6))" --payload headers
answer options "$((14 + 20 + 32 + 40 + 6)) $((14 + 20 + 32 + 40 + 6))" --payload 16
answer options "$((14 + 20 + 32 + 40 + 2)) $((14 + 20 + 32 + 40 + 6))" --payload 2
answer payload '54 114' --payload headers
answer payload '55 114' --payload 1
answer payload '113 114' --payload 59
answer payload '114 114' --payload 60
answer payload '114 114' --payload 100000
answer payload '54 114' --payload 0
answer payload '114 114' --payload zero
check "zero: no payload" test "$(grep -c SECRET <(stored single))" -eq 0
answer udp '42 102' --payload headers
answer udp '58 102' --payload 16
answer moving '58 58 62 62 66 72' --payload headers
answer payload '70 114' -s 70
check "-s: what it leaves is as it was" grep -q SECRET <(stored single)
answer payload '54 114' -s 70 --payload headers
answer payload '64 114' -s 64 --payload 16
answer options '80 112' -s 80 --payload headers
answer padded.more '64 72' -s 64

# What cannot be a policy is refused before anything is made.
for wrong in '--payload some' '--payload -1' '--payload' '--anonymize all' '--anonymize netblock:33,48' '--anonymize netblock:24,129' \
	'--anonymize netblock:' '--anonymize netblock --anonymize-exempt 192.0.2.0/33' '--anonymize netblock --anonymize-exempt nobody'; do
	read -ra options <<<"$wrong"
	run 2 "$FLOWKEEP" split -q -d refused payload.pcap "${options[@]}"
	check "$wrong: one line says why" test -s err
done
check "nothing was made" test ! -e refused
finish
