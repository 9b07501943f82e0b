#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
#
# record.sh [FOLDER] - record demo.pcap and demo.pcapng anew: real programs of this machine talk
# between two network namespaces that two veth pairs join. Needs root and the programs named below.
# Writes into FOLDER (default: where this script lies). Leaves no process, namespace or file behind,
# also when it fails or is interrupted. README says what the recordings contain and why.
set -euo pipefail
export LC_ALL=C
export PATH=$PATH:/usr/sbin:/sbin

here=$(cd "$(dirname "$0")" && pwd)
out=$(cd "${1:-$here}" && pwd)
server=flowkeep-server-$$
client=flowkeep-client-$$
work=
made_run_sshd=

die() {
	echo "record.sh: $*" >&2
	exit 1
}

# Everything that runs in our namespaces is ours, and nothing else is.
end_processes() {
	local name pids
	for name in "$client" "$server"; do
		pids=$(ip netns pids "$name" 2>/dev/null) || continue
		[ -z "$pids" ] || kill "-$1" $pids 2>/dev/null || true
	done
}

clean_up() {
	trap '' INT TERM HUP # a second one must not cut this short
	trap - EXIT
	set +e
	end_processes TERM
	sleep 0.3
	end_processes KILL
	ip netns del "$client" 2>/dev/null
	ip netns del "$server" 2>/dev/null
	[ -z "$made_run_sshd" ] || rmdir /run/sshd 2>/dev/null
	[ -z "$work" ] || rm -rf "$work"
}

at_server() { ip netns exec "$server" "$@"; }
at_client() { ip netns exec "$client" "$@"; }

check_needs() {
	local program
	[ "$(id -u)" = 0 ] || die "needs root, for network namespaces"
	for program in ip ethtool tcpdump dumpcap tshark nginx curl sshd ssh ssh-keygen iperf3 \
	    openssl python3 ping; do
		command -v "$program" >/dev/null || die "needs $program"
	done
}

# ---- the two hosts -----------------------------------------------------------------------------
#
#             fkc0 .10 ---- 192.0.2.0/24,    2001:db8:1::/64 ---- .1 fks0
#     client                                                             server
#             fkc1 .10 ---- 198.51.100.0/24, 2001:db8:2::/64 ---- .1 fks1

# set_up_end NAMESPACE DEVICE MAC IPV4 IPV6
set_up_end() {
	ip -n "$1" link set "$2" address "$3"
	ip -n "$1" addr add "$4" dev "$2"
	ip -n "$1" addr add "$5" dev "$2" nodad
	# No offloads: frames as a wire would carry them, checksums in place.
	ip netns exec "$1" ethtool -K "$2" tso off gso off gro off tx off rx off >/dev/null
	ip -n "$1" link set "$2" up
}

set_up_network() {
	local link
	ip netns add "$server"
	ip netns add "$client"
	ip -n "$server" link set lo up
	ip -n "$client" link set lo up
	for link in 0 1; do
		ip -n "$client" link add fkc$link type veth peer name fks$link netns "$server"
	done
	# The MAC addresses are those that RFC 9542 keeps for documentation.
	set_up_end "$server" fks0 00:00:5e:00:53:01 192.0.2.1/24 2001:db8:1::1/64
	set_up_end "$client" fkc0 00:00:5e:00:53:0a 192.0.2.10/24 2001:db8:1::10/64
	set_up_end "$server" fks1 00:00:5e:00:53:02 198.51.100.1/24 2001:db8:2::1/64
	set_up_end "$client" fkc1 00:00:5e:00:53:0b 198.51.100.10/24 2001:db8:2::10/64
	# A neighbour that does not exist: what is sent to it goes out and is never answered.
	ip -n "$client" neigh add 192.0.2.99 lladdr 00:00:5e:00:53:63 dev fkc0 nud permanent
	sleep 2 # the link-local addresses settle
}

