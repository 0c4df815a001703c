import { describe, expect, test } from "vitest";
import { leaseState, type LeaseObservation, type LeaseState } from "../../../src/faults/lease.ts";

const fresh: LeaseObservation = {
  hold: false,
  ttlMs: 5_000,
  ownerAlive: true,
  nowMs: 100_000,
  renewedAtMs: 99_000,
  unchangedForMs: 1_000,
};

describe("who answers for a fault", () => {
  test.each<[string, Partial<LeaseObservation>, LeaseState]>([
    ["renewed a second ago", {}, "owned"],
    ["renewed exactly a lease ago", { renewedAtMs: 95_000 }, "owned"],
    ["renewed longer ago", { renewedAtMs: 94_999 }, "lapsed"],
    ["renewed in the future: the wall clock was set back", { renewedAtMs: 500_000 }, "owned"],
    [
      "the same, and this observer has seen no renewal for longer than the lease",
      { renewedAtMs: 500_000, unchangedForMs: 5_001 },
      "lapsed",
    ],
    ["the owner is dead, the lease is not over", { ownerAlive: false }, "owner-dead"],
    ["shall last until asked, the owner long gone", { hold: true, ownerAlive: false, renewedAtMs: 0 }, "held"],
  ])("%s", (_name, change, expected) => {
    expect(leaseState({ ...fresh, ...change })).toBe(expected);
  });
});
