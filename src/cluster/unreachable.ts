import { ExitCode, RagctlError } from "../errors.ts";

/** What a read that must be complete says where a part of the collection has nobody to answer. @param share of it that is missing */
export function unreachable(collection: string, share: number, why: string | undefined): RagctlError {
  const part = share >= 1 ? "None" : `${((1 - share) * 100).toPrecision(3)} %`;
  return new RagctlError(`${part} of ${collection} could be read${why ? `: ${why}` : ""}.`, {
    code: "cluster-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "ragctl status shows every node; a complete answer needs a serving owner of every point.",
  });
}
