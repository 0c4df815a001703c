import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RagctlError, type Problem } from "../../../src/errors.ts";
import { loadConfig, resolveCluster } from "../../../src/config/resolve.ts";
import { fakeRuntime } from "../../helpers/fake-runtime.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

/** Every problem of one file, as a person sees them. */
async function problemsOf(text: string, options: { name?: string; env?: Record<string, string> } = {}): Promise<string[]> {
  const name = options.name ?? "ragctl.config.yaml";
  return await problemsIn(tempDir({ [name]: text }), options.env);
}

async function problemsIn(cwd: string, env: Record<string, string> = {}, named?: string): Promise<string[]> {
  const error = await loadConfig(fakeRuntime({ cwd, env }), named).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error === undefined) return [];
  if (!(error instanceof RagctlError)) throw error;
  expect(error.exitCode).toBe(2);
  return (error.details as Problem[]).map(
    ({ file, line, path, message }) => `${file ?? "-"}:${line ?? "-"} ${path ?? "-"} ${message}`,
  );
}

const cluster = (extra = "", nodes = '{ id: a, url: "http://127.0.0.1:6333" }') => `clusters:
  prod:
    topology: routed
    store: { driver: qdrant }
    nodes: [${nodes}]
${extra}`;

test("a good file has none", async () => {
  expect(await problemsOf(cluster())).toEqual([]);
});

test("every problem at once, each with file, line, path and what was expected", async () => {
  const text = `clusters:
  prod:
    topology: routd
    store: { driver: qdrant, timeout: 5, apiKey: "\${NO_SUCH_KEY}" }
    nodes:
      - { id: q1, url: http://127.0.0.1:6333, wieght: 2 }
      - { id: q1, url: 127.0.0.1:6334 }
      - { id: q3, url: http://127.0.0.1:6333/ , weight: -1 }
    routing: { replicas: 5, minAcks: 6, hash: md6 }
    objectives: { p99: soon, errorRate: 0.1%, recallAt10: 95 }
    cache: { driver: redis }
default: prd
`;
  expect(await problemsOf(text)).toMatchInlineSnapshot(`
    [
      "ragctl.config.yaml:3 clusters.prod.topology expected one of native, routed, got "routd"; did you mean "routed"?",
      "ragctl.config.yaml:4 clusters.prod.store.apiKey the environment variable NO_SUCH_KEY is not set; set it, or give a default: \${NO_SUCH_KEY:-…}",
      "ragctl.config.yaml:4 clusters.prod.store.timeout expected a duration with its unit, such as 100ms or 10s, got 5",
      "ragctl.config.yaml:6 clusters.prod.nodes[0].wieght unknown key "wieght"; did you mean "weight"?",
      "ragctl.config.yaml:7 clusters.prod.nodes[1].url expected an http:// or https:// URL, got "127.0.0.1:6334"",
      "ragctl.config.yaml:7 clusters.prod.nodes[1].id "q1" is already the id of nodes[0]",
      "ragctl.config.yaml:8 clusters.prod.nodes[2].weight expected a number above 0, got -1",
      "ragctl.config.yaml:8 clusters.prod.nodes[2].url the same server as nodes[0]: expected a url of its own",
      "ragctl.config.yaml:9 clusters.prod.routing.hash expected one of xxh32, md5-32, md5-128, got "md6"",
      "ragctl.config.yaml:9 clusters.prod.routing.replicas expected at most the number of nodes, 3, got 5",
      "ragctl.config.yaml:9 clusters.prod.routing.minAcks expected at most replicas, 5, got 6: no write could be acknowledged",
      "ragctl.config.yaml:10 clusters.prod.objectives.p99 expected a duration such as 250ms, 10s or 1h30m, got "soon"",
      "ragctl.config.yaml:10 clusters.prod.objectives.recallAt10 expected a fraction of at most 1 (100%), got "95"",
      "ragctl.config.yaml:11 clusters.prod.cache driver redis expects one of url, cluster or sentinel, got none",
      "ragctl.config.yaml:12 default "prd" names no cluster; did you mean "prod"?",
    ]
  `);
});

