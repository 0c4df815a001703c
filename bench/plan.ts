/**
 * Plans against the truth and the clock.
 *
 *   node bench/plan.ts [--ids 10000000]
 *
 * 1. The moved fraction of a plan, which is computed from arcs, beside what routing that many ids one by one shows: within 4 standard
 *    errors of the sample.
 * 2. `ragctl shard plan` as a whole process: three nodes and one more with a billion points (target: under 1 s), and 1,000 nodes of 150 virtual
 *    nodes and one more (target: under 500 ms). Needs `npm run build`.
 *
 * Exit 4 where something is missed.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createPlacement, loadHashes, movement, type Member, type PartitionerSpec } from "../src/sharding/index.ts";
import { packageRoot } from "../src/version.ts";

const { values } = parseArgs({ options: { ids: { type: "string", default: "10000000" } } });
const ids = Number(values.ids);
const bin = join(packageRoot, "dist", "bin", "ragctl.js");
let missed = false;

await loadHashes();
console.log(`Node ${process.versions.node}, load average ${loadavg()[0]!.toFixed(2)}\n`);
console.log(`${ids.toLocaleString("en-US")} ids each        exact      routed   difference   standard errors   ids/s`);
const members = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ id: `node-${i}` }));
const ring: PartitionerSpec = { kind: "ring", hash: "xxh32", virtualNodes: 150 };
compare("3 nodes + 1", ring, [3, 4], [1, 1]);
compare("3 + 1, 2 replicas", ring, [3, 4], [2, 2]);
compare("2 → 3 replicas", ring, [5, 5], [2, 3]);
compare("bounded by 1.1", { ...ring, loadBound: 0.1 }, [8, 9], [2, 2]);
compare("rendezvous 5 − 1", { kind: "rendezvous", hash: "xxh32" }, [5, 4], [1, 1]);
if (existsSync(bin)) {
  console.log("\nwhole process, median of 9 (least)");
  time("3 nodes + 1, a billion points", ["a", "b", "c"], 1000);
  time(
    "1,000 nodes + 1",
    members(1000).map(({ id }) => id),
    500,
  );
} else console.log("\ndist/ is missing: npm run build, to time whole processes");
process.exitCode = missed ? 4 : 0;

function compare(
  name: string,
  partitioner: PartitionerSpec,
  [from, to]: [number, number],
  [replicas, then]: [number, number],
): void {
  const before = createPlacement({ partitioner, members: members(from), replicas });
  const after = createPlacement({ partitioner, members: members(to), replicas: then });
  const exact = movement(before, after).movedFraction;
  const start = process.hrtime.bigint();
  let copies = 0;
  let squares = 0;
  for (let i = 0; i < ids; i++) {
    const key = `doc_${i}_chunk_${i % 20}`;
    const was = before.ownersOfKey(key);
    const is = after.ownersOfKey(key);
    if (was === is) continue;
    let written = 0;
    for (const id of is) if (!was.includes(id)) written++;
    copies += written;
    squares += written * written;
  }
  const perSec = ids / (Number(process.hrtime.bigint() - start) / 1e9);
  const mean = copies / ids;
  const error = Math.sqrt((squares / ids - mean * mean) / ids) / then;
  // Where every id has the same number of copies written, there is no error to compare with but rounding.
  const errors = error > 0 ? Math.abs(mean / then - exact) / error : Math.abs(mean / then - exact) < 1e-9 ? 0 : Infinity;
  if (errors > 4) missed = true;
  console.log(
    `${name.padEnd(22)}${exact.toFixed(6).padStart(10)}${(mean / then).toFixed(6).padStart(12)}${Math.abs(mean / then - exact)
      .toExponential(1)
      .padStart(13)}${errors.toFixed(2).padStart(18)}${Math.round(perSec).toLocaleString("en-US").padStart(12)}`,
  );
}

function time(name: string, nodes: string[], targetMs: number): void {
  const argv = [bin, "shard", "plan", "--nodes", nodes.join(","), "--add", "one-more", "--points", "1000000000", "--json"];
  const timesMs: number[] = [];
  for (let round = -1; round < 9; round++) {
    const start = process.hrtime.bigint();
    const { status, stderr } = spawnSync(process.execPath, argv, { encoding: "utf8", maxBuffer: 2 ** 27 });
    if (status !== 0) throw new Error(`ragctl ended with ${status}: ${stderr}`);
    if (round >= 0) timesMs.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  const median = timesMs.toSorted((a, b) => a - b)[4]!;
  const least = Math.min(...timesMs);
  if (median > targetMs) missed = true;
  console.log(`${name.padEnd(32)}${median.toFixed(0).padStart(6)} ms  (${least.toFixed(0)} ms)   target ${targetMs} ms`);
}
