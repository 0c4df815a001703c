import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { expect, test } from "vitest";
import { resolveCluster } from "../../src/config/resolve.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { tempDir } from "../helpers/temp-dir.ts";

const secrets = ["k-3y-of-the-store", "n0de-key-own", "r3dis-pass", "st4te-pass", "b34rer-token", "emb3d-key", "us3r-pass"];

const full = `clusters:
  prod:
    topology: routed
    store: { driver: qdrant, collection: docs, apiKey: "\${QDRANT_API_KEY}", timeout: 1500ms }
    nodes:
      - { id: q1, url: "https://admin:us3r-pass@q1.internal:6333", zone: a, apiKey: n0de-key-own }
      - { id: q2, url: https://q2.internal:6333, zone: b }
      - { id: q3, url: https://q3.internal:6333, zone: c }
    routing: { replicas: 3, minAcks: 2, consistency: quorum, hash: md5-128 }
    cache: { driver: redis, url: "redis://:r3dis-pass@r1:6379", resultTtl: 90m, maxBytes: 64MiB }
    embedder: { driver: openai, url: http://tei.internal/v1, model: bge, dim: 384, apiKey: emb3d-key }
    endpoints: { ask: { url: "https://rag.internal/ask", headers: { authorization: Bearer b34rer-token, content-type: application/json } } }
    objectives: { p99: 100ms, errorRate: 0.1% }
    state: { driver: redis, url: "redis://state:6379", password: st4te-pass }
    protected: true
    maxRate: 500/s
  lab:
    topology: native
    store: { driver: qdrant }
    nodes: [{ id: q1, url: "http://127.0.0.1:6333" }]
default: prod
`;
const env = { QDRANT_API_KEY: "k-3y-of-the-store" };

test("config check: what is there, and what its routing promises", async () => {
  const cwd = tempDir({ "ragctl.config.yaml": full });
  const { stdout, stderr, exitCode } = await runCli(["config", "check"], { cwd: join(cwd), env });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toMatchInlineSnapshot(`
    "ok ragctl.config.yaml

    cluster  topology  store   nodes
    prod     routed    qdrant      3  default, protected
    lab      native    qdrant      1

    prod: N=3, W=2, R=2: R + W > N, so a read asks at least one live replica that
      acknowledged the last write; an answer for which fewer than 2 owners of some
      points could be asked says so.
    warning: ragctl.config.yaml:9: clusters.prod.routing.hash: md5-128 positions do
      not fit a point's 32-bit hash: this ring plans and routes, and is not applied
      live; md5-32 is
    "
  `);
  const { json } = await runCli(["config", "check", "--json", "--cluster", "prod"], { cwd, env });
  expect(json().result.clusters[0].consistency).toMatchObject({ n: 3, w: 2, r: 2, overlaps: true });
});

test("config check: every problem under error.details, exit 2", async () => {
  const cwd = tempDir({ "ragctl.config.yaml": "clusters:\n  a: { topology: routed, nodez: 3 }\ndefault: b\n" });
  const result = await runCli(["config", "check", "--json"], { cwd });
  expect(result.exitCode).toBe(2);
  expect(result.json().error.details).toMatchInlineSnapshot(`
    [
      {
        "file": "ragctl.config.yaml",
        "line": 2,
        "message": "is missing: expected a mapping",
        "path": "clusters.a.store",
      },
      {
        "file": "ragctl.config.yaml",
        "line": 2,
        "message": "is missing: expected a list",
        "path": "clusters.a.nodes",
      },
      {
        "file": "ragctl.config.yaml",
        "line": 2,
        "message": "unknown key "nodez"; did you mean "nodes"?",
        "path": "clusters.a.nodez",
      },
      {
        "file": "ragctl.config.yaml",
        "line": 3,
        "message": ""b" names no cluster; did you mean "a"?",
        "path": "default",
      },
    ]
  `);
  const forPeople = await runCli(["config", "check"], { cwd });
  expect(forPeople.stderr).toMatchInlineSnapshot(`
    "error: 4 problems:
      ragctl.config.yaml:2: clusters.a.store: is missing: expected a mapping
      ragctl.config.yaml:2: clusters.a.nodes: is missing: expected a list
      ragctl.config.yaml:2: clusters.a.nodez: unknown key "nodez"; did you mean "nodes"?
      ragctl.config.yaml:3: default: "b" names no cluster; did you mean "a"?
    hint: ragctl config schema describes every key
    "
  `);
});

