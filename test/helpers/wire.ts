import { createConnection, createServer, type AddressInfo, type Socket } from "node:net";

/** An independent client and server over TCP, to see what the network between them does: nothing of ragctl's. */
export interface EchoServer {
  port: number;
  /** Bytes that have arrived, of all connections. */
  received(): number;
  stop(): Promise<void>;
}

export async function startEcho(host = "127.0.0.1"): Promise<EchoServer> {
  let received = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      received += chunk.length;
      socket.write(chunk);
    });
    socket.on("error", () => undefined);
    socket.on("close", () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    received: () => received,
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface EchoClient {
  socket: Socket;
  /** Sends so many bytes and waits until as many have come back. "silent": not within the time. "closed": the connection ended. */
  ping(bytes?: number, timeoutMs?: number): Promise<number | "silent" | "closed">;
  close(): void;
}

/** Rejects where nobody accepts within the time. */
export async function connectEcho(
  port: number,
  { host = "127.0.0.1", localAddress, timeoutMs = 10_000 }: { host?: string; localAddress?: string; timeoutMs?: number } = {},
): Promise<EchoClient> {
  const socket = createConnection({ host, port, noDelay: true, ...(localAddress && { localAddress }) });
  let closed = false;
  socket.on("error", () => undefined);
  socket.on("close", () => (closed = true));
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error("nobody accepts"));
    }, timeoutMs);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve();
    });
    socket.once("close", () => {
      clearTimeout(timer);
      reject(new Error("refused"));
    });
  });
  return {
    socket,
    close: () => void socket.destroy(),
    ping(bytes = 1, timeoutMs = 20_000) {
      if (closed) return Promise.resolve("closed" as const);
      const startMs = performance.now();
      return new Promise((resolve) => {
        let left = bytes;
        const end = (result: number | "silent" | "closed") => {
          clearTimeout(timer);
          socket.off("data", onData);
          socket.off("close", onClose);
          resolve(result);
        };
        const onData = (chunk: Buffer) => {
          left -= chunk.length;
          if (left <= 0) end(performance.now() - startMs);
        };
        const onClose = () => end("closed");
        const timer = setTimeout(() => end("silent"), timeoutMs);
        socket.on("data", onData);
        socket.on("close", onClose);
        socket.write(Buffer.alloc(bytes, 1));
      });
    },
  };
}

export function median(values: readonly (number | string)[]): number {
  const sorted = values.filter((value) => typeof value === "number").toSorted((a, b) => a - b);
  if (sorted.length < values.length) throw new Error(`unanswered: ${values.join(", ")}`);
  return sorted[Math.floor(sorted.length / 2)]!;
}
