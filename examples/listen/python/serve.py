"""Tell each client its address, on the sockets that LISTEN_FDS announces to this process."""
import asyncio
import os
import socket


def listen_fds():
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    return [socket.socket(fileno=3 + n) for n in range(int(os.environ["LISTEN_FDS"]))]


async def client(reader, writer):
    await reader.readline()
    body = writer.get_extra_info("peername")[0] + "\n"
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body.encode())
    await writer.drain()
    writer.close()


async def main():
    servers = [await asyncio.start_server(client, sock=s) for s in listen_fds()]
    await asyncio.gather(*(s.serve_forever() for s in servers))


asyncio.run(main())
