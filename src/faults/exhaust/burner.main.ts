// Takes cores, memory and disk of this machine until its lease ends. Argument: the id of its record. It ends by itself when nobody
// renews, so that it outlives neither ragctl nor its watchdog.
import { existsSync, rmSync, statSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { entryPath } from "../../entry.ts";
import { identify } from "../../process-identity.ts";
import { realClock } from "../../runtime.ts";
import { writeDurably } from "../durable-file.ts";
import { fillDisk } from "./fill-disk.ts";
import { burnerFiles, diskFile, readBurner } from "./layout.ts";

const lookEveryMs = 200;
const blockBytes = 16 * 2 ** 20;

const id = process.argv[2] ?? "";
const files = burnerFiles(id);
const spec = readBurner(id)?.spec;
const self = identify(process.pid);
// Healed before it began: there is nothing to do any more.
if (!spec || !self) process.exit(0);
const { burn, ttlMs } = spec;
const taken = burn.disk && diskFile(burn.disk.dir, id);

for (const name of ["SIGINT", "SIGHUP"] as const) process.on(name, () => undefined);
process.on("SIGTERM", () => end());
process.stdout.on("error", () => undefined);

function end(problem?: string): never {
  if (taken) rmSync(taken, { force: true });
  if (problem !== undefined && existsSync(files.dir)) writeFileSync(files.problem, problem);
  else rmSync(files.dir, { recursive: true, force: true });
  process.exit(problem === undefined ? 0 : 1);
}

let leaseMtimeMs = Number.NaN;
let movedAtMs = 0;
/** The lease is there and moves; counted on the monotonic clock, which nobody sets back. */
function leaseHolds(): boolean {
  const mtimeMs = statSync(files.lease, { throwIfNoEntry: false })?.mtimeMs;
  const nowMs = realClock.monotonicUs() / 1000;
  if (mtimeMs === undefined) return false;
  if (mtimeMs !== leaseMtimeMs) [leaseMtimeMs, movedAtMs] = [mtimeMs, nowMs];
  return nowMs - movedAtMs <= ttlMs;
}
function endUnlessLeased(): void {
  if (!leaseHolds()) end();
}

try {
  // The kernel's first choice where memory runs out, so that it is never the node that dies of it.
  if (existsSync("/proc/self/oom_score_adj")) writeFileSync("/proc/self/oom_score_adj", "1000");
  // Before anything is taken: whoever heals must find this process.
  writeDurably(files.process, JSON.stringify(self));
  setInterval(endUnlessLeased, lookEveryMs);
  endUnlessLeased();
  process.stdout.write("burning\n");
  const cpuShare = burn.cpuShare ?? 0;
  if (cpuShare > 0)
    for (let core = 0; core < availableParallelism(); core++)
      new Worker(entryPath(import.meta.url, "./core.main"), { workerData: cpuShare }).on("error", (error: unknown) =>
        end((error as Error).message),
      );
  if (burn.disk && taken) fillDisk(taken, burn.disk.bytes);
  const held: Buffer[] = [];
  for (let left = burn.memoryBytes ?? 0; left > 0; left -= blockBytes) {
    // Filled, or the kernel would only have promised it.
    held.push(Buffer.alloc(Math.min(left, blockBytes), 0xa5));
    await realClock.sleep(0);
  }
  // Kept from the collector for as long as the process lives.
  process.once("exit", () => held.length);
} catch (error) {
  end((error as Error).message);
}
