import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { createPool } from "../../src/http/pool.ts";
import { TransportError } from "../../src/http/contract.ts";
import type { HttpOperationSpec, Ticket } from "../../src/load/contract.ts";
import { httpOperation } from "../../src/load/operations/http.ts";
import { realClock, seededRng } from "../../src/runtime.ts";

let server: Server | undefined;
afterEach(() => server?.close());

async function listen(started: Server): Promise<string> {
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}`;
}

const request = { method: "POST" as const, path: "/x?y=z", headers: ["content-type", "text/plain"], body: Buffer.from("hello") };

function operationOf(origin: string) {
  const spec: HttpOperationSpec = { kind: "http", origin, request };
  const nowUs = () => realClock.monotonicUs();
  return httpOperation(spec, {
    clock: realClock,
    nowUs,
    rng: seededRng(1),
    seed: 1,
    stride: 1,
    timeoutMs: 5000,
    maxInFlight: 10,
    purpose: "test",
  });
}

interface Outcome {
  cause: string | undefined;
  sent: boolean;
}

function runOne(operation: ReturnType<typeof operationOf>): Promise<Outcome> {
  return new Promise((resolve) => {
    const ticket: Ticket = {
      index: 0,
      intendedUs: 0,
      sentUs: undefined,
      canceller: undefined,
      cache: undefined,
      measure: () => {},
      settle: (_, cause) => resolve({ cause, sent: ticket.sentUs !== undefined }),
      drop: (cause) => resolve({ cause, sent: false }),
    };
    operation.start(ticket);
  });
}

/** What undici makes of the same, in the same words. */
async function reference(origin: string): Promise<string | undefined> {
  const pool = createPool({ origin });
  try {
    const { status } = await pool.send({ ...request, kind: "write" }, { timeoutMs: 5000 });
    return status >= 200 && status < 300 ? undefined : `status-${status}`;
  } catch (error) {
    return (error as TransportError).failure;
  } finally {
    await pool.close();
  }
}

/** A server that answers each request with these pieces, as it likes to cut them, and then does what is asked. */
function speaking(pieces: string[], then: "keep" | "close" | "reset" = "keep"): Server {
  return createServer((socket) => {
    socket.on("error", () => {});
    let seen = "";
    const answer = async () => {
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 15));
      }
      if (then === "close") socket.end();
      if (then === "reset") socket.resetAndDestroy();
    };
    socket.on("data", (bytes) => {
      seen += bytes.toString("latin1");
      if (!seen.endsWith("hello")) return;
      seen = "";
      void answer();
    });
  });
}

describe("the wire agrees with undici", () => {
  test.each<[string, string[], "keep" | "close" | "reset", string | undefined]>([
    ["ok", ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"], "keep", undefined],
    ["cut in odd places", ["HTTP/1.1 20", "0 OK\r\ncontent-le", "ngth: 2\r\n\r", "\no", "k"], "keep", undefined],
    [
      "chunked, cut in odd places",
      ["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3", "\r\nab", "c\r\n0\r", "\n\r\n"],
      "keep",
      undefined,
    ],
    ["no content", ["HTTP/1.1 204 No Content\r\n\r\n"], "keep", undefined],
    ["a server error", ["HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy"], "keep", "status-503"],
    ["a redirect", ["HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"], "keep", "status-302"],
    [
      "early hints",
      ["HTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
      "keep",
      undefined,
    ],
    ["until the connection ends", ["HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it"], "close", undefined],
    ["closed half-way", ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"], "close", "reset"],
    ["reset half-way", ["HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"], "reset", "reset"],
    ["closed without a word", [], "close", "reset"],
    ["not HTTP", ["SSH-2.0-OpenSSH_9.2\r\n\r\n"], "keep", "protocol"],
  ])("%s", async (_, pieces, then, expected) => {
    const origin = await listen(speaking(pieces, then));
    expect(await reference(origin)).toBe(expected);
    const operation = operationOf(origin);
    // Twice: the connection must be as good for the second.
    for (let i = 0; i < 2; i++) expect(await runOne(operation)).toEqual({ cause: expected, sent: true });
    await operation.close();
  });

  test("nobody listens", async () => {
    const origin = await listen(createServer());
    await new Promise((resolve) => server!.close(resolve));
    expect(await reference(origin)).toBe("connect");
    expect(await runOne(operationOf(origin))).toEqual({ cause: "connect", sent: false });
  });
});

test("what the server gets is the request, whole, on one connection", async () => {
  const seen: unknown[] = [];
  const ports = new Set<number | undefined>();
  const origin = await listen(
    createHttpServer((incoming, response) => {
      let body = "";
      incoming.on("data", (bytes) => (body += bytes));
      incoming.on("end", () => {
        const { host, "content-type": type, "content-length": length } = incoming.headers;
        seen.push([incoming.method, incoming.url, `http://${host}`, type, length, body]);
        ports.add(incoming.socket.remotePort);
        response.end("fine");
      });
    }),
  );
  const operation = operationOf(origin);
  for (let i = 0; i < 3; i++) await runOne(operation);
  expect(seen).toEqual(Array.from({ length: 3 }, () => ["POST", "/x?y=z", origin, "text/plain", "5", "hello"]));
  expect(ports.size).toBe(1);
  expect(operation.connectionsOpened?.()).toBe(1);
  await operation.close();
});

test("a connection that the server is about to close is not used: no reset is blamed on the target", async () => {
  const http = createHttpServer((incoming, response) => {
    incoming.resume();
    response.end("fine");
  });
  // Node says "Keep-Alive: timeout=1" then: with a second's margin, nothing is left.
  http.keepAliveTimeout = 1000;
  const operation = operationOf(await listen(http));
  for (let i = 0; i < 3; i++) {
    expect((await runOne(operation)).cause).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(operation.connectionsOpened?.()).toBe(3);
  await operation.close();
});
