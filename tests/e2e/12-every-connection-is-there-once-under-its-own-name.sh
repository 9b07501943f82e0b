#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# 2,000 real TCP connections, IPv4 and IPv6, some idle, some bulk, ended in every way, with flowkeep's
# own event server beside: every one is in the archive once, with exactly the packets that tcpdump has
# on the same interface, under the UUID that the server told from its SO_COOKIE. No kernel drops.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"

connections=$(size 2000 300 100)
net_start
printf 'e2e-host_1577836800' >prefix
start_server --prefix e2e-host_1577836800 8080 8081/4
start_events "$sockets/events"
start_dump wire.pcap srv0
start_capture -d a -i srv0 --events "$sockets/events" || net_finish
await 30 "flowkeep capture at the event socket" has_client "$sockets/events"

# to a socket of IPv6, to the same with a mapped address, to a socket of IPv4
start_client many --connections "$connections" --seed 12 10.77.1.1/8080 fd77:1::1/8080 10.77.1.1/8081 fd77:1::1/8080
end_client many
same "the server named" "$connections" "$(wc -l <names)"

# tagged frames: one tag, and two
in_client "$python" "$here/net/tagged.py" cli0 02:00:00:00:01:01 || fail "tagged frames"

stop_dump
stop_capture 0
same "kernel drops" 0 "$(kernel_drops)"
same "flows" $((connections + 2)) "$(json flows)"
same "dropped" 0 "$("$python" -c 'import json; print(sum(json.load(open("out"))["dropped"].values()))')"
check "every event is counted once: $(json events)" events_balanced
same "connections named by events" "$connections" "$(json events.named)"
check "archive and tcpdump agree" "$python" "$here/net/compare.py" --archive a --dump wire.pcap --names names
verify_clean a

# What `find` and `fetch` say is the same again.
"$FLOWKEEP" find -d a --format json >found || fail "find"
"$python" - names found <<'END' || fail "find disagrees"
import json
import sys

named = {line.split()[0]: line.split()[1:] for line in open(sys.argv[1])}
found = {flow["uuid"]: flow for flow in map(json.loads, open(sys.argv[2]))}
wrong = 0
for uuid, (client, client_port, server, server_port) in named.items():
    flow = found.get(uuid, {})
    want = [client.removeprefix("::ffff:"), int(client_port), server.removeprefix("::ffff:"), int(server_port), "event"]
    got = [flow.get(key) for key in ("client_ip", "client_port", "server_ip", "server_port", "uuid_source")]
    if want != got:
        wrong += 1
        if wrong <= 3:
            print(f"  {uuid}: wanted {want}, got {got}")
sys.exit(wrong > 0)
END
uuid=$(head -1 names | cut -d' ' -f1)
run 0 "$FLOWKEEP" fetch -d a -w one.pcap "$uuid"
run 0 tcpdump -n -r one.pcap
check "fetch gives packets" test -s out
net_finish
