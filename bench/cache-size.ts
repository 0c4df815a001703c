/**
 * `ragctl cache size` against the truth, the clock and its memory.
 *
 *   node bench/cache-size.ts [--references 100000000] [--keys 10000000] [--keep FILE]
 *
 * 1. A million references, Zipf 0.9 over 200,000 keys: the exact curve beside the LRU stack written the plain way (a list, moved to its front), at every size,
 *    and beside an LRU cache that is run, at fifty.
 * 2. The same trace by SHARDS at 1 %, ten sampling seeds: mean absolute error over a hundred even sizes (target: median at most 0.02), time beside
 *    the exact method's (target: a tenth), for the analysis alone and with the reading of a file.
 * 3. A hundred million references (or --references) over ten million keys: streamed from a generator, and from a file by the command itself, each in a
 *    process of its own, with its peak memory beside that of a process that does nothing (target: a minute, 64 MB).
 *
 * Exit 4 where something is missed.
 */
import { spawn } from "node:child_process";
import { createWriteStream, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { batchLength, emptyBatch, type ReferenceSink } from "../src/cache/sizing/contract.ts";
import { exactEstimator, shardsEstimator } from "../src/cache/sizing/estimate.ts";
import { hashNumber } from "../src/cache/sizing/hash.ts";
import { ShardsModel } from "../src/cache/sizing/shards.ts";
import { simulatedLru } from "../src/cache/sizing/simulate/lru.ts";
import { ExactModel } from "../src/cache/sizing/stack-model.ts";
import { seededRng } from "../src/runtime.ts";
import { packageRoot } from "../src/version.ts";
import { zipfDraws } from "./helpers/zipf.ts";

const { values } = parseArgs({
  options: {
    references: { type: "string", default: "100000000" },
    keys: { type: "string", default: "10000000" },
    keep: { type: "string" },
    child: { type: "string" },
  },
});
const references = Number(values.references);
const keys = Number(values.keys);
const alpha = 0.9;

if (values.child === undefined) await compare();
else child(values.child);

async function compare(): Promise<void> {
  let missed = false;
  const judge = (ok: boolean, text: string) => {
    missed ||= !ok;
    console.log(`${ok ? "ok    " : "MISSED"}  ${text}`);
  };
  console.log(`Node ${process.versions.node}, load average ${loadavg()[0]!.toFixed(2)}\n`);

  const million = Int32Array.from({ length: 1_000_000 }, zipfDraws(200_000, alpha, seededRng(7)));
  console.log("a million references, Zipf 0.9 over 200,000 keys");
  const exact = new ExactModel({ weighted: false });
  feed(exact, million, 0);
  const truth = exactEstimator(exact.model, million.length);
  const distinct = exact.model.keys.size;
  const hitsWithin = plainStack(million);
  let different = 0;
  for (let size = 0; size <= distinct + 1; size++)
    if (Math.round(truth("entries", size).missRatio * million.length) !== million.length - hitsWithin(size)) different++;
  judge(different === 0, `exact curve equals the plain stack at ${distinct + 2} sizes of ${distinct + 2} (${different} differ)`);
  const fifty = Array.from({ length: 50 }, (_, i) => Math.max(1, Math.round(distinct ** ((i + 1) / 50))));
  const wrong = fifty.filter((size) => run(million, size) !== Math.round(truth("entries", size).missRatio * million.length));
  judge(wrong.length === 0, `… and an LRU cache that is run, at 50 sizes (${wrong.length} differ)`);

  const even = Array.from({ length: 100 }, (_, i) => Math.round((distinct * (i + 1)) / 100));
  const errors: number[] = [];
  const stated: number[] = [];
  const exactMs: number[] = [];
  const shardsMs: number[] = [];
  for (let seed = 1; seed <= 10; seed++) {
    exactMs.push(timed(() => feed(new ExactModel({ weighted: false }), million, seed)));
    const model = new ShardsModel({ rate: 0.01, weighted: false });
    shardsMs.push(timed(() => feed(model, million, seed)));
    const estimate = shardsEstimator(model);
    const points = even.map((size) => estimate("entries", size));
    errors.push(mean(points.map(({ missRatio }, i) => Math.abs(missRatio - truth("entries", even[i]!).missRatio))));
    stated.push(mean(points.map(({ error }) => error)));
  }
  judge(
    median(errors) <= 0.02,
    `SHARDS at 1 %: mean absolute error ${show(errors)}; stated ${show(stated)} (ten seeds: median, least to most)`,
  );
  const ratio = median(exactMs) / median(shardsMs);
  judge(
    ratio >= 10,
    `${ratio.toFixed(1)} times faster: ${median(exactMs).toFixed(0)} ms and ${median(shardsMs).toFixed(1)} ms, hashing included`,
  );

  console.log(`\n${references.toLocaleString("en-US")} references over ${keys.toLocaleString("en-US")} keys`);
  const idle = await measured(["child", "idle"]);
  for (const what of ["fixed-rate", "fixed-size"]) {
    const { seconds, cpuSec, peakMb, stdout } = await measured(["child", what]);
    judge(
      seconds <= 60,
      `streamed, ${what}: ${seconds.toFixed(1)} s, ${cpuSec.toFixed(1)} s of processor time (of them ${stdout.trim()} s for the draws)`,
    );
    judge(
      peakMb - idle.peakMb <= 64,
      `  ${(peakMb - idle.peakMb).toFixed(0)} MB above the ${idle.peakMb.toFixed(0)} MB of a process that does nothing`,
    );
  }

  const dir = values.keep === undefined ? mkdtempSync(join(tmpdir(), "ragctl-bench-")) : undefined;
  try {
    const file = values.keep ?? join(dir!, "trace.txt");
    if (!existsSync(file)) await writeTrace(file);
    const command = [join(packageRoot, "bin", "ragctl.ts"), "cache", "size", "--trace", file, "--json"];
    const help = await measured([join(packageRoot, "bin", "ragctl.ts"), "--help"]);
    for (const args of [["--method", "shards"], ["--rate", "1%"], []]) {
      const { seconds, cpuSec, peakMb, stdout } = await measured([...command, ...args]);
      const { result } = JSON.parse(stdout) as {
        result: { references: number; sampling: { rate: number; keys: number }; expectedError: { mean: number } };
      };
      judge(
        seconds <= 60 && result.references === references,
        `from a file of ${(statSync(file).size / 1e9).toFixed(2)} GB, ${args.join(" ") || "auto"}: ${seconds.toFixed(1)} s, ${cpuSec.toFixed(1)} s of processor time, ` +
          `${(peakMb - help.peakMb).toFixed(0)} MB above the ${help.peakMb.toFixed(0)} MB of --help; ` +
          `${(result.sampling.rate * 100).toPrecision(3)} % sampled, ${result.sampling.keys} keys, expected error ±${result.expectedError.mean.toFixed(4)}`,
      );
    }
  } finally {
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
  }
  process.exitCode = missed ? 4 : 0;
}

/** One measurement in a process of its own. Prints how long the draws alone take. */
function child(what: string): void {
  if (what === "idle") return;
  const draw = zipfDraws(keys, alpha, seededRng(7));
  const sink = new ShardsModel(
    what === "fixed-rate" ? { rate: 0.001, weighted: false } : { rate: 1, keys: 32_768, weighted: false },
  );
  const batch = emptyBatch();
  for (let left = references; left > 0;) {
    const count = Math.min(left, batchLength);
    let length = 0;
    for (let i = 0; i < count; i++) {
      hashNumber(draw(), 1, batch.low, batch.high, length);
      if (batch.low[length]! >>> 0 < sink.threshold) batch.bytes[length++] = 1;
    }
    batch.length = length;
    sink.take(batch, count);
    left -= count;
  }
  const estimate = shardsEstimator(sink);
  if (!(estimate("entries", sink.whole.distinct()).missRatio > 0)) throw new Error("no curve");
  const again = zipfDraws(keys, alpha, seededRng(7));
  let sum = 0;
  const drawsMs = timed(() => {
    for (let i = 0; i < references / 10; i++) sum += again();
  });
  if (sum === 0) throw new Error("nothing was drawn");
  console.log(((drawsMs * 10) / 1000).toFixed(1));
}

function feed(sink: ReferenceSink, trace: Int32Array, seed: number): void {
  const batch = emptyBatch();
  for (let at = 0; at < trace.length; at += batchLength) {
    const count = Math.min(batchLength, trace.length - at);
    let length = 0;
    for (let i = 0; i < count; i++) {
      hashNumber(trace[at + i]!, seed, batch.low, batch.high, length);
      if (batch.low[length]! >>> 0 < sink.threshold) batch.bytes[length++] = 1;
    }
    batch.length = length;
    sink.take(batch, count);
  }
}

/** The stack as a list that is searched from its front: hits of a cache of each size, all at once. */
function plainStack(trace: Int32Array): (size: number) => number {
  const stack = new Int32Array(trace.length);
  const seen = new Uint8Array(200_001);
  let length = 0;
  const hits = new Float64Array(trace.length + 1);
  for (const key of trace) {
    const depth = seen[key] === 1 ? stack.indexOf(key) : -1;
    seen[key] = 1;
    if (depth >= 0) hits[depth + 1]!++;
    stack.copyWithin(1, 0, depth < 0 ? length++ : depth);
    stack[0] = key;
  }
  for (let i = 1; i < hits.length; i++) hits[i]! += hits[i - 1]!;
  return (size) => hits[Math.min(size, trace.length)]!;
}

/** Misses of a cache of one size. */
function run(trace: Int32Array, size: number): number {
  const cache = simulatedLru({ axis: "entries", size, ttlUs: Infinity, slotCount: 200_001 });
  let misses = 0;
  for (const key of trace) if (!cache.reference(key, 1, 0)) misses++;
  return misses;
}

async function writeTrace(file: string): Promise<void> {
  const out = createWriteStream(file, { highWaterMark: 1 << 20 });
  const draw = zipfDraws(keys, alpha, seededRng(7));
  for (let left = references; left > 0;) {
    const lines: string[] = [];
    for (let i = Math.min(left, 50_000); i > 0; i--) lines.push(`key:${draw()}\n`);
    left -= lines.length;
    if (!out.write(lines.join(""))) await once(out, "drain");
  }
  out.end();
  await once(out, "finish");
}

/** Runs Node with these arguments (`child X`: this file), and looks at its peak memory while it does (Linux). */
async function measured(args: string[]): Promise<{ seconds: number; cpuSec: number; peakMb: number; stdout: string }> {
  const own = [import.meta.filename, "--references", String(references), "--keys", String(keys), "--child", args[1]!];
  const started = process.hrtime.bigint();
  const running = spawn(process.execPath, args[0] === "child" ? own : args, { stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  let peakMb = 0;
  let cpuSec = 0;
  running.stdout.on("data", (chunk) => (stdout += chunk));
  const look = setInterval(() => {
    try {
      peakMb = Math.max(
        peakMb,
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${running.pid}/status`, "utf8"))?.[1] ?? 0) / 1024,
      );
      const stat = readFileSync(`/proc/${running.pid}/stat`, "utf8");
      const [user, system] = stat
        .slice(stat.lastIndexOf(")") + 2)
        .split(" ")
        .slice(11, 13)
        .map(Number);
      cpuSec = (user! + system!) / 100;
    } catch {
      // It has ended.
    }
  }, 10);
  const [exitCode] = (await once(running, "close")) as [number | null];
  clearInterval(look);
  if (exitCode !== 0) throw new Error(`${args.join(" ")} ended with ${exitCode}`);
  return { seconds: Number(process.hrtime.bigint() - started) / 1e9, cpuSec, peakMb, stdout };
}

function timed(run: () => void): number {
  const started = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - started) / 1e6;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

function show(values: readonly number[]): string {
  return `${median(values).toFixed(4)} (${Math.min(...values).toFixed(4)} to ${Math.max(...values).toFixed(4)})`;
}
