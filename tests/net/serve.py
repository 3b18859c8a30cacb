#!/usr/bin/env python3
# serve.py ADDR...: on each address, TCP 7001 blobs ("get N" -> N bytes, "put N" + N bytes -> their sha256), TCP 7002 echo, UDP 7002 echo
import asyncio, hashlib, sys

BLOCK = hashlib.shake_256(b"rk").digest(1 << 20)

async def blob(r, w):
    verb, n = (await r.readline()).split()
    n = int(n)
    h = hashlib.sha256()
    while n:
        if verb == b"get":
            part = BLOCK[:n]
            w.write(part)
            await w.drain()
        else:
            part = await r.read(min(n, 1 << 20))
            if not part:
                break
        h.update(part)
        n -= len(part)
    if verb == b"put":
        w.write(h.hexdigest().encode() + b"\n")
        await w.drain()
    w.close()

async def echo(r, w):
    while part := await r.read(65536):
        w.write(part)
        await w.drain()
    w.close()

class Udp(asyncio.DatagramProtocol):
    def connection_made(self, t):
        self.t = t
    def datagram_received(self, data, addr):
        self.t.sendto(data, addr)

async def main():
    for a in sys.argv[1:]:
        await asyncio.start_server(blob, a, 7001, limit=1 << 21, backlog=1000)
        await asyncio.start_server(echo, a, 7002, backlog=1000)
        await asyncio.get_running_loop().create_datagram_endpoint(Udp, local_addr=(a, 7002))
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
