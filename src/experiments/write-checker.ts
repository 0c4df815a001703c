import type { ClusterConfig } from "../config/schema.ts";
import type { Runtime } from "../runtime.ts";
import type { WriteChecker } from "./contract.ts";

/** The checker of acknowledged writes; undefined until there is one. */
export function writeChecker(
  _cluster: ClusterConfig,
  _runtime: Runtime,
): ((collections: readonly string[]) => WriteChecker) | undefined {
  return undefined;
}
