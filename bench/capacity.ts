/**
 * ragctl load capacity against a real server that takes 1 ms and has 8 slots: 8,000 requests a second by arithmetic.
 *
 *   node bench/capacity.ts [--hold 4s] [--min 2000] [--max 16000]
 *
 * Exits 1 when the rate found is more than 5 % off. Its simulated twin is test/unit/load/capacity/knee.test.ts.
 */
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { CapacityResult } from "../src/load/capacity/result.ts";
import { runPinned } from "./helpers/child.ts";

const { values } = parseArgs({
  options: {
    hold: { type: "string", default: "4s" },
    min: { type: "string", default: "2000" },
    max: { type: "string", default: "16000" },
  },
});
const arithmetic = 8000;
const tolerance = 0.05;

const server = spawn(process.execPath, [fileURLToPath(new URL("helpers/slot-server.ts", import.meta.url))], {
  stdio: ["ignore", "pipe", "inherit"],
});
try {
  const url = await new Promise<string>((resolve, reject) => {
    server.stdout.once("data", (line) => resolve(String(line).trim()));
    server.once("error", reject);
  });
  const ragctl = fileURLToPath(new URL("../bin/ragctl.ts", import.meta.url));
  const search = ["--min", values.min, "--max", values.max, "--hold", values.hold, "--warmup", "1s"];
  const args = ["load", "capacity", "--json", "--url", url, "--slo", "p99<100ms", "--slo", "errors<0.1%", ...search];
  const run = await runPinned(undefined, process.execPath, [ragctl, ...args], { timeoutMs: 900_000, cwd: tmpdir() });
  const { result } = JSON.parse(run.stdout) as { result: CapacityResult };
  const found = result.ratePerSec ?? 0;
  const error = found / arithmetic - 1;
  for (const { ratePerSec, kind, outcome, completedPerSec, responseP99Us } of result.probes)
    console.log(
      `${ratePerSec}/s (${kind}): ${outcome.kind}, ${Math.round(completedPerSec)}/s answered, p99 ${((responseP99Us ?? 0) / 1000).toFixed(1)} ms`,
    );
  console.log(
    `found ${found}/s, arithmetic says ${arithmetic}/s (${(error * 100).toFixed(1)} %); first to break: ${result.firstBroken ?? "nothing"}${result.generatorBound ? `; generator-bound: ${result.generatorReason}` : ""}`,
  );
  process.exitCode = Math.abs(error) > tolerance ? 1 : 0;
} finally {
  server.kill();
}
