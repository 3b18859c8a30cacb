#!/usr/bin/env python3
# raw.py INTERFACE GATEWAY FROM TO PORT [TO PORT...]: as root inside, without a wall: a UDP datagram and a TCP SYN to
# each TO, as frames written by hand, past the kernel's routing, in one piece and as fragments
import socket, struct, sys

def checksum(b):
    n = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return ~n & 0xffff

def ip(proto, src, dst, data, at=0, more=0, ident=7):
    h = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(data), ident, at | more << 13, 64, proto, 0, src, dst)
    return h[:10] + struct.pack("!H", checksum(h)) + h[12:] + data

def main():
    name, gateway, src = sys.argv[1], sys.argv[2], socket.inet_aton(sys.argv[3])
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", (gateway, 53))  # so that its address is asked for
    mac = None
    while not mac or mac == "00:00:00:00:00:00":
        for line in open("/proc/net/arp").read().splitlines()[1:]:
            if line.split()[0] == gateway:
                mac = line.split()[3]
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((name, 0x800))
    own = s.getsockname()[4]
    eth = bytes.fromhex(mac.replace(":", "")) + own + b"\x08\x00"
    for i in range(4, len(sys.argv), 2):
        dst, port = socket.inet_aton(sys.argv[i]), int(sys.argv[i + 1])
        pseudo = src + dst
        for sport in 40001, 40002:
            udp = struct.pack("!HHHH", sport, port, 8 + 16, 0) + b"raw frame, 16 b."
            tcp = struct.pack("!HHIIBBHHH", sport, port, 1, 0, 0x50, 2, 8192, 0, 0)
            tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + struct.pack("!HH", 6, len(tcp)) + tcp)) + tcp[18:]
            for proto, data in (17, udp), (6, tcp):
                if sport == 40001:
                    s.send(eth + ip(proto, src, dst, data))
                else:
                    s.send(eth + ip(proto, src, dst, data[:8], 0, 1, 9 + proto))
                    s.send(eth + ip(proto, src, dst, data[8:], 1, 0, 9 + proto))

main()
