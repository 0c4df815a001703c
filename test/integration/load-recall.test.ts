import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { connectCluster } from "../../src/cluster/index.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import { loadResultSchema, type LoadResult } from "../../src/load/result.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { fakeRuntime, runCli } from "../helpers/fake-runtime.ts";
import { startNode, type TestNode } from "../helpers/node.ts";
import { clusteredVectors } from "../helpers/vectors.ts";

const size = 32;
let folder: string;
let node: TestNode;
let front: Server;
/** After so many approximate searches the front swaps the ids of answers for those of other points, at full speed. */
let wrongAfter = Number.POSITIVE_INFINITY;
let searches = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ragctl-load-recall-"));
  node = await startNode();
  const ids = new Map<string, string>();
  const all: string[] = [];
  front = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      void (async () => {
        const body = Buffer.concat(chunks);
        const isSearch = request.url!.includes("/points/query") && !body.includes('"exact":true');
        if (isSearch) searches++;
        const wrong = isSearch && searches > wrongAfter;
        const answer = await fetch(`${node.url}${request.url}`, {
          method: request.method!,
          headers: { "content-type": "application/json" },
          ...(body.length > 0 && { body }),
        });
        let text = await answer.text();
        if (wrong) {
          const document = JSON.parse(text) as { result: { points: { id: string }[] } };
          for (const point of document.result.points) point.id = ids.get(point.id) ?? point.id;
          text = JSON.stringify(document);
        }
        response.writeHead(answer.status, { "content-type": "application/json" }).end(text);
      })();
    });
  });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const cluster = { topology: "routed", store: { driver: "qdrant" }, nodes: [{ id: "n1", url }], routing: { replicas: 1 } };
  await writeFile(join(folder, "ragctl.config.yaml"), stringify({ clusters: { test: cluster } }));
  const resolved = await resolveCluster(fakeRuntime({ cwd: folder }), { config: undefined, cluster: undefined });
  const client = await connectCluster(resolved, { clock: realClock, rng: seededRng(1), purpose: "test", cwd: folder });
  const next = clusteredVectors({ size, clusters: 12, seed: 9 });
  await client.ensureCollection("docs", { size, distance: "Cosine" });
  await client.upsert(
    "docs",
    Array.from({ length: 400 }, (_, i) => ({ key: `doc-${i}`, vector: next() })),
  );
  for await (const page of client.scroll("docs", { withPayload: true })) all.push(...page.map(({ id }) => String(id)));
  await client.close();
  for (const [at, id] of all.entries()) ids.set(id, all[(at + 200) % all.length]!);
});
afterAll(async () => {
  front.closeAllConnections();
  front.close();
  await node.stop();
  await rm(folder, { recursive: true, force: true });
});

async function load(line: string): Promise<{ exitCode: number; result: LoadResult; text: string }> {
  searches = 0;
  const { exitCode, json, stdout } = await runCli(["load", "--json", "--collection", "docs", ...line.split(" ")], {
    cwd: folder,
  });
  return { exitCode, result: json().result, text: stdout };
}

const common = "--rps 60 --duration 4s --warmup 200ms --timeout 20s --threshold p99<20s --threshold recall@10>0.9";

describe("recall under load", () => {
  test("a node that answers well: judged against exact search, with an interval, in every window", async () => {
    const { exitCode, result } = await load(common);
    expect(loadResultSchema.parse(result).verdict).toBe("pass");
    expect(exitCode).toBe(0);
    const [recall] = result.recall;
    expect(recall!.k).toBe(10);
    expect(recall!.n).toBeGreaterThan(50);
    expect(recall!.mean).toBeGreaterThan(0.95);
    expect(recall!.low).toBeLessThanOrEqual(recall!.mean);
    expect(result.windows.every((window) => window.recall !== undefined)).toBe(true);
    expect(result.thresholds[1]).toMatchObject({ expression: "recall@10>0.9", ok: true, unit: "fraction" });
  });

  test("a node that answers wrong ids at full speed from half-way: latency passes, the run fails on recall, and says so", async () => {
    // Of 252, a handful before the clock starts.
    wrongAfter = 130;
    const { exitCode, result } = await load(common);
    wrongAfter = Number.POSITIVE_INFINITY;
    expect(exitCode).toBe(4);
    expect(result.verdict).toBe("fail");
    expect(result.thresholds.map(({ ok }) => ok)).toEqual([true, false]);
    expect(result.counts.errors).toBe(0);
    expect(result.reasons.join("\n")).toMatch(/recall@10>0\.9 failed: it was \d.*latency held while recall fell/s);
    const [early, late] = [result.windows[0]!, result.windows.at(-1)!].map((window) => window.recall!["recall@10"]!.mean);
    expect(early).toBeGreaterThan(0.9);
    expect(late).toBeLessThan(0.2);
  });

  test("a threshold on more hits than are asked for, or on a metric that is none: exit 2, nothing sent", async () => {
    for (const threshold of ["recall@50>0.9", "fetch.responseTime:p99<1s", "precision>0.5"]) {
      searches = 0;
      const { exitCode } = await runCli(
        ["load", "--collection", "docs", "--rps", "10", "--duration", "1s", "--threshold", threshold],
        { cwd: folder },
      );
      expect(exitCode, threshold).toBe(2);
      expect(searches, threshold).toBe(0);
    }
  });

  test("capacity with recall among its objectives: a node that answers wrong ids holds no rate at all", async () => {
    wrongAfter = 0;
    const line =
      "load capacity --json --collection docs --slo recall@10>0.9 --slo p99<20s --min 20 --max 40 --hold 1s --warmup 0s --rest 0s --repeats 1";
    const { exitCode, json } = await runCli(line.split(" "), { cwd: folder });
    wrongAfter = Number.POSITIVE_INFINITY;
    expect(exitCode).toBe(4);
    expect(json().result).toMatchObject({ ratePerSec: null, firstBroken: "recall@10>0.9", generatorBound: false });
  });
});
