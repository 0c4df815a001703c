import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer, type AddressInfo, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { lookAround, type Surroundings } from "../../../src/config/look.ts";
import { starterConfig } from "../../../src/config/starter.ts";
import { parseSourceText } from "../../../src/config/source-text.ts";
import { validateConfig } from "../../../src/config/validate.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function qdrantLike(answers: Record<string, [status: number, body: unknown]>): Promise<string> {
  const listener: RequestListener = (request, response) => {
    const [status, body] = answers[request.url ?? ""] ?? [404, {}];
    response.writeHead(status, { "content-type": "application/json", connection: "close" }).end(JSON.stringify(body));
  };
  return `http://127.0.0.1:${await listen(createHttpServer(listener))}`;
}

async function redisLike(answer: string | undefined): Promise<{ host: string; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", () => answer !== undefined && socket.write(answer));
  });
  return { host: "127.0.0.1", port: await listen(server) };
}

/** A port that nothing listens on: one that was just given back. */
async function deadPort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const root = [200, { title: "qdrant - vector search engine", version: "1.18.0" }] as [number, unknown];
const collections = (...names: string[]): [number, unknown] => [
  200,
  { result: { collections: names.map((name) => ({ name })) } },
];

test("a Qdrant and a Redis that answer", async () => {
  const qdrantUrl = await qdrantLike({
    "/": root,
    "/cluster": [200, { result: { status: "enabled" } }],
    "/collections": collections("docs"),
  });
  const redis = await redisLike("+PONG\r\n");
  const dir = tempDir({ ".ragctl/cluster.json": "{}" });
  expect(await lookAround({ cwd: dir }, { qdrantUrl, redis, timeoutMs: 5000 })).toEqual({
    qdrant: { url: qdrantUrl, version: "1.18.0", locked: false, clustered: true, collections: ["docs"] },
    redis: { url: `redis://127.0.0.1:${redis.port}`, locked: false },
    local: ".ragctl/cluster.json",
  });
});

test("locked ones are found too, and said to be", async () => {
  const qdrantUrl = await qdrantLike({ "/": root, "/cluster": [401, {}], "/collections": [401, {}] });
  const redis = await redisLike("-NOAUTH Authentication required.\r\n");
  expect(await lookAround({ cwd: tempDir() }, { qdrantUrl, redis, timeoutMs: 5000 })).toMatchObject({
    qdrant: { locked: true, clustered: false },
    redis: { locked: true },
  });
});

test("nothing there, something else there, and something that never answers", async () => {
  const port = await deadPort();
  const nothing = { qdrantUrl: `http://127.0.0.1:${port}`, redis: { host: "127.0.0.1", port }, timeoutMs: 200 };
  expect(await lookAround({ cwd: tempDir() }, nothing)).toEqual({});
  const other = await qdrantLike({ "/": [200, { title: "a web shop" }] });
  const smtp = await redisLike("220 mail ready\r\n");
  expect(await lookAround({ cwd: tempDir() }, { qdrantUrl: other, redis: smtp, timeoutMs: 5000 })).toEqual({});
  const silent = await redisLike(undefined);
  const silentUrl = `http://127.0.0.1:${silent.port}`;
  expect(await lookAround({ cwd: tempDir() }, { qdrantUrl: silentUrl, redis: silent, timeoutMs: 200 })).toEqual({});
});

const qdrant = { url: "http://127.0.0.1:6333", version: "1.18.0", locked: false, clustered: false, collections: [] };
test.each<[string, Surroundings, { default: string; topology: string }]>([
  ["nothing", {}, { default: "dev", topology: "routed" }],
  ["a Qdrant", { qdrant }, { default: "dev", topology: "routed" }],
  [
    "a Qdrant cluster with one collection",
    { qdrant: { ...qdrant, clustered: true, collections: ["na'me #{x}, - y"] } },
    { default: "dev", topology: "native" },
  ],
  [
    "a locked Qdrant and a locked Redis",
    { qdrant: { ...qdrant, locked: true }, redis: { url: "redis://127.0.0.1:6379", locked: true } },
    { default: "dev", topology: "routed" },
  ],
  ["up alone", { local: ".ragctl/cluster.json" }, { default: "local", topology: "routed" }],
  ["up and a Qdrant", { qdrant, local: ".ragctl/cluster.json" }, { default: "dev", topology: "routed" }],
])("the starter for %s passes the check, without a variable set", (_name, surroundings, expected) => {
  const source = parseSourceText(starterConfig(surroundings), "yaml");
  const { config, problems, warnings } = validateConfig(source.value, {
    env: {},
    file: "ragctl.config.yaml",
    lineOf: (path) => source.lineOf(path),
    fileExists: () => false,
  });
  expect([...source.problems, ...problems, ...warnings]).toEqual([]);
  expect({ default: config?.default, topology: config?.clusters["dev"]?.topology }).toEqual(expected);
  expect(config?.clusters["dev"]?.store.collection).toBe(surroundings.qdrant?.collections[0]);
});

test("what the starter has commented out is valid once the comment marks are taken away", () => {
  const text = starterConfig({ qdrant: { ...qdrant, locked: true } })
    .split("\n")
    .map((line) => line.replace(/^(\s+)# (\w+:|- \{)/, "$1$2"))
    .filter((line) => !/^\s+(hashing|routed|tls|embedder: \{ driver: hashing)/.test(line))
    .join("\n");
  const source = parseSourceText(text, "yaml");
  const { problems } = validateConfig(source.value, {
    env: { QDRANT_API_KEY: "x" },
    file: "f",
    lineOf: () => 1,
    fileExists: () => true,
  });
  expect([...source.problems, ...problems], text).toEqual([]);
});
