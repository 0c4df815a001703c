import type { FaultName } from "./names.ts";

/** Options that each fault would take, for asking whether it is possible at all: as people write them. */
export const sampleOptions: Record<FaultName, Readonly<Record<string, unknown>>> = {
  "kill-node": {},
  hang: {},
  "zone-outage": {},
  partition: {},
  latency: { delay: "100ms" },
  loss: { loss: "5%" },
  bandwidth: { rate: "1MiB/s" },
  reset: {},
  "wrong-answers": { drop: "10%" },
  exhaust: { cpu: "50%" },
  "cache-down": {},
  "cache-flush": {},
  "cache-slow": { delay: "50ms" },
};
