/**
 * `cascade` and `region-outage` with circuit breakers and without: on a cluster of four nodes in two zones they meet their targets, and miss them when
 * breakers are switched off.
 *
 *   node bench/chaos-breakers.ts [--profile region-outage]        about nine minutes; needs `npm run build`
 *
 * Exit 4 where the claim fails; 6 where a run was inconclusive, for which a machine that is busy with other things is the usual reason.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ExperimentResult } from "../src/experiments/result.ts";
import { findOnPath } from "../src/local/programs.ts";
import { packageRoot } from "../src/version.ts";

const { values } = parseArgs({ options: { profile: { type: "string", multiple: true } } });
const profiles = values.profile ?? ["cascade", "region-outage"];
const bin = join(packageRoot, "dist", "bin", "ragctl.js");
if (!existsSync(bin)) throw new Error("npm run build comes first");
const dir = mkdtempSync(join(tmpdir(), "ragctl-breakers-"));

interface Outcome {
  breaker: string;
  result: ExperimentResult;
}

let exitCode = 0;
try {
  // With a cache in each zone, region-outage warms the one that is left.
  const caches = findOnPath("redis-server", process.env["PATH"]) ? ["--cache", "redis"] : [];
  await ragctl(["up", "--nodes", "4", "--zones", "a,b", ...caches, "--json"]);
  for (const profile of profiles) {
    const outcomes: Outcome[] = [];
    for (const breaker of ["rolling", "off"]) {
      console.log(`${profile}, breakers ${breaker} (load average ${loadavg()[0]!.toFixed(2)}) …`);
      const { result } = await ragctl(["chaos", "run", profile, "--breaker", breaker, "--yes", "--json"]);
      if (!result) throw new Error(`${profile} with breakers ${breaker} brought no result`);
      outcomes.push({ breaker, result: result as ExperimentResult });
    }
    console.log(table(profile, outcomes));
    const [on, off] = outcomes.map(({ result: { verdict } }) => verdict);
    if (on === "pass" && off === "fail") continue;
    exitCode = [on, off].includes("inconclusive") ? 6 : 4;
    console.log(`${profile}: expected to pass with breakers and to fail without; it was ${on} and ${off}`);
  }
} finally {
  await ragctl(["down", "--delete", "--json"]);
  rmSync(dir, { recursive: true, force: true });
}
process.exitCode = exitCode;

/** One command in the cluster's folder, to its end; its document, whatever the exit code. */
function ragctl(argv: readonly string[]): Promise<{ result?: unknown; error?: unknown }> {
  const env = { ...process.env, XDG_STATE_HOME: join(dir, "state") };
  const child = spawn(process.execPath, [bin, ...argv], { cwd: dir, env, stdio: ["ignore", "pipe", "inherit"] });
  let stdout = "";
  child.stdout.on("data", (chunk) => (stdout += chunk));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => {
      try {
        resolve(JSON.parse(stdout) as { result?: unknown });
      } catch (error) {
        reject(error);
      }
    });
  });
}

function table(profile: string, outcomes: readonly Outcome[]): string {
  const ms = (value: number | null) => (value === null ? "never" : `${(value / 1000).toFixed(1)} s`);
  const us = (value: number | null | undefined) => (typeof value === "number" ? `${(value / 1000).toFixed(0)} ms` : "-");
  const share = (value: number | null | undefined) => (typeof value === "number" ? `${(100 * value).toFixed(0)} %` : "-");
  const warmed = ({ steps }: ExperimentResult) => steps.find(({ warming }) => warming)?.warming;
  const during = ({ phases }: ExperimentResult) => phases.find(({ name }) => name === "during");
  const rows: [string, (result: ExperimentResult) => string][] = [
    ["verdict", ({ verdict }) => verdict],
    ["availability", ({ availability }) => `${(100 * availability).toFixed(2)} %`],
    ["time to detect", ({ detectMs }) => ms(detectMs)],
    ["to fail over", ({ failoverMs }) => ms(failoverMs)],
    ["to recover", ({ recoverMs }) => ms(recoverMs)],
    ["p50 during", (result) => us(during(result)?.p50Us)],
    ["p99 during", (result) => us(during(result)?.p99Us)],
    ["hits before", (result) => share(warmed(result)?.hitRateBefore)],
    ["hits, warmed", (result) => share(warmed(result)?.hitRateAfter)],
    ["writes lost", ({ writes }) => String(writes?.lost ?? "-")],
  ];
  const head = `${profile.padEnd(16)}${outcomes.map(({ breaker }) => breaker.padStart(12)).join("")}`;
  const body = rows.map(([name, of]) => `${name.padEnd(16)}${outcomes.map(({ result }) => of(result).padStart(12)).join("")}`);
  const why = outcomes.flatMap(({ breaker, result: { reasons } }) => reasons.map((reason) => `  ${breaker}: ${reason}`));
  return ["", head, ...body, ...why, ""].join("\n");
}
