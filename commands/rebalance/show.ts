import { usageError } from "../../src/errors.ts";
import { rebalancePlanSchema } from "../../src/rebalance/plan/result.ts";
import { rebalancePlanReport } from "../../src/report/rebalance-plan.ts";
import { defineCommand } from "../define.ts";
import { shellLine } from "../shell.ts";

export default defineCommand({
  details: "What a plan would do, from its file alone: nothing is asked of a cluster.",
  positionals: [{ name: "plan", description: "the file that rebalance plan or reverse wrote", required: true }],
  flags: {},
  examples: [["ragctl rebalance show plan.json", "before it is applied, or for whoever approves it"]],
  resultSchema: rebalancePlanSchema,
  async run({ positionals: [file = ""] }, { runtime }) {
    const [{ readPlan }, { rebalancePlanResult }] = await Promise.all([
      import("../../src/migration/plan-file.ts"),
      import("../../src/rebalance/plan/result-of.ts"),
    ]);
    const plan = readPlan(runtime.cwd, file);
    // Where the number of probed cells alone changes, it is a plan that only settles.
    if (plan.kind !== "rebalance" && plan.steps.some(({ kind }) => kind !== "settle"))
      throw usageError([{ file, message: `is a ${plan.kind} plan, and changes no partitioner` }], { code: "plan-invalid" });
    const result = rebalancePlanResult(plan, { notes: [], file });
    return { result, next: result.changes ? [shellLine(["ragctl", "rebalance", "apply", file])] : [] };
  },
  human: rebalancePlanReport,
});
