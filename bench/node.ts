// The embedded node on one core: ingest, queries with recall, filtered queries, restart. `node bench/node.ts`
// The node runs in a process of its own and is busy on one core at most; "per CPU second" divides by what it really used,
// which is the figure to compare on a machine that others use too (Linux only).
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { Pool } from "undici";
import { startNode, type TestNode } from "../test/helpers/node.ts";
import { clusteredVectors, dotProduct, topIndexes } from "../test/helpers/vectors.ts";

const points = Number(process.env["POINTS"] ?? 20_000);
const size = 384;
const k = 10;
const queryCount = 300;
const seed = 20_260_101;

/** Seconds of CPU that a process has used, all its threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Sends every body, `inFlight` at a time; returns answers, wall seconds and the node's CPU seconds. */
async function sendAll(node: TestNode, method: "PUT" | "POST", path: string, bodies: readonly string[], inFlight: number) {
  const pool = new Pool(node.url, { connections: inFlight, pipelining: 1 });
  const answers: string[] = [];
  const cpu = cpuSeconds(node.pid);
  const start = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < bodies.length) {
      const index = next++;
      const { statusCode, body } = await pool.request({
        method,
        path,
        body: bodies[index]!,
        headers: { "content-type": "application/json" },
      });
      answers[index] = await body.text();
      if (statusCode !== 200) throw new Error(`${statusCode}: ${answers[index]}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const wallSec = (performance.now() - start) / 1000;
  const cpuSec = cpuSeconds(node.pid) - cpu;
  await pool.close();
  return { answers, wallSec, cpuSec };
}

function say(what: string, count: number, { wallSec, cpuSec }: { wallSec: number; cpuSec: number }, extra = ""): void {
  const perSec = Math.round(count / wallSec).toLocaleString("en-US");
  const perCpu = Math.round(count / cpuSec).toLocaleString("en-US");
  process.stdout.write(`${what.padEnd(34)} ${perSec.padStart(7)}/s  ${perCpu.padStart(7)} per CPU second  ${extra}\n`);
}

function recall(answers: readonly string[], truth: readonly number[][]): number {
  let found = 0;
  for (const [index, wanted] of truth.entries()) {
    const { result } = JSON.parse(answers[index]!) as { result: { points: { id: number }[] } };
    const ids = new Set(result.points.map(({ id }) => id));
    found += wanted.filter((id) => ids.has(id)).length / wanted.length;
  }
  return found / truth.length;
}

const next = clusteredVectors({ size, clusters: 200, seed });
const vectors = Array.from({ length: points }, next);
const queries = Array.from({ length: queryCount }, next);
const h = (id: number) => Math.imul(id, 0x9e3779b1) >>> 0;
const quarter = 2 ** 30;
const scores = queries.map((query) => vectors.map((vector) => dotProduct(query, vector)));
const truth = scores.map((of) => topIndexes(of, k));
const truthQuarter = scores.map((of) =>
  topIndexes(
    of.map((score, id) => (h(id) < quarter ? score : -2)),
    k,
  ),
);

let node = await startNode();
const { dir } = node;
try {
  process.stdout.write(`${points} × ${size} clustered vectors, cosine, seed ${seed}, Node ${process.versions.node}\n`);
  const json = { "content-type": "application/json" };
  const put = (path: string, body: unknown) =>
    fetch(`${node.url}${path}`, { method: "PUT", headers: json, body: JSON.stringify(body) });
  await put("/collections/bench", { vectors: { size, distance: "Cosine" } });
  await put("/collections/bench/index", { field_name: "_ragctl_h", field_schema: "integer" });
  const batches: string[] = [];
  for (let from = 0; from < points; from += 100)
    batches.push(
      JSON.stringify({
        points: vectors.slice(from, from + 100).map((vector, offset) => {
          const id = from + offset;
          return { id, vector, payload: { _ragctl_h: h(id), _ragctl_key: String(id), text: "words ".repeat(30) } };
        }),
      }),
    );
  const ingest = await sendAll(node, "PUT", "/collections/bench/points?wait=true", batches, 2);
  say("ingest, batches of 100", points, ingest);
  const path = "/collections/bench/points/query";
  for (let indexed = 0; indexed < points;) {
    const { result } = (await (await fetch(`${node.url}/collections/bench`)).json()) as any;
    indexed = result.indexed_vectors_count;
  }
  const repeat = <T>(items: readonly T[], times: number) => Array.from({ length: times }, () => items).flat();
  const bodies = (extra: object) => queries.map((query) => JSON.stringify({ query, limit: k, ...extra }));
  await sendAll(node, "POST", path, bodies({}), 4);
  const plain = await sendAll(node, "POST", path, repeat(bodies({}), 20), 4);
  say("search, no payload", queryCount * 20, plain, `recall@${k} ${recall(plain.answers, truth).toFixed(4)}`);
  const payload = await sendAll(node, "POST", path, repeat(bodies({ with_payload: true }), 5), 4);
  say("search, with payload", queryCount * 5, payload, `recall@${k} ${recall(payload.answers, truth).toFixed(4)}`);
  const filter = { must: [{ key: "_ragctl_h", range: { gte: 0, lt: quarter } }] };
  const filtered = await sendAll(node, "POST", path, repeat(bodies({ filter }), 5), 4);
  say(
    "search, filter that keeps 25 %",
    queryCount * 5,
    filtered,
    `recall@${k} ${recall(filtered.answers, truthQuarter).toFixed(4)}`,
  );
  const narrow = { must: [{ key: "_ragctl_h", range: { gte: 0, lt: 2 ** 32 / 100 } }] };
  const tight = await sendAll(node, "POST", path, bodies({ filter: narrow }), 4);
  say("search, filter that keeps 1 %", queryCount, tight);
  const exact = await sendAll(node, "POST", path, bodies({ params: { exact: true } }).slice(0, 100), 4);
  say("search, exact", 100, exact, `recall@${k} ${recall(exact.answers, truth.slice(0, 100)).toFixed(4)}`);
  for (const how of ["kill", "stop"] as const) {
    if (how === "kill") await node.kill();
    else await node.stop();
    const start = performance.now();
    node = await startNode({ dir });
    const listenMs = performance.now() - start;
    const again = await sendAll(node, "POST", path, bodies({}), 4);
    const { result } = (await (await fetch(`${node.url}/collections/bench`)).json()) as any;
    say(
      `first searches after ${how}`,
      queryCount,
      again,
      `listening after ${listenMs.toFixed(0)} ms, recall@${k} ${recall(again.answers, truth).toFixed(4)}, ${result.indexed_vectors_count} indexed`,
    );
  }
} finally {
  await node.stop();
}
