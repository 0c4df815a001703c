import { z } from "zod";
import type { Fault, HealRecord, Json } from "./contract.ts";
import { hang } from "./hang.ts";
import { killNode } from "./kill-node.ts";
import { partition } from "./partition.ts";

const ways = { partition, hang, kill: killNode } as const;
const inTurn = ["partition", "hang"] as const;

const options = z.strictObject({
  how: z
    .enum(["partition", "hang", "kill"])
    .optional()
    .describe("what becomes of its nodes; partition where each has a proxy, else hang, unless given"),
});

// oxlint-disable-next-line typescript/no-explicit-any -- each has options of its own, all of them optional
type AnyFault = Fault<any>;

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

  variants: ({ how }) => (how ? [how] : inTurn).map((each) => ({ options: { how: each }, targets: ways[each].targets })),

  possible(target, { how = "hang" }) {
    const way: AnyFault = ways[how];
    return way.possible?.(target, way.options.parse({})) ?? true;
  },

  async prepare(target, { how = "hang" }, deps) {
    const way: AnyFault = ways[how];
    return { how, undo: await way.prepare(target, way.options.parse({}), deps) } satisfies Undo;
  },

  inject: (record, deps) => wayOf(record).inject(inner(record), deps),
  renew: async (record, deps) => await wayOf(record).renew?.(inner(record), deps),
  heal: (record, deps) => wayOf(record).heal(inner(record), deps),
  probe: (record, deps) => wayOf(record).probe(inner(record), deps),
};

function wayOf({ undo }: HealRecord): AnyFault {
  return ways[(undo as Undo).how];
}

function inner(record: HealRecord): HealRecord {
  return { ...record, undo: (record.undo as Undo).undo };
}
