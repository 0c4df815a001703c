import { bandwidth } from "./bandwidth.ts";
import { cacheDown } from "./cache/down.ts";
import { cacheFlush } from "./cache/flush.ts";
import { cacheSlow } from "./cache/slow.ts";
import type { Fault } from "./contract.ts";
import { exhaust } from "./exhaust/exhaust.ts";
import { hang } from "./hang.ts";
import { killNode } from "./kill-node.ts";
import { latency } from "./latency.ts";
import { loss } from "./loss.ts";
import type { FaultName } from "./names.ts";
import { partition } from "./partition.ts";
import { reset } from "./reset.ts";
import { wrongAnswers } from "./wrong-answers.ts";
import { zoneOutage } from "./zone-outage.ts";

/** Every fault there is. A record names one of these; one that does not was written by another version of ragctl. */
export const faults = {
  "kill-node": killNode,
  hang,
  "zone-outage": zoneOutage,
  partition,
  latency,
  loss,
  bandwidth,
  reset,
  "wrong-answers": wrongAnswers,
  exhaust,
  "cache-down": cacheDown,
  "cache-flush": cacheFlush,
  "cache-slow": cacheSlow,
  // oxlint-disable-next-line typescript/no-explicit-any -- each fault has options of its own; the life cycle handles them as data
} as const satisfies Record<FaultName, Fault<any>>;

// oxlint-disable-next-line typescript/no-explicit-any -- as above
export type FaultRegistry = Readonly<Record<string, Fault<any>>>;

// oxlint-disable-next-line typescript/no-explicit-any -- as above
export function faultNamed(name: string, registry: FaultRegistry = faults): Fault<any> | undefined {
  return Object.hasOwn(registry, name) ? registry[name] : undefined;
}
