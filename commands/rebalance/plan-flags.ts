import { usageError, type Problem } from "../../src/errors.ts";
import { parseFraction } from "../../src/units.ts";
import { flag, type FlagSpec, type FlagValues } from "../flags.ts";
import { maxRateFlag } from "../max-rate.ts";
import { queryFlags, queryProblems, sampleFlag } from "./inputs.ts";

const probesFlag: FlagSpec<number | "all" | "auto" | undefined> = {
  kind: "value",
  placeholder: "n|auto|all",
  description:
    "cells that a search asks afterwards; auto: the least that reaches --target (default: all, so that nothing is missed)",
  parse(text) {
    const count = Number(text);
    if (text !== "all" && text !== "auto" && !(Number.isSafeInteger(count) && count > 0))
      throw new Error(`expected a whole number above zero, auto or all, got "${text}"`);
    return text === "all" || text === "auto" ? text : count;
  },
};

const spillFlag: FlagSpec<number | "off" | undefined> = {
  kind: "value",
  placeholder: "share|off",
  description:
    "in the place of a model: keep points near a boundary in their second cell too, at most this share of all; off: no longer",
  parse(text) {
    if (text === "off") return text;
    const share = parseFraction(text);
    if (!(share > 0 && share <= 1)) throw new Error(`expected a share above 0 and at most 1, such as 10%, or off, got "${text}"`);
    return share;
  },
};

export const planFlags = {
  model: flag.file({ description: "of rebalance fit (default: model.json)" }),
  split: flag.count({ description: "in the place of a model: part this cell of the present one in two" }),
  spill: spillFlag,
  spillRatio: flag.number({ description: "of --spill: the second centroid at most so many times as far", default: 1.1 }),
  hash: flag.boolean({ description: "in the place of a model: back to a ring of hashes" }),
  blueGreen: flag.boolean({
    description: "build the new layout in a second collection on the same nodes, and switch once; they need room for both",
  }),
  collection: flag.collection({ description: "of the cluster (default: the config's, or the only one)" }),
  probes: probesFlag,
  ...queryFlags,
  sample: sampleFlag,
  seed: flag.count({ description: "of the sample and of --split", default: 1 }),
  threads: flag.positive({ description: "default: one a processor" }),
  maxRate: maxRateFlag("that the time is reckoned with"),
  out: flag.file({ description: "write the plan there, for rebalance apply", short: "o" }),
  detailedExitcode: flag.boolean({ description: "exit 10 where there is something to apply" }),
};
export type PlanFlags = FlagValues<typeof planFlags>;

/** @throws RagctlError exit 2: flags that do not go together, all of them */
export function checkPlanFlags(flags: PlanFlags, given: ReadonlySet<string>): void {
  const problems: Problem[] = queryProblems(flags);
  const ways = [
    flags.model !== undefined && "--model",
    flags.split !== undefined && "--split",
    flags.spill !== undefined && "--spill",
    flags.hash && "--hash",
  ].filter((way) => way !== false);
  if (ways.length > 1) problems.push({ path: ways.join(" "), message: "give one of them" });
  if (flags.hash)
    for (const name of ["probes", "queries", "target"])
      if (given.has(name)) problems.push({ path: `--${name}`, message: "is of cells: --hash has none" });
  if (flags.blueGreen && flags.spill !== undefined)
    problems.push({ path: "--blue-green", message: "is of a change of placement: --spill is none" });
  if (given.has("spillRatio") && typeof flags.spill !== "number")
    problems.push({ path: "--spill-ratio", message: "goes with --spill and a share" });
  if (!(flags.spillRatio >= 1)) problems.push({ path: "--spill-ratio", message: "expected a number of 1 or more" });
  if (problems.length > 0) throw usageError(problems);
}
