/**
 * k-means on clustered vectors: the kernel's rate on one core, and fits side by side with scikit-learn where a Python has it.
 *
 *   node bench/kmeans.ts [--rows 200000] [--dim 384] [--shards 64] [--restarts 10] [--repeats 3] [--python python3]
 *
 * Both get the same rows, starts and cores; scikit-learn's MiniBatchKMeans has batches of 10,000 and 100 iterations, its KMeans one start (it takes
 * that many times as long with more). Wall time and processor time (user and system, all threads) are of the fit alone, runs take turns, and the median is shown: on a machine
 * that does other things as well, the processor time is the one to look at. At the end it says what holds of what the fit is meant to reach; exit 4 where something does not.
 * Needs what `npm ci` built, and for the comparison a Python with scikit-learn: `python3 -m venv v && v/bin/pip install scikit-learn`, then `--python v/bin/python`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Arena } from "../src/kmeans/arena.ts";
import type { FitSpec } from "../src/kmeans/contract.ts";
import { fit } from "../src/kmeans/index.ts";
import { loadKernel, startKernel } from "../src/kmeans/kernel/load.ts";
import { realClock, seededRng } from "../src/runtime.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "200000" },
    dim: { type: "string", default: "384" },
    shards: { type: "string", default: "64" },
    restarts: { type: "string", default: "10" },
    repeats: { type: "string", default: "3" },
    python: { type: "string", default: "python3" },
  },
});
const [rows, dim, shards, restarts, repeats] = [values.rows, values.dim, values.shards, values.restarts, values.repeats].map(
  Number,
) as [number, number, number, number, number];

interface Run {
  wall: number;
  cpu: number;
  inertia: number;
  maxOverMean: number;
}

/** Multiplications and additions of the assignment, a second, in billions, on this thread: the best of some runs. */
function kernelRate(variant: "simd" | "relaxed"): number {
  const arena = new Arena();
  const kernel = startKernel(loadKernel(variant).module, arena.memory);
  const items = 10_000;
  const x = arena.f32(items * dim);
  const c = arena.f32((shards + 3) * dim);
  const bias = arena.f32(shards + 3);
  const rng = seededRng(1);
  for (const { values } of [x, c]) for (let i = 0; i < values.length; i++) values[i] = rng() - 0.5;
  bias.values.fill(3.4e38, shards);
  const out = [arena.i32(items), arena.f32(items), arena.i32(items), arena.f32(items)].map(({ at }) => at);
  let least = Infinity;
  for (let run = 0; run < 12; run++) {
    const startUs = realClock.monotonicUs();
    kernel.nearest(0, items, 0, x.at, dim * 4, c.at, bias.at, Math.ceil(shards / 3) * 3, ...out);
    least = Math.min(least, realClock.monotonicUs() - startUs);
  }
  return (2 * items * dim * shards) / least / 1e3;
}

/** Three hundred clusters of unequal size, on the unit sphere; every fourth number of a row is shared by a cluster's rows but for noise. */
function makeRows(): Float32Array {
  const rng = seededRng(7);
  const normal = () => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
  const clusters = 300;
  const centres = Float32Array.from({ length: clusters * dim }, normal);
  const weights = Array.from({ length: clusters }, (_, c) => (c + 1) ** -0.7);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const all = new Float32Array(rows * dim);
  for (let i = 0; i < rows; i++) {
    let rest = rng() * total;
    const c = Math.max(
      0,
      weights.findIndex((weight) => (rest -= weight) < 0),
    );
    let square = 0;
    for (let d = 0; d < dim; d++) square += (all[i * dim + d] = centres[c * dim + d]! + normal()) ** 2;
    for (let d = 0; d < dim; d++) all[i * dim + d]! /= Math.sqrt(square);
  }
  return all;
}

async function ours(all: Float32Array, algorithm: FitSpec["algorithm"], seed: number): Promise<Run> {
  const source = {
    path: "bench",
    rows,
    dim,
    rowsOf: async (start: number, count: number) =>
      Array.from({ length: Math.min(count, rows - start) }, (_, i) => all.subarray((start + i) * dim, (start + i + 1) * dim)),
  };
  const maxIterations = algorithm === "minibatch" ? 100 : 300;
  const spec: FitSpec = {
    shards,
    algorithm,
    metric: "l2",
    seed,
    epsilon: 0.1,
    restarts: algorithm === "minibatch" ? restarts : 1,
    sample: "all",
    maxIterations,
    batch: 10_000,
  };
  const before = process.cpuUsage();
  const { model, seconds, readSeconds, maxOverMean } = await fit(source, spec, "file", { clock: realClock });
  const { user, system } = process.cpuUsage(before);
  // Reading is one thread's work; what it took is no part of the fit.
  return { wall: seconds, cpu: (user + system) / 1e6 - readSeconds, inertia: model.training.inertia, maxOverMean };
}

