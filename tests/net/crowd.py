# SPDX-License-Identifier: GPL-3.0-or-later
"""crowd HOST PORT EACH SECONDS FROM...: so many connections from each of these addresses of ours, all
at once, that say nothing. Prints how many the other side kept, when all are there and at the end."""

import select
import socket
import sys
import time

host, port, each, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
kept = []
for source in sys.argv[5:]:
    for _ in range(each):
        try:
            kept.append(socket.create_connection((host, port), timeout=10, source_address=(source, 0)))
        except OSError:
            pass  # refused: so much the better


def look(wait):
    """Forget those that were closed within that time."""
    global kept
    end = time.monotonic() + wait
    while True:
        poll = select.poll()
        for s in kept:
            poll.register(s, select.POLLIN)
        gone = {fd for fd, _ in poll.poll(max(0, end - time.monotonic()) * 1000)}
        if not gone:
            return
        for s in [s for s in kept if s.fileno() in gone]:
            s.close()
            kept.remove(s)


look(2)
print("kept", len(kept), flush=True)
look(seconds)
print("left", len(kept), flush=True)