test("config show prints what can be read back, but for the secrets", async () => {
  const cwd = tempDir({ "ragctl.config.yaml": full });
  const { stdout } = await runCli(["config", "show"], { cwd, env });
  expect(stdout).toMatchInlineSnapshot(`
    "# resolved from ragctl.config.yaml, secrets redacted
    clusters:
      prod:
        topology: routed
        store:
          driver: qdrant
          collection: docs
          apiKey: "***"
          timeout: 1500ms
        nodes:
          - id: q1
            url: https://***@q1.internal:6333
            zone: a
            weight: 1
            apiKey: "***"
          - id: q2
            url: https://q2.internal:6333
            zone: b
            weight: 1
          - id: q3
            url: https://q3.internal:6333
            zone: c
            weight: 1
        routing:
          replicas: 3
          minAcks: 2
          consistency: quorum
          virtualNodes: 150
          hash: md5-128
          breaker: rolling
          hedge: off
          maxInFlightPerNode: 128
        cache:
          driver: redis
          url: redis://***@r1:6379
          namespace: rag
          resultTtl: 90m
          embeddingTtl: 2h
          maxBytes: 64MiB
        embedder:
          driver: openai
          url: http://tei.internal/v1
          model: bge
          dim: 384
          apiKey: "***"
          batchSize: 64
          timeout: 30s
        endpoints:
          ask:
            url: https://rag.internal/ask
            method: POST
            headers:
              authorization: "***"
              content-type: application/json
        objectives:
          p99: 100ms
          errorRate: 0.001
        state:
          driver: redis
          url: redis://state:6379
          password: "***"
        protected: true
        maxRate: 500/s
      lab:
        topology: native
        store:
          driver: qdrant
        nodes:
          - id: q1
            url: http://127.0.0.1:6333
            weight: 1
        routing:
          consistency: one
          breaker: rolling
          maxInFlightPerNode: 128
        objectives: {}
        state:
          driver: sqlite
        protected: false
    default: prod
    "
  `);
  const lab = tempDir({ "ragctl.config.yaml": (await runCli(["config", "show", "--cluster", "lab"], { cwd, env })).stdout });
  const [before, after] = await Promise.all(
    [cwd, lab].map((dir) => resolveCluster(fakeRuntime({ cwd: dir, env }), { config: undefined, cluster: "lab" })),
  );
  expect({ ...after, source: undefined }).toEqual({ ...before, source: undefined });
});

test("config schema: alone on stdout; in the envelope with --json", async () => {
  const plain = JSON.parse((await runCli(["config", "schema"], { cwd: tempDir() })).stdout);
  expect(plain).toMatchObject({ $schema: expect.stringContaining("json-schema.org"), type: "object", required: ["clusters"] });
  expect((await runCli(["config", "schema", "--json"], { cwd: tempDir() })).json().result).toEqual(plain);
});

test("no secret shows up anywhere, whatever goes wrong", async () => {
  const broken = [
    full,
    full.replace("topology: routed", "topology: 3"),
    full.replace("apiKey: n0de-key-own", "apiKye: n0de-key-own"),
    full.replace("https://admin:", "ftp://admin:"),
    full.replace("redis://:", "http://:"),
    full.replace("default: prod", "default: us3r-pass"),
    full.replace("password: st4te-pass", "password: { a: st4te-pass }"),
    full.replace("dim: 384", "dim: 384.5"),
  ];
  for (const text of broken)
    for (const argv of [
      ["config", "check"],
      ["config", "show"],
      ["config", "show", "--cluster", "nope"],
      ["config", "check", "--cluster", "nope"],
    ])
      for (const json of [[], ["--json"]]) {
        const cwd = tempDir({ "ragctl.config.yaml": text });
        const { stdout, stderr } = await runCli([...argv, ...json], { cwd, env });
        const leaked = secrets.filter((secret) => `${stdout}${stderr}`.includes(secret));
        // A secret that was put in place of a name is shown as that name.
        expect(leaked, `${argv.join(" ")} of ${text.split("\n").at(-2)}`).toEqual([]);
      }
});

