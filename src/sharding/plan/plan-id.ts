import type { Rng } from "../../runtime.ts";

/** `plan-20260131-235959-k3f9`: UTC, so that plans sort by when they were made. */
export function makePlanId(nowMs: number, rng: Rng): string {
  const [date, time] = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[-:]/g, "").split("T");
  const tail = Math.floor(rng() * 36 ** 4).toString(36);
  return `plan-${date}-${time}-${tail.padStart(4, "0")}`;
}
