import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { NodeEndpoint, StoreControl } from "../../../src/stores/contract.ts";
import { storeDrivers } from "../../../src/stores/index.ts";
import { listenAnywhere } from "../../helpers/http-server.ts";

/** The control face against servers that answer badly or not at all; against good ones: test/conformance. */

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const close of closers.splice(0)) await close();
});
const tlsFile = (name: string) => readFileSync(new URL(`../../data/tls/${name}`, import.meta.url), "utf8");

async function listen(server: Server): Promise<number> {
  const { port, close } = await listenAnywhere(server);
  closers.push(close);
  return port;
}
async function serve(listener: RequestListener): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(listener))}`;
}
function answering(status: number, body: unknown): RequestListener {
  const text = typeof body === "string" && body !== "{";
  return (_request, response) =>
    response
      .writeHead(status, { "content-type": text ? "text/html" : "application/json" })
      .end(typeof body === "string" ? body : JSON.stringify(body));
}
const control = (url: string, more: Partial<NodeEndpoint> = {}): StoreControl =>
  storeDrivers.qdrant.control({ id: "q1", url, timeoutMs: 20_000, ...more });
const collections: RequestListener = answering(200, {
  result: { collections: [{ name: "b" }, { name: "a" }] },
  status: "ok",
  time: 0,
});

describe("a control call", () => {
  it("sends the api key as a header, below the URL's prefix, and says nothing on the console", async () => {
    const warn = vi.spyOn(console, "warn");
    const seen: string[] = [];
    const origin = await serve((request, response) => {
      seen.push(`${request.method} ${request.url} ${String(request.headers["api-key"])}`);
      collections(request, response);
    });
    expect(await control(`${origin}/db/`, { apiKey: "k1" }).listCollections()).toEqual(["a", "b"]);
    expect(seen).toEqual(["GET /db/collections k1"]);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    [401, "Invalid API key or JWT", "k", "node-refused-key", "refused the api key", "Check store.apiKey"],
    [403, "Forbidden", undefined, "node-refused-key", "refused the api key", "Set store.apiKey"],
    [404, "<html>not here</html>", undefined, "store-answer-unexpected", "not as Qdrant does (HTTP 404)", "URL"],
    [404, { status: { error: "Not found: it" } }, undefined, "store-refused", "refused: Not found: it", "wrong"],
    [507, { status: { error: "Quota exceeded" } }, undefined, "node-full", "is full: Quota exceeded", "Make room"],
    [500, { status: { error: "No space left on device" } }, undefined, "node-full", "is full: No space left", "Make room"],
    [400, { status: { error: "Bad request: that" } }, undefined, "store-refused", "refused: Bad request: that", "wrong"],
    [503, { status: { error: "Service unavailable" } }, undefined, "store-failed", "refused: Service unavailable", "log"],
    [502, "<html>bad gateway</html>", undefined, "store-failed", "refused: HTTP 502", "log"],
    [200, "<html>hello</html>", undefined, "store-answer-unexpected", "not as Qdrant does", "URL"],
    [200, "{", undefined, "store-answer-unexpected", "not as Qdrant does", "URL"],
    [200, { hello: 1 }, undefined, "store-answer-unexpected", "its answer has no result", "URL"],
  ])("answered %i %j (key %s): %s", async (status, body, apiKey, code, message, hint) => {
    const origin = await serve(answering(status, body));
    await expect(control(origin, apiKey ? { apiKey } : {}).listCollections()).rejects.toMatchObject({
      code,
      exitCode: 3,
      message: expect.stringContaining(message) as string,
      hint: expect.stringContaining(hint) as string,
    });
  });

  it("refused by the port: unreachable, with the node's name", async () => {
    const origin = await serve(collections);
    for (const close of closers.splice(0)) await close();
    await expect(control(origin).listCollections()).rejects.toMatchObject({
      code: "node-unreachable",
      exitCode: 3,
      message: `node q1 (${origin}): connection refused`,
      hint: "Is the node running, and is the port right?",
    });
  });

  it("never answered: unreachable, after the node's timeout", async () => {
    const origin = await serve(() => {});
    await expect(control(origin, { timeoutMs: 50 }).listCollections()).rejects.toMatchObject({
      code: "node-unreachable",
      message: `node q1 (${origin}): no complete answer within 50 ms`,
    });
  });

  it("of a host that does not exist: unreachable", async () => {
    await expect(control("http://no-such-host.invalid:6333").listCollections()).rejects.toMatchObject({
      code: "node-unreachable",
      exitCode: 3,
    });
  });

  it("to create a collection that exists: said so, for older servers too", async () => {
    const said = { status: { error: "Wrong input: Collection `docs` already exists!" } };
    for (const status of [400, 409])
      await expect(
        control(await serve(answering(status, said))).createCollection("docs", { size: 3, distance: "Dot" }),
      ).rejects.toMatchObject({ code: "collection-exists", exitCode: 3 });
  });
});

describe("TLS reaches the official client", () => {
  async function serveTls(certificate: "local" | "server", clients: boolean): Promise<string> {
    const server = createTlsServer(
      {
        cert: tlsFile(`${certificate}.pem`),
        key: tlsFile(`${certificate}.key`),
        ca: tlsFile("ca.pem"),
        requestCert: clients,
        rejectUnauthorized: clients,
      },
      collections,
    );
    return `https://127.0.0.1:${await listen(server)}`;
  }
  const ca = tlsFile("ca.pem");

  it("an authority of one's own", async () => {
    const url = await serveTls("local", false);
    expect(await control(url, { tls: { ca } }).listCollections()).toEqual(["a", "b"]);
    await expect(control(url).listCollections()).rejects.toMatchObject({
      code: "node-unreachable",
      hint: "Name the authority's certificate in tls.caFile.",
    });
    expect(await control(url).health()).toMatchObject({ ok: false, problem: expect.stringContaining("does not know") as string });
  });

  it("serverName", async () => {
    const url = await serveTls("server", false);
    expect(await control(url, { tls: { ca, serverName: "node.ragctl.test" } }).listCollections()).toEqual(["a", "b"]);
    await expect(control(url, { tls: { ca } }).listCollections()).rejects.toMatchObject({
      hint: expect.stringContaining("tls.serverName") as string,
    });
  });

  it("a client certificate", async () => {
    const url = await serveTls("local", true);
    const tls = { ca, cert: tlsFile("client.pem"), key: tlsFile("client.key") };
    expect(await control(url, { tls }).listCollections()).toEqual(["a", "b"]);
    await expect(control(url, { tls: { ca } }).listCollections()).rejects.toMatchObject({
      hint: expect.stringContaining("tls.certFile") as string,
    });
  });

  it("http:// for a TLS port, and https:// for a plain one", async () => {
    const url = await serveTls("local", false);
    await expect(control(url.replace("https:", "http:")).listCollections()).rejects.toMatchObject({ exitCode: 3 });
    await expect(control((await serve(collections)).replace("http:", "https:")).listCollections()).rejects.toMatchObject({
      hint: expect.stringContaining("http://") as string,
    });
  });
});

