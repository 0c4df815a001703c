import { faultSummaries, type FaultName } from "../src/faults/names.ts";
import type { CommandDefinition } from "./define.ts";

interface CommandEntry {
  summary: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- each command has types of its own; main() handles them as data
  load: () => Promise<CommandDefinition<any, any>>;
}

/** Every subcommand. The summary stands here so that `ragctl --help` need not load the command. */
export const commands = {
  demo: {
    summary: "see it all: start a cluster, ingest, load, kill a node, report",
    load: async () => (await import("./demo.ts")).default,
  },
  up: { summary: "start a real cluster of processes on this machine", load: async () => (await import("./up.ts")).default },
  down: { summary: "stop the cluster that up started", load: async () => (await import("./down.ts")).default },
  status: {
    summary: "every node: health, version, points, cache, objectives",
    load: async () => (await import("./status.ts")).default,
  },
  ingest: { summary: "documents → chunks → vectors → the cluster", load: async () => (await import("./ingest.ts")).default },
  "ingest verify": {
    summary: "is every document stored as the input has it, and nothing else?",
    load: async () => (await import("./ingest/verify.ts")).default,
  },
  "ingest retry": {
    summary: "take dead letters again, from their records or their origin",
    load: async () => (await import("./ingest/retry.ts")).default,
  },
  "ingest enqueue": {
    summary: "put the work of an ingest on a queue in Redis, for many workers",
    load: async () => (await import("./ingest/enqueue.ts")).default,
  },
  "ingest worker": {
    summary: "take work from the queue, on as many machines as there are",
    load: async () => (await import("./ingest/worker.ts")).default,
  },
  "ingest status": {
    summary: "aliases and their releases; the work queue, its rates and workers",
    load: async () => (await import("./ingest/status.ts")).default,
  },
  "ingest rollback": {
    summary: "switch a name back to the release that served before, on all nodes",
    load: async () => (await import("./ingest/rollback.ts")).default,
  },
  load: { summary: "open-loop load, with a verdict", load: async () => (await import("./load.ts")).default },
  "load report": {
    summary: "a load run of before, as a page, a table, a log",
    load: async () => (await import("./load/report.ts")).default,
  },
  "load capacity": {
    summary: "the highest rate that holds the objectives",
    load: async () => (await import("./load/capacity.ts")).default,
  },
  "load compare": {
    summary: "is run B worse than run A? for people and for CI",
    load: async () => (await import("./load/compare.ts")).default,
  },
  smoke: { summary: "does this cluster work? under 10 s, for CI", load: async () => (await import("./smoke.ts")).default },
  ...faultCommands(),
  "chaos run": {
    summary: "an experiment: steady state, faults under load, recovery, what it cost",
    load: async () => (await import("./chaos/run.ts")).default,
  },
  "chaos monkey": {
    summary: "faults by chance in working hours; on a leash unless told",
    load: async () => (await import("./chaos/monkey.ts")).default,
  },
  "chaos targets": {
    summary: "which fault is possible where, by which way, or why not",
    load: async () => (await import("./chaos/targets.ts")).default,
  },
  "chaos status": { summary: "faults that are active now", load: async () => (await import("./chaos/status.ts")).default },
  "chaos heal": { summary: "undo faults, whoever left them", load: async () => (await import("./chaos/heal.ts")).default },
  "shard plan": {
    summary: "what would move, and what it costs; is this cluster balanced?",
    load: async () => (await import("./shard/plan.ts")).default,
  },
  "shard route": {
    summary: "which nodes own these ids",
    load: async () => (await import("./shard/route.ts")).default,
  },
  "shard apply": {
    summary: "carry out a plan; --resume goes on after a crash",
    load: async () => (await import("./shard/apply.ts")).default,
  },
  "shard verify": {
    summary: "compare every replica; find gaps, orphans, differences",
    load: async () => (await import("./shard/verify.ts")).default,
  },
  "shard reverse": {
    summary: "the plan that undoes a plan",
    load: async () => (await import("./shard/reverse.ts")).default,
  },
  "shard repair": {
    summary: "bring stale nodes back into service",
    load: async () => (await import("./shard/repair.ts")).default,
  },
  "shard adopt": {
    summary: "make a collection movable that ragctl did not make",
    load: async () => (await import("./shard/adopt.ts")).default,
  },
  "shard status": {
    summary: "routing tables, node states, moves in flight, locks",
    load: async () => (await import("./shard/status.ts")).default,
  },
  "rebalance fit": {
    summary: "k-means: cells of similar vectors, so that a query asks few shards",
    load: async () => (await import("./rebalance/fit.ts")).default,
  },
  "rebalance simulate": {
    summary: "recall, nodes and work by shards probed, before anything moves",
    load: async () => (await import("./rebalance/simulate.ts")).default,
  },
  "rebalance plan": {
    summary: "to a model's cells, or back: what would move, and what searches then find",
    load: async () => (await import("./rebalance/plan.ts")).default,
  },
  "rebalance show": {
    summary: "what a plan would do, from its file",
    load: async () => (await import("./rebalance/show.ts")).default,
  },
  "rebalance apply": {
    summary: "carry out a plan; --resume goes on after a crash",
    load: async () => (await import("./rebalance/apply.ts")).default,
  },
  "rebalance verify": {
    summary: "compare every replica; find points that are not where their cell is",
    load: async () => (await import("./rebalance/verify.ts")).default,
  },
  "rebalance reverse": {
    summary: "the plan that undoes a plan",
    load: async () => (await import("./rebalance/reverse.ts")).default,
  },
  "rebalance drift": {
    summary: "do the cells still fit what is in them? would a refit pay?",
    load: async () => (await import("./rebalance/drift.ts")).default,
  },
  "lock show": { summary: "who holds which lock, since when", load: async () => (await import("./lock/show.ts")).default },
  "lock release": { summary: "take a lock from a dead holder", load: async () => (await import("./lock/release.ts")).default },
  "cache size": {
    summary: "how large must the cache be? from a query log or a trace",
    load: async () => (await import("./cache/size.ts")).default,
  },
  "cache warm": {
    summary: "fill the cache with what will be asked; predicted and achieved",
    load: async () => (await import("./cache/warm.ts")).default,
  },
  "cache stats": {
    summary: "every server: hits, memory, evictions, expiry, slow, big and hot",
    load: async () => (await import("./cache/stats.ts")).default,
  },
  "cache hot": {
    summary: "what is asked of the cache most, as questions where they are known",
    load: async () => (await import("./cache/hot.ts")).default,
  },
  "cache bench": {
    summary: "gets and sets through the cache under open-loop load",
    load: async () => (await import("./cache/bench.ts")).default,
  },
  "cache invalidate": {
    summary: "remove keys by namespace, corpus version, kind or pattern",
    load: async () => (await import("./cache/invalidate.ts")).default,
  },
  init: {
    summary: "write a commented config after looking at what answers here",
    load: async () => (await import("./init.ts")).default,
  },
  "config check": {
    summary: "every problem of the config at once",
    load: async () => (await import("./config/check.ts")).default,
  },
  "config show": {
    summary: "the resolved config, secrets redacted",
    load: async () => (await import("./config/show.ts")).default,
  },
  "config schema": {
    summary: "the JSON Schema of the config, for editors",
    load: async () => (await import("./config/schema.ts")).default,
  },
  runs: { summary: "what ran, and what can be resumed", load: async () => (await import("./runs.ts")).default },
  node: { summary: "the embedded node: one small Qdrant-speaking server", load: async () => (await import("./node.ts")).default },
} as const satisfies Record<string, CommandEntry>;

/** `chaos NAME` for every fault: the command is made from what the fault says of itself. */
function faultCommands(): { [Name in FaultName as `chaos ${Name}`]: CommandEntry } {
  const entries = Object.entries(faultSummaries).map(([name, summary]): [string, CommandEntry] => [
    `chaos ${name}`,
    { summary, load: async () => (await import("./chaos/fault.ts")).faultCommand(name as FaultName) },
  ]);
  return Object.fromEntries(entries) as ReturnType<typeof faultCommands>;
}

/** What a noun without a verb is about. */
export const groups: Record<string, string> = {
  cache: "size, warm and watch what stands before the store",
  chaos: "inject faults, and heal them for certain",
  config: "check, show and describe the config",
  lock: "who moves what, and since when",
  rebalance: "shards of similar vectors: fit, simulate, plan, apply, watch",
  shard: "plan, apply, verify and undo how points lie on nodes",
};
