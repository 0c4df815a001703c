import { ExitCode, RagctlError } from "../../errors.ts";
import type { CollectionInfo } from "../../stores/contract.ts";

/**
 * A copy carries the one vector that ragctl searches; what points have beside it would go with the collection that is dropped.
 * @throws RagctlError exit 7 naming the others
 */
export function requireOneVector(collection: string, { otherVectors = [] }: Pick<CollectionInfo, "otherVectors">): void {
  if (otherVectors.length === 0) return;
  const names = otherVectors.map((name) => (name === "" ? "the unnamed one" : name)).join(", ");
  throw new RagctlError(`The points of ${collection} have other vectors, too (${names}), which a change of cells would lose.`, {
    code: "several-vectors",
    exitCode: ExitCode.refused,
    hint: "Only collections whose points have one vector can be placed by cells.",
  });
}
