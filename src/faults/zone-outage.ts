import { z } from "zod";
import type { Fault, HealRecord, Json } from "./contract.ts";
import { hang } from "./hang.ts";
import { killNode } from "./kill-node.ts";

const ways = { hang, kill: killNode } as const;

const options = z.strictObject({
  how: z
    .enum(["hang", "kill"])
    .optional()
    .describe("what becomes of its nodes; partition where each has a proxy, else hang, unless given"),
});

interface Undo {
  [key: string]: Json;
  how: keyof typeof ways;
  undo: Json;
}

/** Everything in one zone at once, by another fault for each of its nodes. */
export const zoneOutage: Fault<z.output<typeof options>> = {
  name: "zone-outage",
  details: "What becomes of a cluster that has lost a data centre: every node of the zone, in the same instant.",
  examples: [["ragctl chaos zone-outage b --for 1m", "zone b is gone for a minute"]],
  targets: ["proxy", "process", "ssh", "toxiproxy"],
  scope: "zone",
  options,
  reversible: true,
  severe: true,
  healTimeoutMs: Math.max(...Object.values(ways).map(({ healTimeoutMs }) => healTimeoutMs)),

  variants: ({ how }) =>
    (how ? [how] : (["hang"] as const)).map((each) => ({ options: { how: each }, targets: ways[each].targets })),

  possible: (target, { how = "hang" }) => ways[how].possible?.(target, {}) ?? true,

  async prepare(target, { how = "hang" }, deps) {
    return { how, undo: await ways[how].prepare(target, {}, deps) } satisfies Undo;
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
