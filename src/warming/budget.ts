import type { PlanLimits } from "./contract.ts";
import { parseDurationMs, parseSizeBytes } from "../units.ts";

/** `2GiB`, `10m` or `5000 queries` (`5000`) as a limit of a plan. `m` is a minute. @throws Error a plain sentence */
export function parseBudget(text: string): Pick<PlanLimits, "queries" | "bytes" | "timeMs"> {
  const count = /^(\d[\d_,]*)\s*(?:quer(?:y|ies))?$/i.exec(text.trim());
  if (count) return { queries: Number(count[1]!.replaceAll(/[_,]/g, "")) };
  try {
    return { timeMs: parseDurationMs(text) };
  } catch {
    // A size, or nothing that is known.
  }
  try {
    return { bytes: parseSizeBytes(text) };
  } catch {
    throw new Error(`expected memory, time or queries, such as 2GiB, 10m or 5000 queries, got "${text}"`);
  }
}
