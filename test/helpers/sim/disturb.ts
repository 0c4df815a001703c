import type { Clock, Rng } from "../../../src/runtime.ts";
import type { SimNetwork, Weather } from "./network.ts";

export const calmWeather: Weather = {
  usualDelayMs: 3,
  slowShare: 0,
  slowMs: 0,
  lateShare: 0,
  latestMs: 0,
  lostAnswerShare: 0,
};

export interface Disturbances {
  /** Quiet between two of them: at least, and so much more at the most. */
  restMs: readonly [least: number, more: number];
  /** Each lasts so long at the most. */
  lastMs: number;
  /** Of all disturbances, up to this share (cumulative) a node crashes, freezes, the state store goes away, a writer dies; the rest do nothing. */
  upTo: { crash: number; freeze: number; away: number; death: number };
}

/** Until a time, one after the other: a node crashes or freezes, the state store goes away, or the process w1 dies. */
export async function disturb(
  sim: { clock: Clock; network: SimNetwork; dead: Set<string>; storeAway: boolean },
  rng: Rng,
  endMs: number,
  { restMs: [least, more], lastMs, upTo }: Disturbances,
): Promise<void> {
  const { clock, network, dead } = sim;
  while (clock.nowMs() < endMs) {
    await clock.sleep(least + rng() * more);
    const all = [...network.nodes.values()];
    const node = all[Math.floor(rng() * all.length)]!;
    const what = rng();
    if (what < upTo.crash) node.crash();
    else if (what < upTo.freeze) node.freeze();
    else if (what < upTo.away) sim.storeAway = true;
    else if (what < upTo.death) dead.add("w1");
    await clock.sleep(rng() * lastMs);
    sim.storeAway = false;
    node.recover();
  }
}
