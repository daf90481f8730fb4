# SPDX-License-Identifier: GPL-3.0-or-later
"""Nonsense for a DNS server: garbage.py ADDRESS PORT

Datagrams of all kinds, connections that say nothing, half a message, or a length of 65,535; more of
them than it keeps. It must still answer afterwards, which the caller looks at.
"""

import random
import socket
import struct
import sys

QUESTION = b"\x04plc1\x05site1\x03lab\x06farlan\x00\x00\x01\x00\x01"
GOOD = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0) + QUESTION


def datagrams(where):
    rnd = random.Random(1)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for i in range(3000):
        data = bytearray(GOOD)
        for _ in range(rnd.randrange(4)):
            data[rnd.randrange(len(data))] = rnd.randrange(256)
        if i % 3 == 0:
            data = data[: rnd.randrange(len(data))]
        if i % 100 == 0:
            data = bytearray(rnd.randbytes(rnd.choice([0, 11, 12, 512, 4096, 60000])))
        udp.sendto(data, where)
    return udp


def connections(where):
    kept = []
    for i in range(60):
        tcp = socket.create_connection(where, 10)
        tcp.settimeout(10)
        try:
            if i % 3 == 1:
                tcp.sendall(struct.pack(">H", len(GOOD)) + GOOD[:20])
            if i % 3 == 2:
                tcp.sendall(b"\xff\xff" + GOOD)
        except OSError:
            pass  # it had enough of this one
        kept.append(tcp)
    return kept


address = (sys.argv[1], int(sys.argv[2]))
left_open = [datagrams(address)] + connections(address)
print(len(left_open))
