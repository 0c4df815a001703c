import type { Schemas } from "@qdrant/js-client-rest";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Filter } from "../contract.ts";
import { checkIds } from "./ids.ts";

/**
 * Ragctl's filters are Qdrant's own, so that the compiler checks their shape. What it cannot see are ids, and that a match
 * compares integers: a fraction is not an error to Qdrant alone, it is one of the caller.
 * @throws RagctlError exit 2
 */
export function checkedFilter(filter: Filter): Schemas["Filter"] {
  for (const condition of [...(filter.must ?? []), ...(filter.should ?? []), ...(filter.must_not ?? [])]) {
    if ("has_id" in condition) checkIds(condition.has_id);
    else if ("match" in condition) checkMatch(condition.key, condition.match);
    else if (!("range" in condition) && !("is_empty" in condition)) checkedFilter(condition);
  }
  return filter;
}

function checkMatch(key: string, match: Record<string, unknown>): void {
  const fraction = Object.values(match)
    .flat()
    .find((value) => typeof value === "number" && !Number.isSafeInteger(value));
  if (fraction !== undefined)
    throw new RagctlError(
      `a filter matches "${key}" with ${JSON.stringify(fraction)}: only integers below 2^53, texts and booleans match`,
      {
        code: "filter-invalid",
        exitCode: ExitCode.usage,
        hint: "Use a range for other numbers.",
      },
    );
}
