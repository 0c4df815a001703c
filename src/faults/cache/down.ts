import { z } from "zod";
import type { Fault, HealRecord, Json } from "../contract.ts";
import { killNode } from "../kill-node.ts";
import { partition } from "../partition.ts";

const ways = { kill: killNode, partition } as const;
const wayOptions = {
  kill: killNode.options.parse({}),
  partition: partition.options.parse({}),
};
type Way = keyof typeof ways;

const options = z.strictObject({
  how: z
    .enum(["kill", "partition"])
    .optional()
    .describe("kill: it comes back empty; partition: it keeps what it has; kill where it can be, unless given"),
});

interface Undo {
  [key: string]: Json;
  how: Way;
  undo: Json;
}

/** The cache is not there: killed and started again, or cut off by its proxy. */
export const cacheDown: Fault<z.output<typeof options>> = {
  name: "cache-down",
  details: "The cache is not there for a while. Killed, it comes back empty, as after a crash; cut off, it comes back as it was.",
  examples: [
    ["ragctl chaos cache-down --for 30s", "every lookup fails for half a minute"],
    ["ragctl chaos cache-down --how partition --for 30s", "the same, and nothing is forgotten"],
  ],
  targets: ["process", "proxy", "toxiproxy", "ssh"],
  scope: "cache",
  options,
  reversible: true,
  healTimeoutMs: Math.max(...Object.values(ways).map(({ healTimeoutMs }) => healTimeoutMs)),

  variants: ({ how }) =>
    (how ? [how] : (["kill", "partition"] as const)).map((each) => ({ options: { how: each }, targets: ways[each].targets })),

  possible: (target, { how = "kill" }) =>
    how === "kill"
      ? (killNode.possible?.(target, wayOptions.kill) ?? true)
      : (partition.possible?.(target, wayOptions.partition) ?? true),

  async prepare(target, { how = "kill" }, deps) {
    const undo =
      how === "kill"
        ? await killNode.prepare(target, wayOptions.kill, deps)
        : await partition.prepare(target, wayOptions.partition, deps);
    return { how, undo } satisfies Undo;
  },

  inject: (record, deps) => wayOf(record).inject(inner(record), deps),
  renew: async (record, deps) => await wayOf(record).renew?.(inner(record), deps),
  heal: (record, deps) => wayOf(record).heal(inner(record), deps),
  probe: (record, deps) => wayOf(record).probe(inner(record), deps),
};

function wayOf({ undo }: HealRecord) {
  return ways[(undo as Undo).how];
}

function inner(record: HealRecord): HealRecord {
  return { ...record, undo: (record.undo as Undo).undo };
}
