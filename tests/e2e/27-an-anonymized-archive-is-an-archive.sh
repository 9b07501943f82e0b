#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Archives whose addresses are replaced are archives like others: every flow is there with both its
# directions, find, fetch, verify and reindex work, the same key gives the same archive, what became of
# each address is what an implementation of our own computes, and the record says what was done; also
# where two hosts become one, and after a kill.
. "$(dirname "$0")/lib.sh"
need python3 openssl
export PYTHONDONTWRITEBYTECODE=1
anonymized() { python3 "$here/anonymized.py" "$@" >said || { cat said && false; }; }
split() {
	local dir=$1
	shift
	run 0 "$FLOWKEEP" split -v -v -d "$dir" --json --sync none --protocols all "$@"
	cp err "$dir.log"
	cp out "$dir.ledger"
	check "$dir: the ledger balances" balanced
}
capture() { python3 "$here/anonymized.py" make "$1" "$1.pcap" || fail "anonymized.py make $1"; }
verify() { run 0 "$FLOWKEEP" verify -d "$1"; }
# reindexed DIR: the rows are the same when they are made anew
reindexed() {
	local before
	before=$(rows_sum "$1")
	rm "$1"/*/*/*/flows.sqlite
	run 0 "$FLOWKEEP" reindex -q -d "$1"
	same "$1: rows after reindex" "$before" "$(rows_sum "$1")"
	verify "$1"
}
hosts() { "$FLOWKEEP" find -d "$1" --format json | python3 -c 'import json, sys
print(*sorted({json.loads(line)[end] for line in sys.stdin for end in ("client_ip", "server_ip")}))'; }
mode() { stat -c %a "$1"; }

anonymized vectors || fail "our own Crypto-PAn is not the published one"

# ---- many flows under each policy: the same flows as without one --------------------------------

flows=$(size 2000 200 300)
"$FLOWGEN" --flows $flows --mean-bytes 1KiB --seed 27 --udp-fraction 0.1 --vlan-fraction 0.05 --fragment-fraction 0.02 \
	--reuse-fraction 0.02 --midstream-fraction 0.05 many.pcap || fail "flowgen"
printf '27182818%.0s' 1 2 3 4 5 6 7 8 >key
chmod 600 key
split plain many.pcap
same "plain: no policy in records" "" "$(flow_files plain | xargs cat | grep -aoE '"(payload|anonymize|anonymize_mac|exempt)":' | sort -u)"
split netblock --anonymize netblock many.pcap
split narrow --anonymize netblock:12,40 --payload headers many.pcap
split cryptopan --anonymize cryptopan --anonymize-key key many.pcap
split macs --anonymize netblock --anonymize-mac --anonymize-key key --payload zero many.pcap
for dir in netblock narrow cryptopan macs; do
	check "$dir: the same flows as without anonymization" anonymized same plain $dir
	verify $dir
	reindexed $dir
done
check "netblock: what addresses became" anonymized mapped netblock:24,48 plain netblock
check "narrow: what addresses became" anonymized mapped netblock:12,40 plain narrow
check "cryptopan: what addresses became" anonymized mapped cryptopan:key plain cryptopan
check "netblock: records" anonymized records netblock anonymize=netblock:24,48 payload= anonymize_mac= exempt=
check "narrow: records" anonymized records narrow anonymize=netblock:12,40 payload=headers anonymize_mac= exempt=
check "cryptopan: records" anonymized records cryptopan anonymize=cryptopan payload= anonymize_mac= exempt=
check "macs: records" anonymized records macs anonymize=netblock:24,48 payload=zero anonymize_mac=true exempt=

for dir in netblock cryptopan; do
	"$FLOWKEEP" find -d $dir --format json >found
	wrong=0
	while read -r uuid packets; do
		"$FLOWKEEP" fetch -q -d $dir -w one.pcap "$uuid" && [ "$(python3 -c 'import sys
sys.path.insert(0, sys.argv[1])
import privacy
print(len(privacy.read_pcap("one.pcap")))' "$here")" = "$packets" ] || wrong=$((wrong + 1))
		rm -f one.pcap
	done < <(python3 -c 'import json
for line in list(open("found"))[::'$((flows / $(size 10 3 3)))']:
    flow = json.loads(line)
    print(flow["uuid"], flow["packets"])')
	same "$dir: flows that fetch does not give" 0 $wrong
	check "$dir: hosts are others" test "$(hosts plain)" != "$(hosts $dir)"
	stored=$(comm -13 <(hosts plain | tr ' ' '\n' | sort) <(hosts $dir | tr ' ' '\n' | sort) | head -1)
	original=$(comm -23 <(hosts plain | tr ' ' '\n' | sort) <(hosts $dir | tr ' ' '\n' | sort) | head -1)
	check "$dir: there are hosts to ask for" test -n "$stored" -a -n "$original"
	run 0 "$FLOWKEEP" find -d $dir --format json host "$stored"
	same "$dir: flows of host $stored" "$("$FLOWKEEP" find -d $dir --format json | grep -cF "_ip\":\"$stored\"")" "$(wc -l <out)"
	run 1 "$FLOWKEEP" find -d $dir host "$original"
done

# Captures of the folder: where both policies and real ones meet
captures=${FLOWKEEP_CAPTURES:-}
if [ -d "$captures" ]; then
	real=("$captures"/ipv6/*.pcap "$captures"/tcp/*.pcap)
	for dir in real.plain real.netblock real.cryptopan; do
		case $dir in
		*.plain) policy=() ;;
		*.netblock) policy=(--anonymize netblock --payload headers) ;;
		*.cryptopan) policy=(--anonymize cryptopan --anonymize-key key) ;;
		esac
		"$FLOWKEEP" split -q -d $dir --json --sync none --protocols all "${policy[@]}" "${real[@]}" >out 2>err
		check "$dir: exit status" test $? -le 1
		check "$dir: the ledger balances" balanced
		python3 -c 'import json
l = json.load(open("out"))
print(l["packets_read"], l["packets_archived"], l["flows"], l["skipped"], l["dropped"])' >$dir.counts
		same "$dir: packets and flows" "$(cat real.plain.counts)" "$(cat $dir.counts)"
		verify $dir
	done
	check "real captures, cryptopan: the same flows" anonymized same real.plain real.cryptopan
	check "real captures, cryptopan: what addresses became" anonymized mapped cryptopan:key real.plain real.cryptopan
	check "real captures, netblock: the same flows" anonymized same real.plain real.netblock
	reindexed real.cryptopan
	reindexed real.netblock
else
	echo "real captures skipped: there are none"
	skipped=$((skipped + 1))
fi

# ---- keys -----------------------------------------------------------------------------------------

capture hosts
split hosts.plain hosts.pcap
old=$(umask)
umask 0
split hosts.1 --anonymize cryptopan --anonymize-key new hosts.pcap
umask "$old"
same "mode of a key that was made" 600 "$(mode new)"
check "form of a key that was made: $(head -c 20 new)..." grep -qE '^[0-9a-f]{64}$' new
same "bytes of a key that was made" 65 "$(stat -c %s new)"
made=$(sha256sum <new)
split hosts.2 --anonymize cryptopan --anonymize-key new hosts.pcap
same "the key stays" "$made" "$(sha256sum <new)"
same "the same key: the same archive" "$(files_sum hosts.1)" "$(files_sum hosts.2)"
python3 -c 'import sys
sys.stdout.buffer.write(bytes.fromhex(open("new").read()))' >raw
chmod 600 raw
split hosts.3 --anonymize cryptopan --anonymize-key raw hosts.pcap
same "the key as 32 bytes: the same archive" "$(files_sum hosts.1)" "$(files_sum hosts.3)"
split hosts.4 --anonymize cryptopan --anonymize-key key hosts.pcap
check "another key: another archive" test "$(files_sum hosts.1)" != "$(files_sum hosts.4)"
check "another key: other addresses" test "$(hosts hosts.1)" != "$(hosts hosts.4)"
check "what addresses became" anonymized mapped cryptopan:new hosts.plain hosts.1
check "prefixes, by the first key" anonymized prefixes hosts.plain hosts.1
check "prefixes, by the other" anonymized prefixes hosts.plain hosts.4
mkdir hosts.said
cp hosts.?.log hosts.?.ledger hosts.said
echo "key bytes $(cat new) always" >new.needle
check "the key is where it should not be" python3 "$here/find_bytes.py" new.needle hosts.1 hosts.2 hosts.3 hosts.said
check "the search for the key finds it where it is" python3 "$here/find_bytes.py" --present new.needle new
check "the search for the key finds it where it is" python3 "$here/find_bytes.py" --present new.needle raw

# ---- refusals: one line, no archive ----------------------------------------------------------------

# refused WORDS STATUS OPTIONS...
refused() {
	local words=$1 status=$2
	shift 2
	rm -rf refused
	run "$status" timeout 20 "$FLOWKEEP" split -d refused --sync none --payload headers "$@" hosts.pcap
	same "$words: lines: $(head -c 400 err)" 1 "$(wc -l <err)"
	check "$words: nothing is said on stdout" test ! -s out
	check "$words: nothing is archived" test -z "$(flow_files refused 2>/dev/null)"
	check "$words: the message shows no key" test -z "$(grep -oE '[0-9a-fA-F]{30}' err)"
}

: >empty
head -c 60 key >short
{ cat key && echo 00; } >long
tr 1-3 w-y <key >letters
printf 'a%.0s' {1..31} >short.raw
mkdir folder
mkfifo fifo
ln -s nowhere dangling
chmod 600 empty short long letters short.raw
for bad in empty short long letters short.raw folder fifo dangling; do
	refused "key $bad" 3 --anonymize cryptopan --anonymize-key $bad
	check "key $bad: the message names it" grep -q "'\\?$bad" err
done
check "a key that was refused was not changed" test ! -s empty -a ! -e nowhere
refused "a key in a folder that is not there" 3 --anonymize cryptopan --anonymize-key nowhere/key
refused "cryptopan without key" 2 --anonymize cryptopan
check "cryptopan without key: it says what is missing" grep -q -- --anonymize-key err
refused "hardware addresses without key" 2 --anonymize-mac
check "hardware addresses without key: it says what is missing" grep -q -- --anonymize-key err
for bad in netblock:33,48 netblock:24,129 netblock: netblock:24 netblock:,48 netblock:-1,48 netblock:24,48,1 netblockx cryptopan:1 NETBLOCK ''; do
	refused "--anonymize '$bad'" 2 --anonymize "$bad"
done
for bad in header headersx -1 1k2 99999999999999999999 ''; do
	refused "--payload '$bad'" 2 --payload "$bad"
done
for bad in 192.0.2.0/33 2001:db8::/129 192.0.2 ",192.0.2.0/24" locally 192.0.2.0/-1 '192.0.2.0/24 ' ''; do
	refused "--anonymize-exempt '$bad'" 2 --anonymize netblock --anonymize-exempt "$bad"
done

# ---- two hosts that become one -------------------------------------------------------------------------

# joined CASE FLOWS
joined() {
	local policy dir
	capture "$1"
	split "$1.plain" "$1.pcap"
	same "$1: flows without a policy" "$2" "$(json flows)"
	for policy in netblock netblock:0,0 cryptopan; do
		dir=$1.${policy/:*/.0}
		split "$dir" --anonymize $policy --anonymize-key key "$1.pcap"
		same "$dir: flows" "$2" "$(json flows)"
		same "$dir: all packets are archived" "$(json packets_read)" "$(json packets_archived)"
		verify "$dir"
		check "$dir: the same flows" anonymized same "$1.plain" "$dir"
		reindexed "$dir"
	done
}
joined one-netblock 6
check "both ends in one netblock: one file per flow" test "$(flow_files one-netblock.netblock | wc -l)" -eq 6
joined two-clients 6
same "two clients in one netblock: two names" 6 "$("$FLOWKEEP" find -d two-clients.netblock --format uuid | sort -u | wc -l)"
joined same-time 4
same "two clients at the same nanosecond: two names" 4 "$("$FLOWKEEP" find -d same-time.netblock --format uuid | sort -u | wc -l)"
joined mapped 5
check "mapped addresses" anonymized mapped cryptopan:key mapped.plain mapped.cryptopan
check "mapped addresses" anonymized mapped netblock:24,48 mapped.plain mapped.netblock

# Flows that nothing tells apart but what they say: one name, all packets. Twins are one and the same.
for case in same-name twins; do
	capture $case
	split $case.netblock --anonymize netblock $case.pcap
	same "$case: every packet is archived, or a duplicate" "$(json packets_read)" "$(($(json packets_archived) + $(json skipped.duplicate)))"
	verify $case.netblock
	reindexed $case.netblock
	split $case.cryptopan --anonymize cryptopan --anonymize-key key $case.pcap
	same "$case: cryptopan tells them apart" "2 16" "$(json flows) $(json packets_archived)"
done
split same-name.netblock.2 --anonymize netblock same-name.pcap
same "same-name: all packets are archived" 16 "$(json packets_archived)"

# ---- addresses that stay ------------------------------------------------------------------------------------

capture exempt
split exempt.plain exempt.pcap
exempt=198.51.100.8/29,203.0.113.5,2001:db8:99::/48,192.0.2.2/32
for policy in netblock:24,48 cryptopan; do
	dir=exempt.${policy%%:*}
	split "$dir" --anonymize "$policy" --anonymize-key key --anonymize-exempt $exempt exempt.pcap
	how=$policy
	[ "$policy" != cryptopan ] || how=cryptopan:key
	check "$dir: the same flows" anonymized same exempt.plain "$dir"
	check "$dir: what addresses became" anonymized mapped "$how" exempt.plain "$dir" $exempt
	check "$dir: records" anonymized exempt "$dir" $exempt
	check "$dir: all kinds of flow are there: $(cat said)" test "$(grep -oE 'None|low|high|both' said | sort -u | wc -l)" -eq 4
	verify "$dir"
	reindexed "$dir"
done

# ---- a capture that is killed ---------------------------------------------------------------------------------

if [ "$failed" -gt 0 ] || [ "$(id -u)" -ne 0 ]; then
	[ "$failed" -gt 0 ] || { echo "the live part skipped: needs root" && skipped=$((skipped + 1)); }
	finish
fi
. "$here/netlib.sh"
need curl
staged() { [ "$(find a/.staging -type f -size +0 | wc -l)" -ge "$1" ]; }
archived() { [ "$(flow_files a | wc -l)" -ge "$1" ]; }
net_start
start_server --prefix e2e 8080
policy=(--payload headers --anonymize cryptopan --anonymize-mac --anonymize-key live.key)
start_capture -d a -i srv0 -v -v --flush-interval 1h --linger 100ms --metrics 127.0.0.1:9990 "${policy[@]}" || net_finish
same "mode of a key that was made" 600 "$(mode live.key)"
start_client held --connections 12 --mix hold:1 --port 20000 --release 10.77.1.1/8080 fd77:1::1/8080
await 60 "open connections" client_open held
start_client short --connections 10 --mix short:1 --port 21000 10.77.1.1/8080
end_client short
await 60 "published flows" archived 10
kill -USR2 "$capture_pid"
await 60 "staged flows" staged 12
scrape >metrics
kill -9 "$capture_pid"
wait "$capture_pid" 2>/dev/null
cp -r a killed
check "staged files are there after the kill" test "$(find killed/.staging -type f -size +0 | wc -l)" -ge 12

# What was staged is adopted by one that has another policy: its record still says its own.
start_capture -d a -i srv0 -v -v --flush-interval 1h || net_finish
stop_capture 0
same "nothing is staged any more" '' "$(find a/.staging -type f)"
verify_clean a
"$FLOWKEEP" find -d a --format json >found || fail "find"
same "flows that a kill cut" 12 "$(grep -c '"end_reason":"crash"' found)"
check "records, also of what was adopted" anonymized records a payload=headers anonymize=cryptopan anonymize_mac=true exempt=
reindexed a
clients=$("$python" -c 'import json
print(*sorted({json.loads(line)["client_ip"] for line in open("found")}))')
check "clients are not who they were: $clients" test "$clients" != "10.77.1.2 fd77:1::2"
same "two clients" 2 "$(wc -w <<<"$clients")"

# The same key, the same clients.
start_capture -d b -i srv0 --flush-interval 1h --linger 100ms "${policy[@]}" --anonymize-exempt local || net_finish
start_client again --connections 10 --mix short:1 --port 22000 10.77.1.1/8080 fd77:1::1/8080
end_client again
release_client held
end_client held
stop_capture 0
verify_clean b
same "the same key: the same clients" "$clients" "$("$FLOWKEEP" find -d b --format json | "$python" -c 'import json, sys
print(*sorted({flow["client_ip"] for flow in map(json.loads, sys.stdin)}))')"
same "the server stays" "10.77.1.1 fd77:1::1" "$("$FLOWKEEP" find -d b --format json | "$python" -c 'import json, sys
print(*sorted({flow["server_ip"] for flow in map(json.loads, sys.stdin)}))')"
check "records name the end that stayed" anonymized exempt b 10.77.1.1,fd77:1::1
{
	echo "key bytes $(cat live.key) always"
	echo client v4 0a4d0102 always
} >live.needle
check "the key, or a client's address, is where it should not be" "$python" "$here/find_bytes.py" live.needle a b killed metrics capture*.out capture*.err
net_finish
