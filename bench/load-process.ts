/**
 * Memory of a whole `ragctl load` process, every thread of it, against one nginx worker: it must not grow with the operations.
 *
 *   node bench/load-process.ts [--rps 20000] [--operations 1500000]   needs Linux and nginx
 *
 * Prints the resident size beyond that of the first 100,000 operations, and that of the run's last second apart (when the report is made); exits 1 above 20 MB.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { LoadResult } from "../src/load/result.ts";
import { startNginx } from "../test/helpers/nginx.ts";

const { values } = parseArgs({
  options: { rps: { type: "string", default: "20000" }, operations: { type: "string", default: "1500000" } },
});
const ratePerSec = Number(values.rps);
const seconds = Math.ceil(Number(values.operations) / ratePerSec);
const allowedMb = 20;

const folder = mkdtempSync(join(tmpdir(), "ragctl-bench-"));
const nginx = await startNginx({});
try {
  const ragctl = fileURLToPath(new URL("../bin/ragctl.ts", import.meta.url));
  const args = ["load", "--json", "--url", nginx.url, "--rps", values.rps, "--duration", `${seconds}s`, "--warmup", "1s"];
  const child = spawn(process.execPath, [ragctl, ...args], {
    cwd: folder,
    env: { ...process.env, XDG_STATE_HOME: folder },
    stdio: ["ignore", "pipe", "ignore"],
  });
  let stdout = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  const closed = new Promise<void>((resolve) => void child.once("close", () => resolve()));
  const sizes: { atSec: number; mb: number }[] = [];
  const startedMs = performance.now();
  const look = setInterval(() => {
    const mb = residentMb(child.pid);
    if (mb !== undefined) sizes.push({ atSec: (performance.now() - startedMs) / 1000, mb });
  }, 250);
  await closed;
  clearInterval(look);
  const { result } = JSON.parse(stdout) as { result: LoadResult };
  // Start-up and warm-up are over after at most three seconds; the first 100,000 are counted from there.
  const firstSec = 3 + 100_000 / ratePerSec;
  const first = Math.max(...sizes.filter(({ atSec }) => atSec <= firstSec).map(({ mb }) => mb));
  const most = (from: number, to: number) =>
    Math.max(...sizes.filter(({ atSec }) => atSec > from && atSec <= to).map(({ mb }) => mb));
  const lastSec = sizes.at(-1)!.atSec - 1;
  const grownMb = most(firstSec, Infinity) - first;
  console.log(
    `${result.counts.ok} ok of ${result.counts.scheduled} at ${ratePerSec}/s, response p99 ${result.responseTimeUs.p99} µs, Node ${process.versions.node}`,
  );
  console.log(
    `resident: ${first.toFixed(1)} MB within the first 100,000, at most ${(most(firstSec, lastSec) - first).toFixed(1)} MB more while it ran, ${grownMb.toFixed(1)} MB with the report (allowed: ${allowedMb})`,
  );
  process.exitCode = grownMb > allowedMb ? 1 : 0;
} finally {
  await nginx.stop();
  rmSync(folder, { recursive: true, force: true });
}

function residentMb(pid: number | undefined): number | undefined {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  } catch {
    return undefined;
  }
}
