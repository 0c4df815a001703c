import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import type { SecureVersion } from "node:tls";
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TransportError, type NodePool, type PoolOptions, type PreparedRequest } from "../../../src/http/contract.ts";
import { createPool } from "../../../src/http/pool.ts";
import { createWirePool } from "../../../src/http/wire/pool.ts";
import { listenAnywhere } from "../../helpers/http-server.ts";

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const generousMs = 20_000;
const get: PreparedRequest = { method: "GET", path: "/", headers: [], kind: "read" };
function post(body: Buffer): PreparedRequest {
  return { method: "POST", path: "/p", headers: ["content-type", "application/json"], body, kind: "write" };
}
const tlsFile = (name: string) => readFileSync(new URL(`../../data/tls/${name}`, import.meta.url), "utf8");

async function listen(server: Server): Promise<number> {
  const { port, close } = await listenAnywhere(server);
  closers.push(close);
  return port;
}
async function serve(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}`;
}
/** Every test below is for both. */
const makers = { undici: createPool, wire: createWirePool };
let make: (options: PoolOptions) => NodePool;
function pool(options: PoolOptions): NodePool {
  const made = make(options);
  closers.push(() => made.close());
  return made;
}
async function failure(promise: Promise<unknown>): Promise<TransportError> {
  const error = await promise.then(
    () => expect.fail("expected a TransportError"),
    (error: unknown) => error,
  );
  expect(error).toBeInstanceOf(TransportError);
  return error as TransportError;
}
/** Answers when told to. */
function held(): { listener: RequestListener; next: () => Promise<[IncomingMessage, ServerResponse]> } {
  const arrived: [IncomingMessage, ServerResponse][] = [];
  const waiting: ((pair: [IncomingMessage, ServerResponse]) => void)[] = [];
  return {
    listener: (request, response) => {
      const waiter = waiting.shift();
      if (waiter) waiter([request, response]);
      else arrived.push([request, response]);
    },
    next: () => (arrived[0] ? Promise.resolve(arrived.shift()!) : new Promise((resolve) => waiting.push(resolve))),
  };
}

describe.each(["undici", "wire"] as const)("%s: an answer", (kind) => {
  beforeEach(() => void (make = makers[kind]));

  it("connects from the address that it is given", async () => {
    const origin = await serve((request, response) => response.end(request.socket.remoteAddress));
    const from = async (options: Partial<PoolOptions>) =>
      (await pool({ origin, ...options }).send(get, { timeoutMs: generousMs })).body.toString();
    expect(await from({})).toBe("127.0.0.1");
    expect(await from({ localAddress: "127.0.0.2" })).toBe("127.0.0.2");
  });

  it("carries status, headers, the whole body, and when it was sent and ended", async () => {
    const origin = await serve((request, response) => {
      response.writeHead(418, { "x-seen": `${request.method} ${request.url} ${String(request.headers["api-key"])}` });
      response.write("a".repeat(100_000));
      response.end("b".repeat(100_000));
    });
    let nowUs = 10;
    const client = pool({ origin, headers: { "api-key": "k1" }, clock: { monotonicUs: () => (nowUs += 5) } });
    const answer = await client.send(post(Buffer.from("{}")), { timeoutMs: generousMs });
    expect(answer.status).toBe(418);
    expect(answer.headers["x-seen"]).toBe("POST /p k1");
    expect(answer.body.toString()).toBe("a".repeat(100_000) + "b".repeat(100_000));
    expect([answer.sentUs, answer.endUs]).toEqual([15, 20]);
    expect(client.inFlight).toBe(0);
  });

  it("may have no body", async () => {
    const origin = await serve((_request, response) => response.writeHead(204).end());
    const answer = await pool({ origin }).send(get, { timeoutMs: generousMs });
    expect([answer.status, answer.body.length]).toEqual([204, 0]);
  });

  it("is that of a path below the origin's prefix", async () => {
    const origin = await serve((request, response) => response.end(request.url));
    const client = pool({ origin: `${origin}/qdrant/` });
    expect(client.origin).toBe(`${origin}/qdrant`);
    expect((await client.send(get, { timeoutMs: generousMs })).body.toString()).toBe("/qdrant/");
  });

  it("comes over connections that are kept", async () => {
    const ports = new Set<number>();
    const origin = await serve((request, response) => {
      ports.add(request.socket.remotePort!);
      response.end("ok");
    });
    const client = pool({ origin });
    for (let i = 0; i < 20; i++) await client.send(get, { timeoutMs: generousMs });
    // undici reuses a socket one turn of the event loop after its answer: a request sent at once takes a second one.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  it("survives a server that closes each connection after its answer", async () => {
    const origin = await serve((_request, response) => response.writeHead(200, { connection: "close" }).end("ok"));
    const client = pool({ origin, connections: 2 });
    const answers = await Promise.all(Array.from({ length: 10 }, () => client.send(get, { timeoutMs: generousMs })));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 10 }, () => 200));
  });
});

describe.each(["undici", "wire"] as const)("%s: no answer", (kind) => {
  beforeEach(() => void (make = makers[kind]));

  it("refused: connect, and certainly not delivered", async () => {
    const server = createServer();
    const port = await listen(server);
    await closers.pop()!();
    const error = await failure(
      pool({ origin: `http://127.0.0.1:${port}` }).send(post(Buffer.from("{}")), { timeoutMs: generousMs }),
    );
    expect(error).toMatchObject({ failure: "connect", maybeDelivered: false });
    expect(error.message).toBe(`http://127.0.0.1:${port}: connection refused`);
  });

  it("reset in the middle of an answer: reset, maybe delivered", async () => {
    const origin = await serve((request, response) => {
      response.writeHead(200, { "content-length": 10 }).write("half");
      setImmediate(() => request.socket.destroy());
    });
    expect(await failure(pool({ origin }).send(get, { timeoutMs: generousMs }))).toMatchObject({
      failure: "reset",
      maybeDelivered: true,
    });
  });

  it("closed without a byte: reset, maybe delivered, and nothing is sent twice", async () => {
    let requests = 0;
    const origin = await serve((request) => {
      requests++;
      request.socket.destroy();
    });
    const client = pool({ origin });
    expect(await failure(client.send(get, { timeoutMs: generousMs }))).toMatchObject({ failure: "reset", maybeDelivered: true });
    expect(requests).toBe(1);
  });

  it("something that is not HTTP: protocol", async () => {
    const server = createTcpServer((socket) =>
      socket.on("data", () => socket.end("SSH-2.0-OpenSSH_9.6\r\n")).on("error", () => {}),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const error = await failure(pool({ origin }).send(get, { timeoutMs: generousMs }));
    expect(error.failure).toBe("protocol");
    expect(error.message).toContain("is not HTTP");
  });

  it("held headers: timeout, maybe delivered, for the request as a whole", async () => {
    const origin = await serve(() => {});
    const client = pool({ origin });
    const error = await failure(client.send(get, { timeoutMs: 30 }));
    expect(error).toMatchObject({ failure: "timeout", maybeDelivered: true });
    expect(error.message).toBe(`${origin}: no complete answer within 30 ms`);
    expect(client.inFlight).toBe(0);
  });

  it("a body that trickles for ever: timeout too", async () => {
    const origin = await serve((_request, response) => {
      const timer = setInterval(() => response.write("."), 5);
      response.on("close", () => clearInterval(timer));
    });
    expect((await failure(pool({ origin }).send(get, { timeoutMs: 60 }))).failure).toBe("timeout");
  });

  it("aborted on the way: aborted, maybe delivered; the connections go on", async () => {
    const server = held();
    const origin = await serve(server.listener);
    const client = pool({ origin });
    const controller = new AbortController();
    const first = failure(client.send(get, { timeoutMs: generousMs, signal: controller.signal }));
    await server.next();
    controller.abort();
    expect(await first).toMatchObject({ failure: "aborted", maybeDelivered: true });
    const second = client.send(get, { timeoutMs: generousMs });
    (await server.next())[1].end("ok");
    expect((await second).status).toBe(200);
  });

  it("given up while it waits for a socket: never sent, and the socket stays", async () => {
    const server = held();
    const origin = await serve(server.listener);
    const client = pool({ origin, connections: 1 });
    const busy = client.send(get, { timeoutMs: generousMs });
    const [firstRequest, firstResponse] = await server.next();
    const controller = new AbortController();
    const aborted = failure(client.send(post(Buffer.from("1")), { timeoutMs: generousMs, signal: controller.signal }));
    const late = failure(client.send(post(Buffer.from("2")), { timeoutMs: 20 }));
    const last = client.send({ ...get, path: "/last" }, { timeoutMs: generousMs });
    expect(client.inFlight).toBe(4);
    controller.abort();
    expect(await aborted).toMatchObject({ failure: "aborted", maybeDelivered: false });
    expect(await late).toMatchObject({ failure: "timeout", maybeDelivered: false });
    expect(client.inFlight).toBe(2);
    firstResponse.end("ok");
    await busy;
    const [lastRequest, lastResponse] = await server.next();
    expect(lastRequest.url).toBe("/last");
    expect(lastRequest.socket).toBe(firstRequest.socket);
    lastResponse.end("ok");
    expect((await last).status).toBe(200);
  });

  it("a signal that has aborted already: nothing is sent", async () => {
    let requests = 0;
    const origin = await serve((_request, response) => response.end(String(requests++)));
    const error = await failure(pool({ origin }).send(get, { timeoutMs: generousMs, signal: AbortSignal.abort() }));
    expect(error).toMatchObject({ failure: "aborted", maybeDelivered: false });
    expect(requests).toBe(0);
  });

  it("close: what is in flight and what comes later end as closed", async () => {
    const server = held();
    const client = pool({ origin: await serve(server.listener) });
    const sent = failure(client.send(get, { timeoutMs: generousMs }));
    await server.next();
    await client.close();
    expect(await sent).toMatchObject({ failure: "closed", maybeDelivered: true });
    expect(await failure(client.send(get, { timeoutMs: generousMs }))).toMatchObject({
      failure: "closed",
      maybeDelivered: false,
    });
    expect(client.inFlight).toBe(0);
  });

  it("a header that cannot be sent: an error of that request, not delivered", async () => {
    const origin = await serve((_request, response) => response.end());
    const error = await failure(pool({ origin, headers: { "api-key": "a\nb" } }).send(get, { timeoutMs: generousMs }));
    expect(error.maybeDelivered).toBe(false);
  });
});

