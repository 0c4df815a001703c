import { resolve } from "node:path";
import type { PlanInputs } from "../../src/planning/inputs.ts";
import { parseAdded, parseCapacities, parsePairs, parsePointCount, parseWeights } from "../../src/planning/nodes-input.ts";
import { defaultMaxRate } from "../../src/sharding/plan/price.ts";
import { parseFraction, parseRatePerSec } from "../../src/units.ts";
import { flag, type FlagSpec, type FlagValues } from "../flags.ts";
import { maxRateFlag } from "../max-rate.ts";

const hashes = ["xxh32", "md5-32", "md5-128"] as const;

function parsed<T>(placeholder: string, parse: (text: string) => T, description: string): FlagSpec<T | undefined> {
  return { kind: "value", placeholder, parse, description };
}

function keyList(description: string): FlagSpec<number[]> {
  const parse = (text: string) =>
    text.split(",").map((part) => {
      const key = Number(part.trim());
      if (!Number.isSafeInteger(key) || key < 0 || part.trim() === "")
        throw new Error(`expected whole keys separated by commas, got "${text}"`);
      return key;
    });
  return { kind: "list", placeholder: "key,…", parse, default: [], description };
}

function parseLoadBound(text: string): number | null {
  if (text === "none") return null;
  const bound = parseFraction(text);
  if (!(bound > 0)) throw new Error("expected an ε above zero such as 0.25, or none");
  return bound;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!(limit > 1)) throw new Error(`expected a number above 1, got "${text}"`);
  return limit;
}

/** Where a command gets a ring from, in the place of a cluster. */
export const ringFlags = {
  nodes: flag.list({ description: "no cluster: a ring of these, named as the application names them", placeholder: "a,b,c" }),
  vnodes: flag.positive({ description: "virtual nodes per unit of weight (default: 150, or the table's)" }),
  hash: flag.choice(hashes, {
    description: "of the ring of --nodes: md5-32 and md5-128 as Python's usual rings (default: xxh32)",
  }),
  bounds: keyList("ranges of integer keys with these upper bounds, in the place of the ring of --nodes"),
  replicas: flag.positive({ description: "copies of each point (default: 1, or the table's)" }),
  weight: flag.list({ description: "for example n1=2: twice the share", placeholder: "node=x" }),
  zone: flag.list({ description: "for example n1=eu-1: replicas go to different zones first", placeholder: "node=zone" }),
};

export const planFlags = {
  collection: flag.collection({ description: "of the cluster (default: the config's, or the only one)" }),
  add: flag.list({ description: "a node that comes; with its URL where the config does not know it", placeholder: "id[=url]" }),
  remove: flag.list({ description: "a node that goes; a dead one's points are copied from the others", placeholder: "id" }),
  ...ringFlags,
  split: keyList("of a range partitioner: split the range that holds this key, there"),
  merge: keyList("of a range partitioner: take this bound away, so that two ranges are one"),
  loadBound: parsed("ε|none", parseLoadBound, "no node above 1 + ε times its fair share; what is above spills clockwise"),
  balance: flag.choice(["points", "bytes", "heat", "all"], {
    description: "adjust weights (of cells: move whole ones) until the limit holds",
  }),
  limit: parsed("x", parseLimit, "largest ÷ mean that counts as balanced (default: 1.25)"),
  capacity: flag.repeated({
    description: "what a node can take: n1=points:5M,bytes:20GiB,queries:500/s (default: the config's)",
    placeholder: "node=…",
  }),
  queries: flag.file({ description: "a log for heat: an id a line, or JSONL {id} (semantic: {vector})" }),
  queryRate: parsed("rate", parseRatePerSec, "all queries a second, where --queries stands for them"),
  heatWindow: flag.positiveDurationMs({ description: "how long the nodes' counters are watched for heat", default: 5_000 }),
  maxMoves: flag.positive({ description: "moves at most: a part of the way, to a layout that is valid as it is" }),
  maxBytes: flag.bytes({ description: "bytes to copy at most, likewise" }),
  maxRate: maxRateFlag("that the time is reckoned with"),
  points: parsed("n", parsePointCount, "of the cluster that --nodes names, each once: 20000, 5M"),
  pointBytes: flag.bytes({ description: "what one of them is worth (default: 2 KiB, which is 384 dimensions and 512 bytes)" }),
  out: flag.file({ description: "write the plan there, for shard apply", short: "o" }),
  markdown: flag.file({ description: "write a report of it there" }),
  detailedExitcode: flag.boolean({ description: "exit 10 where there is something to apply" }),
};

/** The flags of `shard plan` as the planners take them. @throws RagctlError exit 2 */
export function planInputs(flags: FlagValues<typeof planFlags>, cwd: string): PlanInputs {
  const inputs: PlanInputs = {
    add: parseAdded(flags.add),
    remove: flags.remove,
    weights: parseWeights(flags.weight),
    split: flags.split,
    merge: flags.merge,
    zones: parsePairs("--zone", flags.zone),
    capacities: parseCapacities(flags.capacity),
    limit: flags.limit ?? 1.25,
    maxRate: flags.maxRate ?? defaultMaxRate,
    heatWindowMs: flags.heatWindow,
  };
  if (flags.replicas !== undefined) inputs.replicas = flags.replicas;
  if (flags.vnodes !== undefined) inputs.virtualNodes = flags.vnodes;
  if (flags.loadBound !== undefined) inputs.loadBound = flags.loadBound;
  if (flags.balance !== undefined) inputs.balance = flags.balance;
  if (flags.maxMoves !== undefined) inputs.maxMoves = flags.maxMoves;
  if (flags.maxBytes !== undefined) inputs.maxBytes = flags.maxBytes;
  if (flags.queries !== undefined) inputs.queryLog = resolve(cwd, flags.queries);
  if (flags.queryRate !== undefined) inputs.queriesPerSec = flags.queryRate;
  return inputs;
}
