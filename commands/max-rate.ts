import { parseMaxRate } from "../src/migration/throttle.ts";
import type { MaxRate } from "../src/sharding/plan/price.ts";
import type { FlagSpec } from "./flags.ts";

/** `--max-rate`, of whatever copies points or reckons with it. @param what it is there; examples and the default follow */
export function maxRateFlag(what: string): FlagSpec<MaxRate | undefined> {
  return {
    kind: "value",
    placeholder: "rate",
    parse: parseMaxRate,
    description: `${what}: 2000/s (points; the default), 20MiB/s`,
  };
}
