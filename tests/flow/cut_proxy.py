#!/usr/bin/env python3
"""A middlebox that cuts quiet connections: forwards TCP from LISTEN to TARGET and closes a pair when no byte moved
for SECONDS. Usage: cut_proxy.py LISTEN_HOST:PORT TARGET_HOST:PORT SECONDS. Ends with its parent's signal."""
import asyncio
import sys


async def pipe(reader, writer, seconds, stop):
    try:
        while data := await asyncio.wait_for(reader.read(65536), seconds):
            writer.write(data)
            await writer.drain()
    except (asyncio.TimeoutError, ConnectionError):
        pass
    stop()


async def main(listen, target, seconds):
    def address(text):
        host, port = text.rsplit(":", 1)
        return host, int(port)

    async def serve(reader, writer):
        try:
            up_reader, up_writer = await asyncio.open_connection(*address(target))
        except OSError:
            writer.close()
            return

        def stop():
            for w in (writer, up_writer):
                if not w.is_closing():
                    w.transport.abort()

        await asyncio.gather(pipe(reader, up_writer, seconds, stop), pipe(up_reader, writer, seconds, stop))

    host, port = address(listen)
    server = await asyncio.start_server(serve, host, port)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
