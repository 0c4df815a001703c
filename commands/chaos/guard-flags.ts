import { parseMaxBlast, type GuardSettings } from "../../src/faults/guard/index.ts";
import { flag, type FlagValues } from "../flags.ts";

/** What a fault may do to the cluster, and who says so. */
export const guardFlags = {
  maxBlast: {
    ...flag.string({ description: "nodes that faults may act on at once: 2, or 34% (default: half of them)" }),
    placeholder: "n|share",
    parse: parseMaxBlast,
  },
  allowDegraded: flag.boolean({ description: "even on a cluster that is not whole already" }),
  confirm: flag.string({ description: "the cluster's name, where nobody can be asked for it", placeholder: "name" }),
};

export function guardsOf(flags: FlagValues<typeof guardFlags>, given: ReadonlySet<string>): GuardSettings {
  return {
    ...(given.has("maxBlast") && { maxBlast: flags.maxBlast as unknown as NonNullable<GuardSettings["maxBlast"]> }),
    allowDegraded: flags.allowDegraded,
  };
}
