import { connect, createServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { freePort } from "./free-port.ts";
import { identify } from "../../src/process-identity.ts";
import type { Impairment, ProxyState } from "../../src/proxy/contract.ts";
import { Proxies } from "../../src/proxy/proxies.ts";
import { realClock, seededRng } from "../../src/runtime.ts";

/** A fault proxy in this process, before a server that says back what it hears. */
export interface Proxied {
  port: number;
  add: (impairment: Omit<Impairment, "id" | "direction"> & Partial<Pick<Impairment, "id" | "direction">>) => void;
  remove: (id?: string) => void;
  state: () => ProxyState;
  /** A client's connection; collects what it is told. */
  client: (options?: { localAddress?: string }) => Promise<Client>;
  upstream: Upstream;
}

interface Upstream {
  /** Bytes heard, of all connections. */
  heard: () => string;
  sockets: Set<Socket>;
  stop: () => Promise<void>;
  start: () => Promise<void>;
}

export interface Client {
  socket: Socket;
  received: () => Buffer;
  /** `end`, `close`, an error's code; undefined while it is open. */
  fate: () => string | undefined;
  /** Sends a message and waits for so many bytes. @returns ms */
  roundTripMs: (text: string, bytes?: number) => Promise<number>;
}

export async function until(what: () => boolean, timeoutMs = 30_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!what()) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${String(what)}`);
    await realClock.sleep(2);
  }
}

/** @param answer what the server answers to a chunk: the chunk itself unless given */
export async function startProxied(answer: (chunk: Buffer) => Buffer = (chunk) => chunk): Promise<Proxied> {
  const [port, upstreamPort] = [await freePort(), await freePort()];
  const upstream = upstreamAt(upstreamPort, answer);
  await upstream.start();
  const spec = { name: "n1", host: "127.0.0.1", port, upstreamPort };
  const proxies = new Proxies(identify(process.pid)!, [spec], { clock: realClock, rng: seededRng(5), log: () => undefined });
  onTestFinished(async () => {
    proxies.close();
    await upstream.stop();
  });
  const state = () => {
    const reply = proxies.handle({ op: "status" });
    if (!reply.ok) throw new Error(reply.error);
    return reply.status.proxies[0]!;
  };
  await until(() => state().listening);
  return {
    port,
    upstream,
    state,
    add: (impairment) =>
      void proxies.handle({ op: "add", proxy: "n1", impairment: { id: "i", direction: "both", ...impairment } }),
    remove: (id = "i") => void proxies.handle({ op: "remove", proxy: "n1", id }),
    client: (options = {}) => openClient(port, options),
  };
}

function upstreamAt(port: number, answer: (chunk: Buffer) => Buffer): Upstream {
  let server: Server | undefined;
  let heard = "";
  const sockets = new Set<Socket>();
  return {
    sockets,
    heard: () => heard,
    start: () =>
      new Promise((resolve) => {
        server = createServer({ noDelay: true }, (socket) => {
          sockets.add(socket);
          socket.on("close", () => sockets.delete(socket));
          socket.on("error", () => undefined);
          socket.on("data", (chunk: Buffer) => {
            heard += chunk.toString("latin1");
            socket.write(answer(chunk));
          });
        }).listen(port, "127.0.0.1", resolve);
      }),
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        if (server) server.close(() => resolve());
        else resolve();
        server = undefined;
      }),
  };
}

function openClient(port: number, { localAddress }: { localAddress?: string }): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true, ...(localAddress ? { localAddress } : {}) });
    let chunks: Buffer[] = [];
    let bytes = 0;
    let fate: string | undefined;
    let onBytes: (() => void) | undefined;
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      onBytes?.();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      fate = error.code ?? error.message;
      reject(error);
    });
    socket.on("end", () => (fate ??= "end"));
    socket.on("close", () => (fate ??= "close"));
    const client: Client = {
      socket,
      received: () => Buffer.concat(chunks),
      fate: () => fate,
      roundTripMs: (text, expected = text.length) => {
        chunks = [];
        bytes = 0;
        const startMs = performance.now();
        socket.write(text);
        return new Promise((done) => {
          onBytes = () => bytes >= expected && done(performance.now() - startMs);
        });
      },
    };
    socket.on("connect", () => resolve(client));
    onTestFinished(() => void socket.destroy());
  });
}
