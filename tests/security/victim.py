"""A service of the host's loopback: PORT into argv[1], then a line for each client that came"""
import socket
import sys
s = socket.create_server(("127.0.0.1", 0))
with open(sys.argv[1], "w") as f:
    print(s.getsockname()[1], file=f)
while True:
    print(s.accept()[0].recv(99).decode(), flush=True)
