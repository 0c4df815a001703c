import { ExitCode, RagctlError } from "../../errors.ts";
import { loadHashes } from "../../sharding/index.ts";
import type { GuardDeps, GuardInput } from "./contract.ts";
import { judgeFault } from "./judge.ts";
import { observe } from "./observe.ts";
import type { BlastRadius } from "./result.ts";

/** What the fault would do to the cluster as it is now; `refusals` says what stands against it. Changes nothing. */
export async function blastRadius(input: GuardInput, deps: GuardDeps): Promise<BlastRadius> {
  const [observed] = await Promise.all([(deps.observe ?? observe)(input.cluster, deps.runtime), loadHashes()]);
  return judgeFault(input, observed);
}

/** Exit 7 with every reason; undefined where nothing stands against the fault. */
export function refusalOf(radius: BlastRadius): RagctlError | undefined {
  const [first] = radius.refusals;
  if (!first) return undefined;
  const messages = radius.refusals.map(({ message }) => message);
  const hints = [...new Set(radius.refusals.flatMap(({ hint }) => hint ?? []))];
  return new RagctlError(
    messages.length === 1
      ? first.message
      : `${messages.length} reasons against it:\n${messages.map((each) => `  ${each}`).join("\n")}`,
    {
      code: first.code,
      exitCode: ExitCode.refused,
      ...(hints.length > 0 && { hint: hints.join("; ") }),
      details: radius,
    },
  );
}
