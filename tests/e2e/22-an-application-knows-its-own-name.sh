#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The examples in contrib/ print the UUID of their own connection, and under that UUID the archive has
# it: C and Python, connecting and accepting, with the prefix file where everybody looks for it.
. "$(dirname "$0")/lib.sh"
. "$here/netlib.sh"
contrib=$(cd "$here/../../contrib" && pwd)
need cc unshare

net_start
cc -o socket-uuid "$contrib/socket-uuid.c" 2>cc.err || fail "the C example: $(cat cc.err)"
mkdir -p run
# A /run and a /var/local of its own, so that the system's prefix is not touched. $1 is the event socket.
cat >inside <<END
set -e
mount -t tmpfs none /run && mount -t tmpfs none /var/local
"$FLOWKEEP" events --listen "\$1" >events.out 2>events.err &
trap 'kill \$!' EXIT
until [ -S "\$1" ] && [ -f ready ]; do sleep 0.05; done
./socket-uuid 10.77.1.2 9000 >>uuids
"$python" "$contrib/socket-uuid.py" 10.77.1.2 9000 >>uuids
"$python" "$contrib/socket-uuid.py" --serve 8090 >>uuids
touch done
until [ -f stopped ]; do sleep 0.05; done
END
ip netns exec "$server_ns" unshare -m bash inside "$sockets/events" 2>inside.err &
inside=$!
await 60 "the event server" connectable "$sockets/events"
start_capture -d a -i srv0 --events "$sockets/events" || net_finish
await 60 "flowkeep capture at the event socket" has_client "$sockets/events"

# Who is connected to, and who connects: in the other namespace.
ip netns exec "$client_ns" "$python" -c '
import socket, time
listener = socket.create_server(("10.77.1.2", 9000))
open("ready", "w").close()
for _ in range(2):
    connection = listener.accept()[0]
    while connection.recv(1000):
        pass
    connection.close()
for _ in range(600):
    try:
        connection = socket.create_connection(("10.77.1.1", 8090))
        break
    except ConnectionRefusedError:
        time.sleep(0.05)
print(connection.makefile().readline(), end="")
' >told 2>client.err &
client=$!
await 60 "the end of the examples" test -f done
wait $client || fail "the other end: $(cat client.err)"
same "the accepted side told the other its UUID" "$(tail -1 uuids)" "$(cat told)"
stop_capture 0
touch stopped
wait $inside
no_sanitizer events.err
same "connections" 3 "$(sort -u uuids | wc -l)"
while read -r uuid; do
	run 0 "$FLOWKEEP" fetch -d a -w flow.pcap "$uuid"
	check "$uuid has the handshake" test "$(tcpdump -nr flow.pcap 2>/dev/null | wc -l)" -ge 6
done <uuids
net_finish
