# SPDX-License-Identifier: BSD-2-Clause
"""The other side of sd_notify(3): notify.py SOCKET writes each message as a line "PID VARIABLE=VALUE"."""
import os
import socket
import struct
import sys

SO_PASSCRED, SCM_CREDENTIALS = 16, 2  # unix(7)


def main():
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, SO_PASSCRED, 1)
    listener.bind(sys.argv[1])
    os.chmod(sys.argv[1], 0o777)
    print("0 LISTENING=1", flush=True)
    while True:
        data, extra, _, _ = listener.recvmsg(65536, 256)
        pid = 0
        for _, kind, content in extra:
            if kind == SCM_CREDENTIALS:
                pid = struct.unpack("iII", content[:12])[0]
        for line in data.decode(errors="replace").splitlines():
            print(pid, line, flush=True)


if __name__ == "__main__":
    main()