offload() { # on|off: segmentation left to the device, so that a capture shows super-packets
	at_server ethtool -K fks0 tx "$1" sg "$1" tso "$1" gso "$1" >/dev/null
	at_client ethtool -K fkc0 rx "$1" >/dev/null
}

# ---- the programs ------------------------------------------------------------------------------

write_pages() {
	mkdir -p "$work/www"
	python3 - "$work/www" <<'PAGES'
import random, sys
random.seed(2)
words = ("flow packet capture archive segment window header server client network address port "
         "checksum stream record index the a of and to in is as by with").split()
def page(name, size):
    text = "<!DOCTYPE html>\n<html><head><title>%s</title></head><body>\n" % name
    while len(text) < size:
        text += "<p>" + " ".join(random.choice(words) for _ in range(12)) + ".</p>\n"
    open(sys.argv[1] + "/" + name, "w").write(text + "</body></html>\n")
page("index.html", 3000)
page("style.html", 900)
open(sys.argv[1] + "/small.bin", "wb").write(random.randbytes(12000))
open(sys.argv[1] + "/bulk.bin", "wb").write(random.randbytes(30000))
PAGES
}

start_nginx() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
	    -subj /CN=www.example.com -addext subjectAltName=DNS:www.example.com \
	    -keyout "$work/tls.key" -out "$work/tls.crt" 2>/dev/null
	cat >"$work/nginx.conf" <<NGINX
daemon off;
master_process off;
pid $work/nginx.pid;
error_log $work/nginx.log;
events {}
http {
	access_log off;
	server_tokens off;
	types { text/html html; application/octet-stream bin; }
	client_body_temp_path $work/body;
	proxy_temp_path $work/proxy;
	fastcgi_temp_path $work/fastcgi;
	uwsgi_temp_path $work/uwsgi;
	scgi_temp_path $work/scgi;
	server {
		listen 80;
		listen [::]:80;
		listen 443 ssl;
		listen [::]:443 ssl;
		server_name www.example.com;
		ssl_certificate $work/tls.crt;
		ssl_certificate_key $work/tls.key;
		root $work/www;
		location = /upload { client_max_body_size 1m; return 204; }
	}
}
NGINX
	at_server nginx -c "$work/nginx.conf" -p "$work" 2>/dev/null &
}

start_sshd() {
	[ -d /run/sshd ] || { mkdir /run/sshd && made_run_sshd=yes; }
	ssh-keygen -q -t ed25519 -N '' -C demo -f "$work/host_key"
	ssh-keygen -q -t ed25519 -N '' -C demo -f "$work/user_key"
	cat >"$work/sshd_config" <<SSHD
Port 22
HostKey $work/host_key
AuthorizedKeysFile $work/user_key.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
PidFile none
SSHD
	at_server "$(command -v sshd)" -D -f "$work/sshd_config" 2>"$work/sshd.log" &
}

start_python_server() {
	cat >"$work/server.py" <<'SERVER'
import socket, threading
# UDP: a name server that knows one answer; names that begin with "big" get one of 2,000 bytes.
def names(family, address):
    s = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6: # else it would take IPv4's port too
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((address, 53))
    while True:
        query, peer = s.recvfrom(512)
        answer = query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:]
        if query[13:16] == b"big":
            text = b"".join(b"\xc8" + b"flowkeep " * 22 + b"so" for _ in range(10))
            answer += b"\xc0\x0c\0\x10\0\1\0\0\x0e\x10" + len(text).to_bytes(2, "big") + text
        else:
            answer += b"\xc0\x0c\0\1\0\1\0\0\x0e\x10\0\4\xc0\0\2\1"
        s.sendto(answer, peer)
# TCP: echo one line, then wait for the other side to end.
def echo():
    s = socket.create_server(("192.0.2.1", 7))
    while True:
        c, _ = s.accept()
        try:
            c.sendall(c.recv(100))
            c.recv(100)
        except ConnectionError:
            pass
        c.close()