const script = `
import json, sys, time
import numpy as np
import sklearn
from threadpoolctl import threadpool_info
from sklearn.cluster import KMeans, MiniBatchKMeans
file, dim, shards, kind, starts, seed = sys.argv[1], *map(int, sys.argv[2:4]), sys.argv[4], *map(int, sys.argv[5:7])
x = np.fromfile(file, dtype=np.float32).reshape(-1, dim)
wall, cpu = time.perf_counter(), time.process_time()
if kind == "minibatch":
    m = MiniBatchKMeans(shards, batch_size=10000, max_iter=100, n_init=starts, random_state=seed).fit(x)
else:
    m = KMeans(shards, n_init=1, random_state=seed).fit(x)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
# Over all rows, in double precision, as the other side's.
inertia = sum(float(np.square(x[i:i+10000].astype(np.float64) - m.cluster_centers_[m.labels_[i:i+10000]]).sum()) for i in range(0, len(x), 10000))
threads = {p["user_api"]: p["num_threads"] for p in threadpool_info()}
about = "scikit-learn " + sklearn.__version__ + ", threads: " + ", ".join(f"{n} {api}" for api, n in sorted(threads.items()))
print(json.dumps({"about": about, "wall": wall, "cpu": cpu, "inertia": inertia, "maxOverMean": float(np.bincount(m.labels_, minlength=shards).max() / (len(x) / shards))}))
`;

/** What went wrong is in `missing`: no such Python, no scikit-learn, a fit that failed. */
function theirs(file: string, kind: string, seed: number): (Run & { about: string }) | { missing: string } {
  const args = ["-c", script, file, dim, shards, kind, restarts, seed].map(String);
  const { error, status, stdout, stderr } = spawnSync(values.python, args, { encoding: "utf8" });
  if (error) return { missing: error.message };
  if (status !== 0) return { missing: stderr.trim().split("\n").at(-1) ?? `exit ${status}` };
  return JSON.parse(stdout) as Run & { about: string };
}

function median(runs: readonly Run[], of: keyof Run): number {
  return runs.map((run) => run[of]).toSorted((a, b) => a - b)[runs.length >> 1]!;
}

function show(name: string, runs: readonly Run[]): void {
  const figures = `${median(runs, "wall").toFixed(2).padStart(8)} s ${median(runs, "cpu").toFixed(2).padStart(8)} s of processor`;
  console.log(
    `${name.padEnd(28)}${figures}   inertia ${median(runs, "inertia").toPrecision(7)}   largest ${median(runs, "maxOverMean").toFixed(2)} × mean`,
  );
}

/** What the fit is meant to reach, and whether it did here. */
const claims: { claim: string; holds: boolean }[] = [];
function claim(what: string, measured: number, { most, least }: { most?: number; least?: number }): void {
  const holds = (most === undefined || measured <= most) && (least === undefined || measured >= least);
  const wanted = most === undefined ? `at least ${least}` : `at most ${most}`;
  claims.push({ claim: `${what}: ${measured.toFixed(3)} (${wanted})`, holds });
}

console.log(`ragctl on Node ${process.version}, ${availableParallelism()} threads\n`);
const rates = (["simd", "relaxed"] as const).map((variant) => ({ variant, rate: kernelRate(variant) }));
for (const { variant, rate } of rates)
  console.log(`kernel, ${variant}: ${rate.toFixed(1)} GFLOP/s on one core (${dim} dimensions, ${shards} centroids)`);
claim("kernel, GFLOP/s a core", Math.max(...rates.map(({ rate }) => rate)), { least: 20 });
const all = makeRows();
const dir = mkdtempSync(join(tmpdir(), "ragctl-kmeans-"));
try {
  const file = join(dir, "x.f32");
  writeFileSync(file, all);
  console.log(`\n${rows} × ${dim} into ${shards}, median of ${repeats}:`);
  let plain = 0;
  let about = "";
  for (const algorithm of ["minibatch", "lloyd", "balanced"] as const) {
    const own: Run[] = [];
    const other: Run[] = [];
    let missing = "";
    for (let repeat = 1; repeat <= repeats; repeat++) {
      own.push(await ours(all, algorithm, repeat));
      const run = algorithm === "balanced" || missing ? undefined : theirs(file, algorithm, repeat);
      if (run && "missing" in run) ({ missing } = run);
      else if (run) other.push(run);
      if (run && "about" in run && run.about !== about) console.log(({ about } = run).about);
    }
    show(`ragctl ${algorithm}`, own);
    if (algorithm === "lloyd") plain = median(own, "inertia");
    if (algorithm === "balanced") {
      const inertia = median(own, "inertia") / plain;
      console.log(`  inertia ${inertia.toFixed(3)} × Lloyd's`);
      claim("balanced, largest shard ÷ mean", Math.max(...own.map(({ maxOverMean }) => maxOverMean)), { most: 1.1 });
      claim("balanced, inertia ÷ unbalanced", inertia, { most: 1.1 });
    } else if (other.length === 0)
      console.log(`  (nothing to compare with: ${values.python}: ${missing}; --python names another)`);
    else {
      show(`scikit-learn ${algorithm}`, other);
      const ratio = (of: keyof Run) => median(own, of) / median(other, of);
      const [wall, cpu, inertia] = [ratio("wall"), ratio("cpu"), ratio("inertia")];
      console.log(`  ragctl ÷ scikit-learn: wall ${wall.toFixed(3)}, processor ${cpu.toFixed(3)}, inertia ${inertia.toFixed(4)}`);
      claim(`${algorithm}, inertia ÷ scikit-learn's`, inertia, { most: 1.01 });
      if (algorithm === "minibatch") {
        claim("minibatch, wall time ÷ scikit-learn's", wall, { most: 1 });
        claim("minibatch, processor time ÷ scikit-learn's", cpu, { most: 1 });
      }
    }
  }
} finally {
  rmSync(dir, { recursive: true });
}
console.log("");
for (const { claim: text, holds } of claims) console.log(`${holds ? "holds    " : "does not "} ${text}`);
if (claims.some(({ holds }) => !holds)) process.exitCode = 4;
