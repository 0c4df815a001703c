import { ExitCode, RagctlError } from "../errors.ts";
import type { NodeOutcome } from "./contract.ts";
import type { NodeFailure } from "./node.ts";

/** Why a search has no result at all: exit 3. @param requests of the search, for `--json` */
export function nothingAnswered(
  collection: string,
  failures: readonly NodeFailure[],
  requests: readonly NodeOutcome[],
): RagctlError {
  const refused = failures.find(({ fatal }) => fatal);
  const details = { requests };
  if (failures.length > 0 && failures.every(({ overload }) => overload))
    return new RagctlError(`Too much is under way for a search of ${collection}: ${failures[0]!.message}`, {
      code: "overload",
      exitCode: ExitCode.unreachable,
      hint: "Send less at once, or raise routing.maxInFlightPerNode.",
      details,
    });
  const why = (refused ?? failures[0])?.message ?? "no time was left";
  return new RagctlError(refused ? `The search was refused: ${why}` : `No node answered the search of ${collection}: ${why}`, {
    code: refused ? "search-refused" : "cluster-unreachable",
    exitCode: ExitCode.unreachable,
    hint: refused ? "Check the vector's size and the filter." : "ragctl status shows every node.",
    details,
  });
}