threading.Thread(target=names, args=(socket.AF_INET6, "::"), daemon=True).start()
threading.Thread(target=names, args=(socket.AF_INET, "0.0.0.0"), daemon=True).start()
echo()
SERVER
	cat >"$work/resolve.py" <<'RESOLVE'
import random, socket, sys
address, kind, names = sys.argv[1], sys.argv[2], sys.argv[3:]
s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(2)
for name in names:
    question = b"".join(bytes([len(w)]) + w.encode() for w in name.split(".")) + b"\0"
    question += int(kind).to_bytes(2, "big") + b"\0\1"
    s.sendto(random.randbytes(2) + b"\1\0\0\1\0\0\0\0\0\0" + question, (address, 53))
    s.recv(4096)
RESOLVE
	cat >"$work/echo.py" <<'ECHO'
# Three connections from one port: one ends by RST, two by FIN.
import socket, struct, time
for ending in ("rst", "fin", "fin"):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("192.0.2.10", 40007))
    s.connect(("192.0.2.1", 7))
    s.sendall(b"hello, this one ends by %s\n" % ending.encode())
    s.recv(100)
    if ending == "rst":
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        s.shutdown(socket.SHUT_WR)
        s.recv(100) # the server closed too
    s.close()
    time.sleep(1.2) # a tuple in TIME-WAIT is taken again after a second (tcp_tw_reuse)
ECHO
	at_server python3 "$work/server.py" 2>/dev/null &
}

start_programs() {
	write_pages
	start_nginx
	start_sshd
	start_python_server
	at_server iperf3 -s -B 192.0.2.1 -p 5201 >/dev/null 2>&1 &
	for _ in $(seq 50); do
		# ports 7 and 5201, and 22, 80 and 443 of both families
		[ "$(at_server ss -Hltn | wc -l)" -lt 8 ] || return 0
		sleep 0.1
	done
	die "the servers do not come up: $(cat "$work"/*.log)"
}

# ---- what is said ------------------------------------------------------------------------------

fetch() { at_client curl -sS -k -o /dev/null --max-time 10 "$@"; }

login() { # ADDRESS COMMAND
	at_client ssh -F none -i "$work/user_key" -o BatchMode=yes -o LogLevel=ERROR \
	    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
	    -o IdentitiesOnly=yes "root@$1" "$2" >/dev/null
}

say_demo() {
	at_client ping -q -c 2 -i 0.2 192.0.2.1 >/dev/null
	at_client ping -q -c 2 -i 0.2 2001:db8:1::1 >/dev/null
	at_client python3 "$work/resolve.py" 192.0.2.1 1 www.example.com mail.example.com
	at_client python3 "$work/resolve.py" 2001:db8:1::1 1 www.example.com
	# Answers of 2,000 bytes: two fragments each.
	at_client python3 "$work/resolve.py" 192.0.2.1 16 big.example.com
	at_client python3 "$work/resolve.py" 2001:db8:1::1 16 big.example.com

	local web4=http://192.0.2.1 web6='http://[2001:db8:1::1]'
	local tls4=https://www.example.com tls6=https://www.example.com
	fetch $web4/ -o /dev/null $web4/style.html -o /dev/null $web4/missing.html
	fetch "$web6/" -o /dev/null "$web6/style.html"
	fetch --resolve www.example.com:443:192.0.2.1 $tls4/
	fetch --resolve 'www.example.com:443:[2001:db8:1::1]' $tls6/ -o /dev/null $tls6/style.html
	# Two at once, and each goes to and fro, so that their packets mix.
	login 192.0.2.1 'seq 1 100' &
	login 2001:db8:1::1 'echo hello'
	wait $!
	fetch --data-binary "@$work/www/small.bin" -H 'Content-Type: application/octet-stream' \
	    -H 'Expect:' "$web6/upload"
	at_client iperf3 -c 192.0.2.1 -p 5201 -n 24K -l 4K >/dev/null
	at_client python3 "$work/echo.py"

	# Two at once again; then refused and unanswered ones.
	fetch $web4/bulk.bin &
	fetch "$web6/small.bin"
	wait $!
	fetch http://192.0.2.1:81/ 2>/dev/null || true
	fetch 'http://[2001:db8:1::1]:81/' 2>/dev/null || true
	fetch --connect-timeout 4 http://192.0.2.99/ 2>/dev/null || true

	offload on
	fetch $web4/bulk.bin
	offload off
}