describe("the description of a collection", () => {
  const described = async (vectors: unknown, hnsw: unknown = { m: 16, ef_construct: 100 }, sparse?: unknown) =>
    control(
      await serve(
        answering(200, {
          result: {
            status: "green",
            points_count: 7,
            config: { params: { vectors, sparse_vectors: sparse }, hnsw_config: hnsw },
            payload_schema: { z: { data_type: "integer", points: 1 }, a: { data_type: "keyword", points: 1 } },
          },
        }),
      ),
    );
  const text = { size: 3, distance: "Dot" };

  it("unnamed", async () => {
    expect(await (await described(text)).collectionInfo("docs")).toEqual({
      size: 3,
      distance: "Dot",
      hnsw: { m: 16, efConstruct: 100 },
      status: "green",
      pointsCount: 7,
      indexedPayloadFields: ["a", "z"],
      payloadIndexTypes: { a: "keyword", z: "integer" },
    });
  });

  it("named, with an index of its own", async () => {
    const own = { ...text, hnsw_config: { m: 8, ef_construct: null } };
    const expected = { vector: "text", hnsw: { m: 8, efConstruct: 100 } };
    expect(await (await described({ text: own })).collectionInfo("docs")).toMatchObject(expected);
    expect(await (await described({ text: own, body: text })).collectionInfo("docs", "text")).toMatchObject(expected);
  });

  it("with what points have beside the vector that is searched", async () => {
    const others = async (vectors: unknown, sparse?: unknown) =>
      (await (await described(vectors, undefined, sparse)).collectionInfo("docs", "text"))!.otherVectors;
    expect(await others({ text })).toBeUndefined();
    expect(await others({ text, image: text, body: text }, { words: {} })).toEqual(["body", "image", "words"]);
    expect(await (await described(text, undefined, { words: {} })).collectionInfo("docs")).toMatchObject({
      otherVectors: ["words"],
    });
  });

  it.each<[string, unknown, string | undefined, string]>([
    ["several vectors and none chosen", { text, body: text }, undefined, "several named vectors (text, body)"],
    ["no such vector", { text }, "body", `no vector "body", but text`],
    ["a name for the unnamed", text, "body", "one unnamed vector"],
    ["no dense vectors", {}, undefined, "no dense vectors"],
    ["another distance", { size: 3, distance: "Manhattan" }, undefined, "Manhattan"],
    ["multivectors", { ...text, multivector_config: { comparator: "max_sim" } }, undefined, "multivector"],
  ])("with %s: said so", async (_what, vectors, vector, message) => {
    await expect((await described(vectors)).collectionInfo("docs", vector)).rejects.toMatchObject({
      code: "collection-unsupported",
      message: expect.stringContaining(message) as string,
    });
  });
});

describe("health", () => {
  it("has version and latency", async () => {
    const origin = await serve(answering(200, { title: "qdrant - vector search engine", version: "1.19.0" }));
    const health = await control(origin).health();
    expect(health).toMatchObject({ ok: true, version: "1.19.0" });
    expect(health.latencyUs).toBeGreaterThan(0);
  });

  it.each([
    [500, "oops", "oops"],
    [200, "hello", "it answers, but not as Qdrant does"],
    [200, "null", "it answers, but not as Qdrant does"],
  ])("of one that answers %i %s: not ok", async (status, body, problem) => {
    expect(await control(await serve(answering(status, body))).health()).toMatchObject({ ok: false, problem });
  });

  it("of one that does not answer: not ok, in a sentence, in the time that was given", async () => {
    const origin = await serve(() => {});
    expect(await control(origin).health({ timeoutMs: 40 })).toEqual({
      ok: false,
      problem: `node q1 (${origin}): no complete answer within 40 ms`,
    });
  });

  it("ends with the reason of its signal", async () => {
    const controller = new AbortController();
    const origin = await serve(() => controller.abort(new Error("enough")));
    await expect(control(origin).health({ signal: controller.signal })).rejects.toThrow("enough");
  });
});
