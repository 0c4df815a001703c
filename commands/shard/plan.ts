import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, usageError, type Problem } from "../../src/errors.ts";
import type { PlanInputs } from "../../src/planning/inputs.ts";
import { planResult } from "../../src/planning/plan-result.ts";
import { shardPlanSchema, type ShardPlanResult } from "../../src/planning/result.ts";
import { shardPlanMarkdown, shardPlanReport } from "../../src/report/shard-plan.ts";
import type { PlanDraft } from "../../src/sharding/plan/build.ts";
import type { Plan } from "../../src/sharding/plan/contract.ts";
import type { MaxRate } from "../../src/sharding/plan/price.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import type { FlagValues } from "../flags.ts";
import { planFlags, planInputs } from "./inputs.ts";

export default defineCommand({
  details:
    "Asks every node what it holds and prints what would move, from where to where, and what that costs; it changes nothing. Told nothing, it takes in " +
    "every joining node and empties every leaving one; where there is none, it says whether the cluster is balanced. With --nodes it needs no cluster: " +
    "--nodes is what there is, --replicas, --vnodes, --weight and --zone describe it, --add and --remove are the change.\n\n" +
    "All fractions are exact, from the arcs of the ring. What a plan was made for is in it: apply refuses it where members, weights, placement or replicas " +
    "have changed since; writes in the meantime do not matter.",
  flags: planFlags,
  examples: [
    ["ragctl shard plan -o plan.json", "take in the nodes that are joining"],
    ["ragctl shard plan --remove n2 -o plan.json", "empty a node, or replace what a dead one held"],
    ["ragctl shard plan --nodes a,b,c --add d --points 1000000000", "no cluster: what would a fourth node cost?"],
  ],
  resultSchema: shardPlanSchema,
  async run({ flags }, context) {
    const { runtime } = context;
    const inputs = planInputs(flags, runtime.cwd);
    const made = flags.nodes.length > 0 ? await offline(flags, inputs, context) : await live(flags, inputs, context);
    const { saveText } = await import("../../src/planning/save.ts");
    const { planText } = await import("../../src/planning/plan-text.ts");
    const file = flags.out === undefined ? null : saveText(runtime.cwd, flags.out, planText(made.plan));
    const result = planResult(made.plan, made.draft, { limit: inputs.limit, maxRate: made.maxRate, notes: made.notes, file });
    if (flags.markdown !== undefined) saveText(runtime.cwd, flags.markdown, shardPlanMarkdown(result));
    return {
      result,
      exitCode: flags.detailedExitcode && result.changes ? ExitCode.changes : ExitCode.ok,
      next: nextOf(result, runtime.argv),
    };
  },
  human: shardPlanReport,
});

interface Made {
  plan: Plan;
  draft?: PlanDraft;
  notes: string[];
  maxRate: MaxRate;
}

type PlanFlags = FlagValues<typeof planFlags>;

async function offline(flags: PlanFlags, inputs: PlanInputs, { runtime }: CommandContext): Promise<Made> {
  const problems: Problem[] = [];
  if (flags.collection !== undefined) problems.push({ path: "--collection", message: "is of a live cluster; --nodes asks none" });
  if (flags.points === undefined) problems.push({ path: "--points", message: "is required with --nodes: how many there are" });
  if (inputs.balance === "heat" && inputs.queryLog === undefined)
    problems.push({ path: "--balance heat", message: "needs --queries with --nodes: there are no counters to look at" });
  if (problems.length > 0) throw usageError(problems);
  const { planOffline } = await import("../../src/planning/offline.ts");
  const { planNotes } = await import("../../src/planning/notes.ts");
  const { draft } = await planOffline(
    {
      nodes: flags.nodes,
      hash: flags.hash ?? "xxh32",
      virtualNodes: flags.vnodes ?? 150,
      ...(flags.bounds.length > 0 && { bounds: flags.bounds }),
      replicas: flags.replicas ?? 1,
      points: flags.points!,
      pointBytes: flags.pointBytes ?? 2048,
    },
    inputs,
    runtime,
  );
  const notes = planNotes(draft, inputs);
  if (flags.pointBytes === undefined) notes.push("2 KiB a point is assumed: --point-bytes says otherwise");
  return { plan: draft.plan, draft, notes, maxRate: inputs.maxRate };
}

async function live(flags: PlanFlags, inputs: PlanInputs, { runtime, globals, note }: CommandContext): Promise<Made> {
  const problems: Problem[] = [];
  if (flags.points !== undefined) problems.push({ path: "--points", message: "goes with --nodes: a live cluster is counted" });
  if (flags.pointBytes !== undefined)
    problems.push({ path: "--point-bytes", message: "goes with --nodes: a live cluster is sampled" });
  if (flags.bounds.length > 0)
    problems.push({
      path: "--bounds",
      message: "goes with --nodes: a live collection has a table (--split and --merge change it)",
    });
  if (flags.hash !== undefined)
    problems.push({ path: "--hash", message: "goes with --nodes: the hash of a live collection is stored with every point" });
  if (problems.length > 0) throw usageError(problems);
  const { clock, rng, cwd, signal } = runtime;
  const cluster = await resolveCluster(runtime, globals);
  note(clusterLine(runtime, cluster));
  if (cluster.topology === "native") {
    const { planOfNative } = await import("../../src/planning/native.ts");
    const { collectionOf } = await import("../../src/planning/state.ts");
    return await planOfNative(cluster, collectionOf(flags.collection, cluster, []), inputs, { clock, rng, cwd, signal });
  }
  const [{ lookIntoState, tableOf }, { nodesOfTable }, { planRouted }, { planNotes }] = await Promise.all([
    import("../../src/planning/state.ts"),
    import("../../src/planning/node-access.ts"),
    import("../../src/planning/routed.ts"),
    import("../../src/planning/notes.ts"),
  ]);
  const state = await lookIntoState(cluster, { clock, cwd });
  try {
    const table = await tableOf(state, flags.collection, cluster);
    const nodes = nodesOfTable(cluster, table, cwd);
    try {
      const { draft, notes } = await planRouted(cluster, table, inputs, { nodes, clock, rng, signal, note });
      return { plan: draft.plan, draft, notes: [...planNotes(draft, inputs), ...notes], maxRate: inputs.maxRate };
    } finally {
      await nodes.close();
    }
  } finally {
    await state?.close();
  }
}

function nextOf(result: ShardPlanResult, argv: readonly string[]): string[] {
  if (result.changes && !result.offline)
    return [result.file === null ? `ragctl ${argv.join(" ")} -o plan.json` : `ragctl shard apply ${result.file}`];
  if (!result.changes && !result.balanced.after && !argv.includes("--balance"))
    return [`ragctl ${argv.join(" ")} --balance points${result.offline ? "" : " -o plan.json"}`];
  return [];
}
