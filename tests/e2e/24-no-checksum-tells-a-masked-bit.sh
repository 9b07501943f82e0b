#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Inputs that differ in nothing but hidden bits of an address give the same files, whatever their
# checksums are like; and what had good checksums has good ones still.
. "$(dirname "$0")/lib.sh"
. "$here/privacylib.sh"
values4=$(size 256 4 8) values6=$(size 64 5 8) wrong=$(size 16 5 8) few=$(size 8 5 5)

# Right checksums; those of a sender that leaves the rest to its hardware; and wrong ones.
for kind in right partial wrong; do
	[ "$kind" != wrong ] || values4=$wrong values6=$wrong
	generate family --checksum "$kind" --values "$values4" 4 "$kind.4"
	generate family --checksum "$kind" --values "$values6" 6 "$kind.6"
	inputs=("$kind".[46]/*.pcap)
	check "$kind: there are as many inputs" test "${#inputs[@]}" -ge $((values4 + values6))
	same "$kind: no two inputs are the same" "${#inputs[@]}" "$(sha256sum "${inputs[@]}" | cut -d' ' -f1 | sort -u | wc -l)"
	for version in 4 6; do
		for payload in headers full zero 8; do
			ask "IPv$version, $kind checksums, --payload $payload: not the same files" same "$kind.$version" --payload "$payload" --anonymize netblock
		done
	done
done

# With addresses kept, or one bit less hidden, the same question is answered with no.
generate family --values "$few" 4 few.4
generate family --values "$few" 6 few.6
for policy in none netblock:25,49; do
	for version in 4 6; do
		ask_no "IPv$version, --anonymize $policy" same "few.$version" --anonymize "$policy"
	done
done

# What is archived is what is archived without policy, but that flows may have become equal.
ledger() {
	python3 -c 'import json
l = json.load(open("out"))
l["skipped"]["archived"] = l["packets_archived"] + l["skipped"].pop("duplicate")
print(l["packets_read"], l["skipped"], sum(l["dropped"].values()))'
}

# compare NAME STATUS FILE...: an archive without policy, and one for each way to deal with payload
compare() {
	local name=$1 status=$2 ledger payload
	shift 2
	archive "$name" "$status" "$@"
	ledger=$(ledger)
	for payload in full zero headers 8; do
		archive "$name.$payload" "$status" --payload "$payload" --anonymize netblock "$@"
		same "$name, --payload $payload: as many packets" "$ledger" "$(ledger)"
		run 0 "$FLOWKEEP" verify -q -d "$name.$payload"
	done
	ask "$name: checksums" checksums "$name" "$name.full=full" "$name.zero=zero" "$name.headers=headers" "$name.8=8"
	cat told
}

for kind in right partial wrong zero; do
	generate mix --checksum "$kind" "$kind.mix4.pcap"
	generate mix --checksum "$kind" --start 1767323055 --client 2001:db8:77::1:7 --server 2001:db8:99::9 "$kind.mix6.pcap"
	compare "$kind.mix" 0 "$kind".mix[46].pcap
	if [ "$kind" = right ]; then
		check "good checksums were seen in what is stored" grep -qE '[0-9]{2,} good icmp, .* [0-9]{3,} good tcp, [0-9]{2,} good udp' told
	else
		check "$kind: checksums of transports were zeroed" grep -qE ' [0-9]{3,} zero tcp, [0-9]{2,} zero udp' told
	fi
done
ask_no "checksums that were not right, and are kept" checksums partial.mix partial.mix=full

if real_captures; then
	compare captures 1 "${captures[@]}" # some of them are damaged
	check "good checksums were seen in captures" grep -qE '[0-9]{4,} good tcp' told
fi
finish
