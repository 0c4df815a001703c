import { localName } from "../src/config/find.ts";
import { usageError } from "../src/errors.ts";
import type { GlobalFlags } from "./define.ts";

/**
 * `up` and `down` act on the cluster of this directory alone: another one named to them is a mistake that must not stop
 * (or delete) the wrong one.
 * @throws RagctlError exit 2
 */
export function refuseOtherCluster({ cluster }: Pick<GlobalFlags, "cluster">, verb: string): void {
  if (cluster === undefined || cluster === localName) return;
  throw usageError(
    [{ path: "--cluster", message: `ragctl ${verb} acts on the cluster "${localName}" of this directory, not on "${cluster}"` }],
    {
      hint: `leave --cluster out, or say --cluster ${localName}`,
    },
  );
}