test("which cluster: --cluster, default, the only one, local; a wrong name says which there are", async () => {
  const cluster = (id: string) => ({
    topology: "routed",
    store: { driver: "qdrant" },
    nodes: [{ id, url: "http://127.0.0.1:1" }],
  });
  const local = JSON.stringify({ clusters: { local: cluster("from-up") }, default: "local" });
  const config = (extra = {}) => JSON.stringify({ clusters: { a: cluster("a1"), b: cluster("b1") }, ...extra });
  const pick = async (files: Record<string, string>, choice: { config?: string; cluster?: string } = {}, below = "") => {
    const runtime = fakeRuntime({ cwd: join(tempDir({ ...files, "sub/dir/x": "" }), below) });
    const { name, nodes, source } = await resolveCluster(runtime, { config: choice.config, cluster: choice.cluster });
    return [name, nodes[0]!.id, source.kind];
  };
  const both = { "ragctl.config.json": config(), ".ragctl/cluster.json": local };
  expect(await pick({ ".ragctl/cluster.json": local })).toEqual(["local", "from-up", "local"]);
  expect(await pick({ ".ragctl/cluster.json": local }, {}, "sub/dir")).toEqual(["local", "from-up", "local"]);
  expect(await pick({ ...both, "ragctl.config.json": config({ default: "b" }) })).toEqual(["b", "b1", "config"]);
  expect(await pick(both, { cluster: "a" }, "sub/dir")).toEqual(["a", "a1", "config"]);
  expect(await pick(both, { cluster: "local" })).toEqual(["local", "from-up", "local"]);
  expect(await pick({ ...both, "ragctl.config.json": config({ default: "local" }) })).toEqual(["local", "from-up", "local"]);
  expect(await pick({ ...both, "other.yaml": config({ default: "a" }) }, { config: "other.yaml" })).toEqual([
    "a",
    "a1",
    "config",
  ]);
  expect(await pick({ ".ragctlrc": config({ default: "a" }) })).toEqual(["a", "a1", "config"]);
  expect(await pick({ "package.json": JSON.stringify({ ragctl: { clusters: { a: cluster("a1") } } }) }, {}, "sub")).toEqual([
    "a",
    "a1",
    "config",
  ]);
  expect(await pick({ "package.json": "{ broken", "sub/package.json": "{}", ".ragctl/cluster.json": local }, {}, "sub")).toEqual([
    "local",
    "from-up",
    "local",
  ]);
  const typed = `const id: string = "a1";\nexport default { clusters: { a: { topology: "routed", store: { driver: "qdrant" }, nodes: [{ id, url: "http://127.0.0.1:1" }] } } };\n`;
  expect(await pick({ "ragctl.config.ts": typed })).toEqual(["a", "a1", "config"]);

  await expect(pick(both)).rejects.toMatchObject({
    code: "cluster-ambiguous",
    exitCode: 2,
    hint: expect.stringContaining("--cluster a"),
  });
  await expect(pick(both, { cluster: "c" })).rejects.toMatchObject({ code: "cluster-unknown", exitCode: 2 });
  await expect(pick({ "ragctl.config.json": config() }, { cluster: "local" })).rejects.toMatchObject({
    hint: expect.stringContaining("ragctl up"),
  });
});

test("init writes a config that check accepts, and leaves one that is there alone", async () => {
  const cwd = tempDir();
  const first = await runCli(["init"], { cwd });
  expect(first.exitCode).toBe(0);
  expect(first.stderr).toBe("next: ragctl config check\n");
  expect(readdirSync(cwd)).toEqual(["ragctl.config.yaml"]);
  expect((await runCli(["config", "check"], { cwd })).exitCode).toBe(0);
  const written = readFileSync(join(cwd, "ragctl.config.yaml"), "utf8");
  expect(parse(written)).toHaveProperty("clusters.dev");

  const second = await runCli(["init", "--json"], { cwd });
  expect(second.exitCode).toBe(7);
  expect(second.json().error).toMatchObject({ code: "config-exists", hint: expect.stringContaining("--force") });
  expect(readFileSync(join(cwd, "ragctl.config.yaml"), "utf8")).toBe(written);
  expect((await runCli(["init", "--force", "--json"], { cwd })).json().result).toMatchObject({ overwritten: true });
  expect((await runCli(["init", "--config", "other.json"], { cwd })).exitCode).toBe(2);

  const rival = tempDir({ ".ragctlrc": "clusters: {}\n" });
  expect((await runCli(["init"], { cwd: rival })).stderr).toContain(".ragctlrc is already there");
});
