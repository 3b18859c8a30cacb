"""serve-port.py TCP UDP: answer each connection and datagram with the client's address and what it said"""
import selectors
import socket
import sys

tcp = socket.create_server(('0.0.0.0', int(sys.argv[1])))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(('0.0.0.0', int(sys.argv[2])))
ready = selectors.DefaultSelector()
ready.register(tcp, selectors.EVENT_READ)
ready.register(udp, selectors.EVENT_READ)
while True:
    for key, _ in ready.select():
        if key.fileobj is udp:
            said, peer = udp.recvfrom(1000)
            udp.sendto(b'%s %d %s' % (peer[0].encode(), peer[1], said), peer)
            continue
        c, peer = tcp.accept()
        c.settimeout(5)
        try:
            c.sendall(b'%s %d %s' % (peer[0].encode(), peer[1], c.recv(1000)))
        except OSError:
            pass
        c.close()
