# SPDX-License-Identifier: GPL-3.0-or-later
"""proxied HOST PORT N ADDRESS|-: as a proxy, N connections of a client with that address (-: it is not said) that say
nothing more. Prints how many the other side keeps."""

import select
import socket
import sys
import time

host, port, n, client = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
kept = []
for i in range(n):
    s = socket.create_connection((host, port), timeout=10)
    if client != "-":
        s.sendall(b"PROXY TCP4 %s 192.0.2.1 %d 443\r\n" % (client.encode(), 1024 + i))
    kept.append(s)

end = time.monotonic() + 0.6
while time.monotonic() < end:
    gone = select.select(kept, [], [], 0.3)[0]
    for s in gone:
        kept.remove(s)
print(len(kept))
