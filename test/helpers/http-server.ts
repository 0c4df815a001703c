import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A server on a free port of loopback, whose handler is given each request's whole body. */
export async function serveHttp(
  handle: (request: IncomingMessage, body: Buffer, response: ServerResponse) => Promise<void>,
  onError: (error: unknown, request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    bodyOf(request)
      .then((body) => handle(request, body, response))
      .catch((error: unknown) => onError(error, request, response));
  });
  const { port, close } = await listenAnywhere(server);
  return { url: `http://127.0.0.1:${port}`, close };
}

/** Any server, on a free port of loopback. */
export async function listenAnywhere(server: Server): Promise<{ port: number; close: () => Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
