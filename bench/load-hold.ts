/**
 * A real server on another process that takes 1 ms and holds every answer for the last 1 s of each 10 s, under a constant rate: arithmetic says p95 501 ms,
 * p99 901 ms, max 1,001 ms. (A load generator that waits for its answers reports 1 ms for all three but the maximum.)
 *
 *   node bench/load-hold.ts [--rps 200] [--seconds 20]
 *
 * Exits 1 when one of them is more than 2 % off. The simulated twin, exact to the last digit HDR has, is test/unit/load/hold.test.ts.
 */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { LoadResult } from "../src/load/result.ts";
import { runPinned } from "./helpers/child.ts";

const { values } = parseArgs({
  options: { rps: { type: "string", default: "200" }, seconds: { type: "string", default: "20" } },
});
const tolerance = 0.02;

const server = spawn(process.execPath, [fileURLToPath(new URL("helpers/hold-server.ts", import.meta.url))], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const url = await new Promise<string>((resolve, reject) => {
    server.stdout.once("data", (line) => resolve(String(line).trim()));
    server.once("error", reject);
  });
  const ragctl = fileURLToPath(new URL("../bin/ragctl.ts", import.meta.url));
  const args = ["load", "--json", "--rps", values.rps, "--duration", `${values.seconds}s`, "--warmup", "1s", "--url", url];
  const run = await runPinned(undefined, process.execPath, [ragctl, ...args], { timeoutMs: 600_000, cwd: tmpdir() });
  const { result } = JSON.parse(run.stdout) as { result: LoadResult };
  const { p95, p99, max } = result.responseTimeUs;
  let off = false;
  for (const [name, expectedMs, us] of [
    ["p95", 501, p95],
    ["p99", 901, p99],
    ["max", 1001, max],
  ] as const) {
    const ms = (us ?? 0) / 1000;
    const error = ms / expectedMs - 1;
    off ||= Math.abs(error) > tolerance;
    console.log(`${name}: ${ms.toFixed(1)} ms, arithmetic says ${expectedMs} ms (${(error * 100).toFixed(2)} %)`);
  }
  console.log(
    `p50 ${result.responseTimeUs.p50} µs, schedule lag p99 ${result.scheduleLagUs.p99} µs, ${JSON.stringify(result.counts)}`,
  );
  process.exitCode = off ? 1 : 0;
} finally {
  server.kill();
}