describe.each(["undici", "wire"] as const)("%s: TLS", (kind) => {
  beforeEach(() => void (make = makers[kind]));

  async function serveTls(name: "local" | "server", clients = false, maxVersion: SecureVersion = "TLSv1.3"): Promise<number> {
    const server = createTlsServer(
      {
        cert: tlsFile(`${name}.pem`),
        key: tlsFile(`${name}.key`),
        ca: tlsFile("ca.pem"),
        requestCert: clients,
        rejectUnauthorized: clients,
        maxVersion,
        // An h2 server too: the pool must stay with HTTP/1.1.
        ALPNProtocols: ["h2", "http/1.1"],
      },
      (request, response) => response.end(`hello over HTTP/${request.httpVersion}`),
    );
    return listen(server);
  }

  it("an authority of one's own", async () => {
    const origin = `https://127.0.0.1:${await serveTls("local")}`;
    const answer = await pool({ origin, tls: { ca: tlsFile("ca.pem") } }).send(get, { timeoutMs: generousMs });
    expect(answer.body.toString()).toBe("hello over HTTP/1.1");
    const error = await failure(pool({ origin }).send(get, { timeoutMs: generousMs }));
    expect(error).toMatchObject({ failure: "connect", maybeDelivered: false });
    expect(error.message).toContain("signed by an authority that this machine does not know");
  });

  it("a certificate for another name, and serverName", async () => {
    const origin = `https://127.0.0.1:${await serveTls("server")}`;
    const tls = { ca: tlsFile("ca.pem") };
    const error = await failure(pool({ origin, tls }).send(get, { timeoutMs: generousMs }));
    expect(error.message).toContain("for another host name");
    const named = pool({ origin, tls: { ...tls, serverName: "node.ragctl.test" } });
    expect((await named.send(get, { timeoutMs: generousMs })).status).toBe(200);
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)("a client certificate, %s", async (version) => {
    const origin = `https://127.0.0.1:${await serveTls("local", true, version)}`;
    const ca = tlsFile("ca.pem");
    const withCertificate = pool({ origin, tls: { ca, cert: tlsFile("client.pem"), key: tlsFile("client.key") } });
    expect((await withCertificate.send(get, { timeoutMs: generousMs })).status).toBe(200);
    const error = await failure(pool({ origin, tls: { ca } }).send(get, { timeoutMs: generousMs }));
    // TLS 1.3 refuses only after the client believes that it is connected.
    expect(error.message).toContain(version === "TLSv1.2" ? "client certificate" : "closed by the other side");
    expect(error.maybeDelivered).toBe(version === "TLSv1.3");
  });

  it("a plain server behind an https URL", async () => {
    const origin = (await serve((_request, response) => response.end())).replace("http:", "https:");
    const error = await failure(pool({ origin }).send(get, { timeoutMs: generousMs }));
    expect(error).toMatchObject({ failure: "connect", maybeDelivered: false });
    expect(error.message).toContain("does not speak TLS");
  });
});
