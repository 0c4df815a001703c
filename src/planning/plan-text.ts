import type { Plan } from "../sharding/plan/contract.ts";

/** The plan document as a file. */
export function planText(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}
