import { clusterLine } from "../../src/config/resolve.ts";
import { cacheStatsResultSchema } from "../../src/cache/stats/result.ts";
import { ExitCode } from "../../src/errors.ts";
import { cacheStatsReport } from "../../src/report/cache-stats.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { clusterInZone, zoneFlag } from "./zone.ts";

export default defineCommand({
  details:
    "Asks every server of the cluster's Redis (of a Redis Cluster every primary): hit rate, memory, evictions, fragmentation, the slowest commands; and, from a sample of " +
    "its keys, when they end and which are big or, under an LFU policy, hot. It changes no key; sampling by SCAN is paced by its answers. The servers count each look at a sampled key as " +
    "a hit of theirs, from the next call on: --sample 0 looks at none.",
  flags: {
    ...zoneFlag,
    sample: flag.count({ description: "keys to look at on each server; 0 for none", default: 1000 }),
    top: flag.positive({ description: "lines of every list", default: 5 }),
  },
  examples: [
    ["ragctl cache stats", "how does the cache fare?"],
    ["ragctl cache stats --sample 20000 --top 20 --json", "more keys, for a script"],
  ],
  resultSchema: cacheStatsResultSchema,
  async run({ flags: { sample, top, zone } }, context) {
    const { runtime, note } = context;
    const cluster = await clusterInZone(context, zone);
    note(clusterLine(runtime, cluster));
    const { cacheStats } = await import("../../src/cache/stats/index.ts");
    const result = await cacheStats(cluster, { sample, top, clock: runtime.clock, signal: runtime.signal });
    const silent = result.nodes.some(({ problem }) => problem !== null);
    return { result, exitCode: silent ? ExitCode.unreachable : ExitCode.ok };
  },
  human: cacheStatsReport,
});
