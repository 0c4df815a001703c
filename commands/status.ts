import { clusterLine, resolveCluster } from "../src/config/resolve.ts";
import type { ClusterConfig } from "../src/config/schema.ts";
import { ExitCode, usageError } from "../src/errors.ts";
import { journalDir, recordIds } from "../src/faults/journal.ts";
import { statusReport } from "../src/report/status.ts";
import type { Runtime } from "../src/runtime.ts";
import { collectStatus, somethingIsDown } from "../src/status/collect.ts";
import { statusDeps } from "../src/status/connect.ts";
import { statusSchema, type FaultOnCluster } from "../src/status/result.ts";
import { defineCommand } from "./define.ts";
import { flag } from "./flags.ts";

export default defineCommand({
  details:
    "healthy: answers. degraded: answers late. unhealthy: takes the connection, and serves nothing. dead: cannot be reached. Exits 3, with the result, when a node or the cache does not serve.",
  flags: {
    watch: flag.boolean({ description: "look again and again, until q" }),
    every: flag.positiveDurationMs({ description: "how often --watch looks", default: 1_000 }),
  },
  examples: [
    ["ragctl status", "the cluster that ragctl up started, or the config's default"],
    ["ragctl status --cluster prod --watch", "live"],
  ],
  resultSchema: statusSchema,
  async run({ flags }, { runtime, globals, note }) {
    const cluster = await resolveCluster(runtime, globals);
    if (!flags.watch) note(clusterLine(runtime, cluster));
    const deps = { ...(await statusDeps(cluster, runtime)), faults: () => faultsOn(cluster, runtime) };
    const look = () => collectStatus(cluster, deps);
    let result = await look();
    if (flags.watch) {
      const { stream } = runtime.stdout;
      if (globals.json || !runtime.stdout.isTTY || !stream)
        throw usageError([{ path: "--watch", message: "draws on a terminal, and stdout is none" }], {
          hint: "leave it out; a script can call ragctl status --json again and again",
        });
      const { watchStatus } = await import("../src/ui/status-view.ts");
      const onEach = (status: typeof result) => (result = status);
      const sleep = (ms: number, signal: AbortSignal) => runtime.clock.sleep(ms, signal);
      await watchStatus({ first: result, look, everyMs: flags.every, sleep, onEach }, stream, runtime.signal);
    }
    const down = somethingIsDown(result);
    const local = cluster.source.kind === "local";
    const next = result.faults.length > 0 ? ["ragctl chaos heal --all"] : down && local ? ["ragctl up"] : [];
    return { result, exitCode: down ? ExitCode.unreachable : ExitCode.ok, next };
  },
  human: statusReport,
});

/** What was broken on purpose here. The faults are loaded only where a journal has some. */
async function faultsOn(cluster: ClusterConfig, runtime: Runtime): Promise<FaultOnCluster[]> {
  if (recordIds(journalDir(runtime.stateDir)).length === 0) return [];
  const { faultStatus } = await import("../src/faults/recover.ts");
  const { active } = await faultStatus(runtime, cluster);
  return active.map(({ id, fault, target, since, leaseEndsAt, probe }) => ({ id, fault, target, since, leaseEndsAt, probe }));
}