test.each([
  ["a scalar", "just some words\n"],
  ["a list", "- a\n- b\n"],
  ["not YAML", "clusters: {prod: [\n"],
  ["tabs", "clusters:\n\tprod:\n\t\ttopology: routed\n"],
  ["twice the same key", "clusters: {}\nclusters: {}\n"],
  ["an unknown alias", "clusters: *nope\n"],
  ["an alias within itself", "clusters: &a\n  prod: *a\n"],
  ["a merge of itself", "clusters: &a\n  <<: *a\n"],
  ["nothing but a comment", "# nothing\n"],
  ["nothing", ""],
  ["two documents", "clusters: {}\n---\nclusters: {}\n"],
  ["no clusters", "clusters: {}\n"],
  ["clusters without a value", "clusters:\n"],
  ["another key", "cluster: {}\n"],
  ["bytes", "\u0000\u0001\u0002"],
])("%s", async (_name, text) => {
  expect(await problemsOf(text)).toMatchSnapshot();
});

test("a billion laughs end at once", async () => {
  const names = "abcdefghij".split("");
  const lines = names.map(
    (name, index) =>
      `${name}: &${name} [${Array(9)
        .fill(index === 0 ? "x" : `*${names[index - 1]}`)
        .join(", ")}]`,
  );
  expect(await problemsOf(`${lines.join("\n")}\n`)).toEqual([
    "ragctl.config.yaml:- - its aliases multiply beyond reason (a hundred at most)",
  ]);
});

test.each(["[", "- ", '{"a":'])("%s repeated without an end is no stack overflow", async (text) => {
  expect(await problemsOf(text.repeat(20_000))).toEqual(["ragctl.config.yaml:- - nested too deeply to be a config"]);
});

test("ten thousand keys take no time that grows with their square", async () => {
  const keys = Array.from({ length: 10_000 }, (_, index) => `k${index}: 1`);
  expect(await problemsOf(`${keys.join("\n")}\nclusters: {}\n`)).toHaveLength(10_001);
});

test("10 MB are refused by size, unread", async () => {
  const text = `# ${"x".repeat(10 * 2 ** 20)}\n`;
  expect(await problemsOf(text)).toEqual(["ragctl.config.yaml:- - is 10.0 MiB: expected a config of at most 256 KiB"]);
});

test("a directory in place of a file, found or named", async () => {
  const cwd = tempDir();
  mkdirSync(join(cwd, "ragctl.config.yaml"));
  const expected = ["ragctl.config.yaml:- - is a directory: expected a file"];
  expect(await problemsIn(cwd)).toEqual(expected);
  expect(await problemsIn(cwd, {}, "ragctl.config.yaml")).toEqual(expected);
});

test.skipIf(process.getuid?.() === 0)("a file without read permission", async () => {
  const cwd = tempDir({ "ragctl.config.yaml": cluster() });
  chmodSync(join(cwd, "ragctl.config.yaml"), 0);
  expect(await problemsIn(cwd)).toEqual(["ragctl.config.yaml:- - cannot be read: permission denied"]);
});

test("--config of a file that is not there", async () => {
  expect(await problemsIn(tempDir(), {}, "nope.yaml")).toEqual(["nope.yaml:- - there is no such file"]);
});

test("JSON is held to JSON, with lines", async () => {
  const bad = `{\n\t"clusters": {\n\t\t"prod": { "topology": 3, "store": {"driver": "qdrant"}, "nodes": [] }\n\t}\n}`;
  expect(await problemsOf(bad, { name: "ragctl.config.json" })).toMatchInlineSnapshot(`
    [
      "ragctl.config.json:3 clusters.prod.topology expected one of native, routed, got 3",
      "ragctl.config.json:3 clusters.prod.nodes expected at least 1 entry, got an empty list",
    ]
  `);
  const [problem] = await problemsOf("{ clusters: { } }", { name: "ragctl.config.json" });
  expect(problem).toContain("not valid JSON");
});

test("the ragctl key of package.json, with its lines", async () => {
  const text = `{\n  "name": "x",\n  "ragctl": {\n    "clusters": {},\n    "defualt": "a"\n  }\n}`;
  expect(await problemsOf(text, { name: "package.json" })).toMatchInlineSnapshot(`
    [
      "package.json:4 clusters expected at least one cluster, got none",
      "package.json:5 defualt unknown key "defualt"; did you mean "default"?",
    ]
  `);
});

