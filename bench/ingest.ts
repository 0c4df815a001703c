/**
 * `ragctl ingest` of a file of vectors beside a bare loop of batch upserts through the same client, into an `up` cluster.
 *
 *   node bench/ingest.ts [--vectors 200000] [--dim 384] [--nodes 3] [--replicas 1] [--batch 256] [--in-flight 4]
 *
 * Each pass is a process of its own, into a collection of its own: loop, ingest, ingest, loop, so that what else the machine
 * does meets both. The loop reads the same file, and writes the same payload, with as many writes in flight. Prints the
 * rates, their ratio, and the resident memory of ingest at 10 % and at 100 %.
 */
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { finished } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connectCluster, type ClusterClient } from "../src/cluster/index.ts";
import { resolveCluster } from "../src/config/resolve.ts";
import { openDataset } from "../src/datasets/index.ts";
import { createEmbedder } from "../src/embed/index.ts";
import { chunkDocument } from "../src/ingest/chunk-document.ts";
import { runIngest } from "../src/ingest/index.ts";
import { listInputs } from "../src/ingest/inputs/list.ts";
import { runJournal } from "../src/ingest/journal/writer.ts";
import { defaultReaderOptions } from "../src/ingest/readers/fields.ts";
import { openRun } from "../src/runs/index.ts";
import { libraryContext, realClock, seededRng } from "../src/runtime.ts";
import { fakeRuntime } from "../test/helpers/fake-runtime.ts";
import { startLocalCluster } from "../test/helpers/local-cluster.ts";
import { clusteredVectors } from "../test/helpers/vectors.ts";
import { runPinned } from "./helpers/child.ts";

const { values } = parseArgs({
  options: {
    vectors: { type: "string", default: "200000" },
    dim: { type: "string", default: "384" },
    nodes: { type: "string", default: "3" },
    replicas: { type: "string", default: "1" },
    batch: { type: "string", default: "256" },
    "in-flight": { type: "string", default: "4" },
    pass: { type: "string" },
    file: { type: "string" },
    collection: { type: "string" },
  },
});
const [vectors, dim, batch, inFlight] = [values.vectors, values.dim, values.batch, values["in-flight"]].map(Number) as [
  number,
  number,
  number,
  number,
];

interface Pass {
  perSec: number;
  seconds: number;
  cpuSec: number;
  /** Resident memory of the process, MB, at each tenth. */
  rssMb: number[];
  batchSize?: { smallest: number; largest: number; last: number };
}

/** The payload that ingest would store, so that the nodes have the same to do; made once, and its numbers changed. */
const template = await chunkDocument(
  {
    kind: "document",
    id: "0",
    idFromContent: false,
    origin: { source: "vectors.fvecs", row: 0 },
    text: "",
    format: "text",
    vector: new Float32Array(1),
    fields: {},
  },
  { by: "format", size: 1000, overlap: 100 },
  "",
);

await (values.pass === undefined ? compare() : onePass(values.pass));

async function compare(): Promise<void> {
  const cluster = await startLocalCluster({ nodes: Number(values.nodes), replicas: Number(values.replicas) });
  try {
    const file = join(cluster.dir, "vectors.fvecs");
    await writeVectors(file);
    const passes: { kind: string; pass: Pass }[] = [];
    for (const [at, kind] of ["loop", "ingest", "ingest", "loop"].entries()) {
      const own = ["--pass", kind, "--file", file, "--collection", `pass${at}`];
      const given = ["vectors", "dim", "batch", "in-flight"].flatMap((name) => [`--${name}`, values[name as "vectors"]]);
      const child = await runPinned(undefined, process.execPath, [import.meta.filename, ...own, ...given], {
        cwd: cluster.dir,
        timeoutMs: 3_600_000,
      });
      if (child.exitCode !== 0) throw new Error(child.stderr);
      const pass = JSON.parse(child.stdout) as Pass;
      passes.push({ kind, pass });
      const rss = `${pass.rssMb[0]!.toFixed(0)} MB at 10 %, ${pass.rssMb.at(-1)!.toFixed(0)} MB at 100 %, ${Math.max(...pass.rssMb).toFixed(0)} MB at most`;
      const sizes = pass.batchSize ? `, batches of ${pass.batchSize.smallest} to ${pass.batchSize.largest}` : "";
      console.log(
        `${kind.padEnd(7)} ${Math.round(pass.perSec).toLocaleString("en-US")} vectors/s in ${pass.seconds.toFixed(1)} s, ${pass.cpuSec.toFixed(1)} s of processor; ${rss}${sizes}`,
      );
    }
    const mean = (kind: string) => {
      const of = passes.filter((each) => each.kind === kind);
      return (vectors * of.length) / of.reduce((sum, { pass }) => sum + pass.seconds, 0);
    };
    console.log(
      `${vectors} × ${dim}: ingest ${Math.round(mean("ingest"))}/s, loop ${Math.round(mean("loop"))}/s: ${(mean("ingest") / mean("loop")).toFixed(2)}×`,
    );
  } finally {
    await cluster.stop();
  }
}