say_two_links() {
	at_client ping -q -c 1 192.0.2.1 >/dev/null
	at_client ping -q -c 1 2001:db8:2::1 >/dev/null
	at_client python3 "$work/resolve.py" 198.51.100.1 1 www.example.com
	fetch http://192.0.2.1/small.bin &
	fetch 'http://[2001:db8:2::1]/small.bin'
	wait $!
	fetch http://198.51.100.1/
	fetch --resolve 'www.example.com:443:[2001:db8:1::1]' https://www.example.com/
	login 198.51.100.1 'echo hello' &
	login 2001:db8:1::1 'seq 1 100'
	wait $!
}

# ---- the recording -----------------------------------------------------------------------------

# stop_recorder PROCESS JOB: by a signal that lets it write what it has
stop_recorder() {
	sleep 1
	kill -TERM $(ip netns pids "$server" | while read -r pid; do
		[ "$(cat "/proc/$pid/comm")" != "$1" ] || echo "$pid"
	done)
	wait "$2"
}

# The section header names the processor and the kernel: not ours to publish, so they are taken out
# (options 2 and 3 of the section header, 12 of the interfaces). Packets and their times stay.
without_machine() {
	python3 - "$1" "$2" <<'STRIP'
import struct, sys
data, out, at = open(sys.argv[1], "rb").read(), b"", 0
while at < len(data):
    kind, size = struct.unpack_from("<II", data, at)
    body, at = data[at + 8:at + size - 4], at + size
    drop, head = {0x0a0d0d0a: ((2, 3), 16), 1: ((12,), 8)}.get(kind, ((), len(body)))
    options, body = body[head:], body[:head]
    while options:
        code, length = struct.unpack_from("<HH", options)
        whole = 4 + (length + 3) // 4 * 4
        if code not in drop:
            body += options[:whole]
        options = options[whole:]
    out += struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
open(sys.argv[2], "wb").write(out)
STRIP
}

record_demo() {
	at_server tcpdump -Z root -U -i fks0 --time-stamp-precision=nano \
	    -w "$work/demo.pcap" 2>"$work/tcpdump.log" &
	local recorder=$!
	sleep 1
	say_demo
	stop_recorder tcpdump $recorder
	grep -q '^0 packets dropped by kernel' "$work/tcpdump.log" || die "tcpdump lost packets"
}

record_two_links() {
	at_server dumpcap -q -i fks0 -i fks1 -s 96 -w "$work/raw.pcapng" 2>"$work/dumpcap.log" &
	local recorder=$!
	sleep 2
	say_two_links
	stop_recorder dumpcap $recorder
	[ "$(grep -c "^Packets received/dropped on interface 'fks[01]': [0-9]*/0 " \
	    "$work/dumpcap.log")" = 2 ] || die "dumpcap lost packets: $(cat "$work/dumpcap.log")"
	without_machine "$work/raw.pcapng" "$work/demo.pcapng"
}

check_needs
work=$(mktemp -d)
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
set_up_network
start_programs
record_demo
record_two_links
for name in demo.pcap demo.pcapng; do
	if grep -a -q -F -e "$(hostname)." -e "$(uname -r)" "$work/$name"; then
		die "$name names this machine"
	fi
	"$here/flows.py" "$work/$name" >"$work/$name.tsv"
done
cp "$work"/demo.pcap "$work"/demo.pcapng "$work"/demo.pcap.tsv "$work"/demo.pcapng.tsv "$out/"
ls -l "$out"/demo.*
