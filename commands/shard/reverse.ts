import { clusterLine, resolveCluster } from "../../src/config/resolve.ts";
import { ExitCode, RagctlError } from "../../src/errors.ts";
import { shardReverseSchema } from "../../src/migration/result.ts";
import { shardReverseReport } from "../../src/report/shard-apply.ts";
import type { Plan } from "../../src/sharding/plan/contract.ts";
import { defineCommand, type CommandContext } from "../define.ts";
import { flag } from "../flags.ts";
import { shellLine } from "../shell.ts";

export default reverseCommand({
  noun: "shard",
  details:
    "From where the points are now to where they were when the plan was made: so it undoes a plan that was applied, and one that stopped half way (whose " +
    "open moves it takes back first). It changes nothing itself; shard apply does.",
});

/** The command that makes the plan that undoes a plan, under a noun. */
export function reverseCommand({ noun, details }: { noun: "shard" | "rebalance"; details: string }) {
  return defineCommand({
    details,
    positionals: [{ name: "plan", description: "the plan to undo", required: true }],
    flags: { out: flag.file({ description: "write the plan there", short: "o" }) },
    examples: [[`ragctl ${noun} reverse plan.json -o back.json && ragctl ${noun} apply back.json`, "undo it"]],
    resultSchema: shardReverseSchema,
    async run({ positionals: [file = ""], flags }, context) {
      const { runtime, globals, note } = context;
      const [{ readPlan }, { saveText }, { planText }] = await Promise.all([
        import("../../src/migration/plan-file.ts"),
        import("../../src/planning/save.ts"),
        import("../../src/planning/plan-text.ts"),
      ]);
      const plan = readPlan(runtime.cwd, file);
      const cluster = await resolveCluster(runtime, globals);
      note(clusterLine(runtime, cluster));
      if (plan.cluster !== cluster.name || plan.topology !== cluster.topology)
        throw new RagctlError(
          `Plan ${plan.planId} is for the ${plan.topology} cluster ${plan.cluster}; this is ${cluster.name}.`,
          {
            code: "plan-other-cluster",
            exitCode: ExitCode.refused,
            hint: `--cluster ${plan.cluster} chooses the other one.`,
          },
        );
      const back = await reversed(plan, cluster, context);
      const out = flags.out === undefined ? null : saveText(runtime.cwd, flags.out, planText(back));
      const { points, bytes, movedFraction } = back.price;
      const result = {
        planId: back.planId,
        reverses: plan.planId,
        cluster: back.cluster,
        collection: back.collection,
        steps: back.steps.length,
        points,
        bytes,
        movedFraction,
        file: out,
      };
      const next =
        out === null
          ? shellLine(["ragctl", noun, "reverse", file, "-o", "back.json"])
          : shellLine(["ragctl", noun, "apply", out]);
      return { result, next: back.steps.length > 0 ? [next] : [] };
    },
    human: shardReverseReport,
  });
}

async function reversed(
  plan: Plan,
  cluster: Awaited<ReturnType<typeof resolveCluster>>,
  { runtime }: CommandContext,
): Promise<Plan> {
  const { clock, rng } = runtime;
  const { makePlanId } = await import("../../src/sharding/plan/plan-id.ts");
  const about = { planId: makePlanId(clock.nowMs(), rng), createdAt: new Date(clock.nowMs()).toISOString() };
  if (cluster.topology === "native" && plan.kind === "rebalance") {
    const { reverseRekey } = await import("../../src/migration/rekey/reverse.ts");
    return await reverseRekey(plan, cluster, runtime, about);
  }
  if (cluster.topology === "native") {
    const { nativeAccess, reverseNative } = await import("../../src/migration/native/index.ts");
    const parts = await reverseNative(plan, nativeAccess(cluster, plan.collection, runtime), runtime.signal);
    return { ...plan, ...parts, ...about, reverses: plan.planId };
  }
  const [{ openMigration }, { TableAccess }, { reversePlan }] = await Promise.all([
    import("../../src/migration/access.ts"),
    import("../../src/migration/table.ts"),
    import("../../src/migration/reverse.ts"),
  ]);
  const access = await openMigration(cluster, runtime);
  try {
    return reversePlan(plan, await new TableAccess(access.state, plan.collection).read(), { ...about, nodes: cluster.nodes });
  } finally {
    await access.close();
  }
}