test("modules: one that throws, one without a default, one that does not parse, one with a cycle", async () => {
  const throwing = `const url: string = "x";\nexport default {};\nthrow new Error("no luck " + url);\n`;
  expect(await problemsOf(throwing, { name: "ragctl.config.ts" })).toMatchInlineSnapshot(`
    [
      "ragctl.config.ts:3 - could not be run: no luck x",
    ]
  `);
  expect(await problemsOf("export const config = {};\n", { name: "ragctl.config.mjs" })).toMatchInlineSnapshot(`
    [
      "ragctl.config.mjs:- - expected "export default {…}", got no default export",
    ]
  `);
  expect(await problemsOf("export default () => ({});\n", { name: "ragctl.config.mjs" })).toMatchInlineSnapshot(`
    [
      "ragctl.config.mjs:- - expected "export default {…}", got a function",
    ]
  `);
  expect(await problemsOf("const a = { clusters: {} };\na.clusters.b = a;\nexport default a;\n", { name: "ragctl.config.mjs" }))
    .toMatchInlineSnapshot(`
    [
      "ragctl.config.mjs:- - clusters.b contains itself: expected a tree",
    ]
  `);
  const [problem, ...more] = await problemsOf("export default {{{\n", { name: "ragctl.config.js" });
  expect(problem).toContain("could not be run");
  expect(more).toEqual([]);
});

test("variables: each missing one by name and line; their values are never quoted", async () => {
  const text = cluster(
    '    maxRate: "${RATE}"\n    embedder: { driver: openai, url: "${URL}", model: m, dim: "${DIM}", apiKey: "${K1}${K2}" }\n',
  );
  expect(await problemsOf(text, { env: { RATE: "hunter2", URL: "hunter2", DIM: "384" } })).toMatchInlineSnapshot(`
    [
      "ragctl.config.yaml:6 clusters.prod.maxRate expected a rate above zero such as 500, 500/s or 30/m",
      "ragctl.config.yaml:7 clusters.prod.embedder.apiKey the environment variable K1 is not set; set it, or give a default: \${K1:-…}",
      "ragctl.config.yaml:7 clusters.prod.embedder.apiKey the environment variable K2 is not set; set it, or give a default: \${K2:-…}",
      "ragctl.config.yaml:7 clusters.prod.embedder.url expected an http:// or https:// URL, got text (not shown)",
    ]
  `);
});

test("the cross-checks of topology, redis, tls", async () => {
  const text = `clusters:
  one:
    topology: native
    store: { driver: qdrant, tls: { caFile: no-such-ca.pem, certFile: here.pem } }
    nodes: [{ id: a, url: "https://a:6333" }]
    routing: { replicas: 2 }
    cache: { driver: memory, url: "redis://a" }
  two:
    topology: routed
    store: { driver: qdrant }
    nodes: [{ id: a, url: "https://a:6333" }]
    cache: { driver: tiered, url: "redis://localhost/1", cluster: ["redis://b"], tls: { caFile: gone.pem } }
    state: { driver: redis, url: "redis://127.0.0.1:6379/2" }
`;
  const cwd = tempDir({ "ragctl.config.yaml": text, "here.pem": "" });
  expect(await problemsIn(cwd)).toMatchInlineSnapshot(`
    [
      "ragctl.config.yaml:4 clusters.one.store.tls.caFile there is no readable file "no-such-ca.pem" (relative to the config file)",
      "ragctl.config.yaml:4 clusters.one.store.tls.certFile expects keyFile beside it: a client certificate is a pair",
      "ragctl.config.yaml:6 clusters.one.routing.replicas is for topology: routed; a native store shards and replicates by itself",
      "ragctl.config.yaml:7 clusters.one.cache.url is for driver redis or tiered; this one is memory",
      "ragctl.config.yaml:12 clusters.two.cache driver tiered expects one of url, cluster or sentinel, got url and cluster",
      "ragctl.config.yaml:12 clusters.two.cache.tls.caFile there is no readable file "gone.pem" (relative to the config file)",
      "ragctl.config.yaml:13 clusters.two.state.url localhost:6379 is the cache's Redis, which may evict; state (tables, locks, leases) needs one of its own, with maxmemory-policy noeviction",
    ]
  `);
});

test("no config and no local cluster", async () => {
  await expect(resolveCluster(fakeRuntime({ cwd: tempDir() }), { config: undefined, cluster: undefined })).rejects.toMatchObject({
    exitCode: 2,
    code: "no-cluster",
    hint: expect.stringMatching(/ragctl up.*ragctl init/),
  });
});