/** Clustered vectors as fvecs: cheap to write, since noise is added to vectors of a pool. */
async function writeVectors(file: string): Promise<void> {
  const next = clusteredVectors({ size: dim, clusters: 64, seed: 7 });
  const pool = Array.from({ length: Math.min(vectors, 2000) }, next);
  const rng = seededRng(11);
  const out = createWriteStream(file);
  for (let at = 0; at < vectors; at++) {
    const row = Buffer.alloc(4 + 4 * dim);
    row.writeInt32LE(dim);
    const base = pool[at % pool.length]!;
    for (let i = 0; i < dim; i++) row.writeFloatLE(base[i]! + (rng() - 0.5) * 0.02, 4 + 4 * i);
    if (!out.write(row)) await new Promise((resolve) => out.once("drain", resolve));
  }
  out.end();
  await finished(out);
}

async function onePass(kind: string): Promise<void> {
  const { collection = "", file = "" } = values;
  const { rng, cwd, env } = libraryContext();
  const cluster = await resolveCluster({ env, cwd }, { config: undefined, cluster: undefined });
  const client = await connectCluster(cluster, { clock: realClock, rng, purpose: "bench", cwd });
  const rssMb: number[] = [];
  const observe = (done: number) => {
    while (rssMb.length < 10 && done >= ((rssMb.length + 1) / 10) * vectors) rssMb.push(process.memoryUsage().rss / 2 ** 20);
  };
  const start = performance.now();
  const cpu = process.cpuUsage();
  let batchSize: Pass["batchSize"];
  if (kind === "loop") await loop(client, collection, file, observe);
  else {
    const runtime = fakeRuntime({ cwd });
    const run = openRun(runtime, { command: "ingest" });
    const never = new AbortController().signal;
    const result = await runIngest(
      {
        listing: await listInputs([file], { cwd }),
        collection,
        reader: defaultReaderOptions,
        chunk: { by: "format", size: 1000, overlap: 100 },
      },
      {
        client,
        embedder: await createEmbedder(undefined, { clock: realClock }),
        clock: realClock,
        signal: never,
        hardSignal: never,
        runId: run.id,
        deadLetters: {
          file: "none",
          write: ({ reason }) => {
            throw new Error(reason);
          },
        },
        journal: runJournal(run),
        onProgress: ({ documents }) => observe(documents),
      },
    );
    if (result.chunks.written !== vectors) throw new Error(`${result.chunks.written} of ${vectors} written`);
    ({ batchSize } = result);
  }
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  observe(vectors);
  if ((await client.count(collection)) !== vectors) throw new Error("not all of them are there");
  await settle(client, collection);
  await client.close();
  const pass: Pass = {
    perSec: vectors / seconds,
    seconds,
    cpuSec: (user + system) / 1e6,
    rssMb,
    ...(batchSize ? { batchSize } : {}),
  };
  console.log(JSON.stringify(pass));
}

/** What somebody would write who has the client, and the same points to store. */
async function loop(client: ClusterClient, collection: string, file: string, observe: (done: number) => void): Promise<void> {
  await client.ensureCollection(collection, { size: dim, distance: "Cosine" });
  const dataset = await openDataset(file);
  let next = 0;
  let done = 0;
  const worker = async () => {
    while (next < vectors) {
      const from = next;
      next += batch;
      const count = Math.min(batch, vectors - from);
      const rows = await dataset.rowsOf(from, count);
      const records = rows.map((vector, at) => recordOf(from + at, vector));
      const { failed } = await client.upsert(collection, records);
      if (failed.length > 0) throw new Error(failed[0]!.reason);
      observe((done += count));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  await dataset.close();
}

function recordOf(row: number, vector: Float32Array) {
  const [chunk] = template.chunks;
  return { key: String(row), vector, payload: { ...chunk!.payload, _ragctl_doc: String(row) } };
}

/** Drops the collection, and waits a moment for what its nodes still had to do. */
async function settle(client: ClusterClient, collection: string): Promise<void> {
  await client.dropCollection(collection);
  await delay(2000);
}
