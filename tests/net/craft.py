#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""craft COMMAND ... - packets that have no business in a tunnel. Built on tests/net/attack.py.

  tun INTERFACE OWN PEER OTHER OWN6 PEER6
        write them into the host's own TUN device, as if its kernel had sent them
  peer STATE DEVICE OWN OTHER DEVICE6
        as a manager with the right certificate, in frames to the device; OWN: a host on its LAN,
        DEVICE6: one by IPv6; then stay until standard input ends
  lan INTERFACE MAC SOURCE,TO...
        a datagram for each pair, in an Ethernet frame to the router MAC
  listen INTERFACE
        a line for each datagram that arrives there with our mark, until standard input ends

OWN is an address of this side's LAN, PEER one of the other side's, OTHER one of another session's.
tun and peer print what they sent as JSON: {counter: packets}, by the counter that has to tell of it.
"""
import json
import select
import socket
import struct
import sys
import time

import attack
import peer

MARK = b"farlan-crafted-packet"
TIMES = 3
TCP, UDP, ROUTING, HOP_BY_HOP = 6, 17, 43, 0
MORE = 0x2000


def udp(payload=MARK):
    return struct.pack(">HHHH", 4000, 9, 8 + len(payload), 0) + payload


def ipv4(source, to, payload=None, protocol=UDP, options=b"", fragment=0, words=None, total=None):
    """A packet with a right checksum; words and total may lie."""
    payload = udp() if payload is None else payload
    length = 20 + len(options)
    head = struct.pack(
        ">BBHHHBBH4s4s",
        0x40 | (length // 4 if words is None else words),
        0,
        length + len(payload) if total is None else total,
        7,
        fragment,
        64,
        protocol,
        0,
        socket.inet_aton(source),
        socket.inet_aton(to),
    )
    head += options
    return head[:10] + struct.pack(">H", peer.checksum(head)) + head[12:] + payload


def ipv6(source, to, payload=None, following=UDP, total=None):
    payload = udp() if payload is None else payload
    head = struct.pack(">IHBB", 6 << 28, len(payload) if total is None else total, following, 64)
    return head + socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, to) + payload


def route_option(kind, hop):
    return struct.pack(">BBB4sB", kind, 7, 4, socket.inet_aton(hop), 0)


def routing_header(kind, hop):
    """With one segment left."""
    return struct.pack(">BBBB4x", UDP, 2, kind, 1) + socket.inet_pton(socket.AF_INET6, hop) + udp()


def odd_forms(me, to, me6, to6):
    """Whatever the addresses are. The first name is the counter; "lengths" is whoever parses."""
    tcp = bytes(40)
    return [
        ("source_routed", ipv4(me, to, options=route_option(131, to))),
        ("source_routed", ipv4(me, to, options=route_option(137, to))),
        ("source_routed", ipv4(me, to, options=b"\1" + route_option(131, to)[:7])),
        ("source_routed", ipv6(me6, to6, routing_header(0, to6), ROUTING)),
        ("source_routed", ipv6(me6, to6, routing_header(4, to6), ROUTING)),
        ("bad_fragment", ipv4(me, to, tcp[:8], TCP, fragment=MORE)),
        ("bad_fragment", ipv4(me, to, tcp, TCP, fragment=1)),
        ("bad_fragment", ipv4(me, to, bytes(24), UDP, fragment=8190)),
        ("bad_fragment", ipv4(me, to, bytes(25), UDP, fragment=MORE | 10)),
        ("lengths", ipv4(me, to, words=4)),
        ("lengths", ipv4(me, to, words=15, payload=bytes(8))),
        ("lengths", ipv4(me, to, total=19)),
        ("lengths", ipv4(me, to, total=400)),
        ("bad_headers", ipv4(me, to, options=bytes([7, 1, 0, 0]))),
        ("bad_headers", ipv4(me, to, options=bytes([131, 9, 4, 0]))),
        ("lengths", ipv6(me6, to6, total=0)),
        ("lengths", ipv6(me6, to6, total=3)),
        ("bad_headers", ipv6(me6, to6, bytes([UDP, 200]) + bytes(30), HOP_BY_HOP)),
    ]


def outgoing(own, far, other, own6, far6):
    """What this side's own network might send to the peer's."""
    network, far_network = own.rsplit(".", 1)[0], far.rsplit(".", 1)[0]
    martians = ["127.0.0.1", "0.1.2.3", "169.254.9.9", "240.0.0.1", "255.1.2.3"]
    martians6 = ["::1", "fe80::1", "::ffff:10.0.0.1"]
    return (
        [("martian", ipv4(a, far)) for a in martians]
        + [("martian", ipv6(a, far6)) for a in martians6]
        + [("src_not_ours", ipv4(a, far)) for a in (other, "8.8.8.8", far_network + ".77")]
        + [("src_not_ours", ipv4(far, far))]  # land
        + [("src_not_ours", ipv6(a, far6)) for a in ("2001:db8::7", far6)]
        + [("not_unicast", ipv4(a, far)) for a in ("224.0.0.5", "255.255.255.255", "0.0.0.0", network + ".255")]
        + [("not_unicast", ipv4(own, far_network + end)) for end in (".0", ".255")]
        + [("not_unicast", ipv6(a, far6)) for a in ("ff02::1", "::")]
        + [("unroutable", ipv4(own, to)) for to in ("8.8.8.8", "224.0.0.1", "255.255.255.255", "127.0.0.1")]
        + [("unroutable", ipv6(own6, "ff02::1"))]
        + odd_forms(own, far, own6, far6)
    )


def incoming(me, own, other, me6, own6):
    """What a hostile manager might send to a device: own is behind the device."""
    network = own.rsplit(".", 1)[0]
    martians = ["127.0.0.1", "0.1.2.3", "169.254.9.9", "240.0.0.1"]
    return (
        [("martian", ipv4(a, own)) for a in martians]
        + [("martian", ipv4(me, a)) for a in ("127.0.0.1", "169.254.9.9")]
        + [("martian", ipv6(a, own6)) for a in ("::1", "fe80::1")]
        + [("martian", ipv6(me6, a)) for a in ("::1", "fe80::1")]
        + [("src_not_peer", ipv4(a, own)) for a in (other, "8.8.8.8", network + ".77")]
        + [("src_not_peer", ipv4(own, own))]  # land
        + [("src_not_peer", ipv6(own6, own6))]
        + [("dst_not_ours", ipv4(me, a)) for a in (other, "8.8.8.8", me)]
        + [("not_unicast", ipv4(me, a)) for a in ("224.0.0.1", "255.255.255.255", network + ".255", network + ".0")]
        + [("not_unicast", ipv4(a, own)) for a in ("255.255.255.255", "0.0.0.0", "239.1.1.1")]
        + odd_forms(me, own, me6, own6)
    )


def report(packets, lengths):
    sent = {}
    for counter, _ in packets:
        counter = lengths if counter == "lengths" else counter
        sent[counter] = sent.get(counter, 0) + TIMES
    print(json.dumps(sent), flush=True)


def craft_tun(interface, *addresses):
    packets = outgoing(*addresses)
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as s:
        for _ in range(TIMES):
            for _, packet in packets:
                s.sendto(packet, (interface, 0x86DD if packet[0] >> 4 == 6 else 0x0800))
            time.sleep(0.05)  # vpnd takes 256 at a time
    report(packets, "unroutable")


def craft_peer(folder, device, own, other, own6):
    identity = attack.state_load(folder)
    link = peer.control_open(identity, [], [])
    grant = peer.link_ask(link, "session.open", {"device": device})["grant"]
    i = attack.path_inner(attack.dial_leg(grant, 1), False, identity, attack.ca_id(identity))
    peer.need(attack.got_hello(i, grant, 20), "no path")
    peer.inner_send(i, peer.frame(peer.SELECT, struct.pack(">I", 1 << 20)))
    packets = incoming(link.ipv4, own, other, link.ipv6, own6)
    for _ in range(TIMES):
        for _, packet in packets:
            peer.inner_send(i, peer.frame(peer.PACKET, packet))
    i.data = b""
    peer.inner_send(i, peer.frame(peer.PING, struct.pack(">QQ", 7, 7)))
    end = time.monotonic() + 20
    while not any(f == (peer.PONG, struct.pack(">QQ", 7, 7)) for f in peer.take_frames(i.data)[0]):
        peer.need(not i.ended and time.monotonic() < end, "the path did not outlive it")
        peer.inner_pump(i)
        time.sleep(0.05)
    report(packets, "malformed")
    sys.stdin.read()
    peer.outer_close(i.outer)
    peer.link_ask(link, "session.close", {"session": grant["session"], "reason": "done"})
    peer.inner_close(link.inner)


def craft_lan(interface, mac, *pairs):
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0) as s:
        for pair in pairs:
            source, to = pair.split(",")
            packet = ipv6(source, to) if ":" in source else ipv4(source, to)
            kind = 0x86DD if ":" in source else 0x0800
            s.sendto(packet, (interface, kind, 0, 0, bytes.fromhex(mac.replace(":", ""))))


def craft_listen(interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3)) as s:
        s.bind((interface, 3))
        print("listening", flush=True)
        while sys.stdin not in select.select([s, sys.stdin], [], [])[0]:
            packet, (_, _, kind, _, _) = s.recvfrom(65535)
            if packet[6 if packet[0] >> 4 == 6 else 9] != UDP:  # not an error that quotes one
                continue
            if MARK in packet and kind != socket.PACKET_OUTGOING:
                print("seen", flush=True)


def main():
    commands = {n[6:]: f for n, f in globals().items() if n.startswith("craft_")}
    if len(sys.argv) < 3 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    peer.say = lambda *_, **__: None
    commands[sys.argv[1]](*sys.argv[2:])


main()
