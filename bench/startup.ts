/**
 * How long `ragctl --help` takes beside `node -e 0`: whole processes, alternating, medians of 31.
 * `npm run build && node bench/startup.ts`. Target: at most 2 times. Exit 4 where it is missed.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../src/version.ts";

const rounds = 31;
const bin = join(packageRoot, "dist", "bin", "ragctl.js");
if (!existsSync(bin)) {
  console.error("dist/ is missing: npm run build");
  process.exit(2);
}
const contestants = { "node -e 0": ["-e", "0"], "ragctl --help": [bin, "--help"], "ragctl --version": [bin, "--version"] };
const timesMs: Record<string, number[]> = {};
for (let round = -2; round < rounds; round++)
  for (const [name, argv] of Object.entries(contestants)) {
    const startUs = process.hrtime.bigint();
    const { status } = spawnSync(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
    const tookMs = Number(process.hrtime.bigint() - startUs) / 1e6;
    if (status !== 0) throw new Error(`${name} ended with ${status}`);
    // The first two rounds fill the compile cache and the page cache.
    if (round >= 0) (timesMs[name] ??= []).push(tookMs);
  }

const median = (values: number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
const base = median(timesMs["node -e 0"]!);
console.log(`node ${process.version}, ${rounds} rounds`);
for (const [name, values] of Object.entries(timesMs)) {
  const ms = median(values);
  console.log(
    `${name.padEnd(18)} ${ms.toFixed(1).padStart(6)} ms  ${(ms / base).toFixed(2)}×  (least ${Math.min(...values).toFixed(1)} ms)`,
  );
}
process.exitCode = median(timesMs["ragctl --help"]!) <= 2 * base ? 0 : 4;
