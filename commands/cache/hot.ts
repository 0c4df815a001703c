import { cacheHotResultSchema } from "../../src/cache/hot/result.ts";
import { clusterLine } from "../../src/config/resolve.ts";
import { cacheHotReport } from "../../src/report/cache-hot.ts";
import { defineCommand } from "../define.ts";
import { flag } from "../flags.ts";
import { clusterInZone, zoneFlag } from "./zone.ts";

export default defineCommand({
  details:
    "What is asked of the cache most? By Redis's own HOTKEYS where it has it (8.6), by its LFU counters where its policy keeps them, else by the questions that applications " +
    "recorded; the answer says which. Digests in keys are turned back into questions where they were recorded. MONITOR is never used: it would slow the server.",
  flags: {
    ...zoneFlag,
    top: flag.positive({ description: "keys to show", default: 20 }),
    source: flag.choice(["auto", "hotkeys", "lfu", "popularity"], { description: "how to know", default: "auto" }),
    window: flag.positiveDurationMs({ description: "how long HOTKEYS looks", default: 10_000 }),
    sample: flag.positive({ description: "keys to look at on each server, for LFU counters", default: 20_000 }),
  },
  examples: [
    ["ragctl cache hot", "what is asked for most?"],
    ["ragctl cache hot --source popularity --top 100 --json", "the questions themselves, for a script"],
  ],
  resultSchema: cacheHotResultSchema,
  async run({ flags: { top, source = "auto", window, sample, zone } }, context) {
    const { runtime, note } = context;
    const cluster = await clusterInZone(context, zone);
    note(clusterLine(runtime, cluster));
    const { hotKeys } = await import("../../src/cache/hot/index.ts");
    const { clock, signal } = runtime;
    return { result: await hotKeys(cluster, { source, top, windowMs: window, sample, clock, signal }) };
  },
  human: cacheHotReport,
});
