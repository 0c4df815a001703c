import { RagctlError } from "../../../src/errors.ts";
import type { Rng } from "../../../src/runtime.ts";
import type { SimCluster } from "./sim-cluster.ts";

/** Whoever `runs`, unless it dies before. @returns stopped: it ended with a sentence, which is among the notes */
export async function mover(
  sim: SimCluster,
  who: string,
  running: Promise<unknown>,
  diesAfterMs: number | undefined,
): Promise<"done" | "crashed" | "stopped"> {
  const ending = running.then(
    () => "done" as const,
    (error: unknown) => {
      if (!(error instanceof RagctlError)) throw error;
      sim.notes.push(`${who}: ${error.code}: ${error.message}`);
      return "stopped" as const;
    },
  );
  const crash = diesAfterMs === undefined ? undefined : sim.clock.sleep(diesAfterMs).then(() => "crashed" as const);
  const ended = await Promise.race(crash ? [ending, crash] : [ending]);
  if (ended === "crashed") sim.dead.add(who);
  return ended;
}

/** One repairer; where they may die, one after the other until a time. @param failures of what they do not expect */
export async function repairers(
  sim: SimCluster,
  rng: Rng,
  { mayDie, endMs }: { mayDie: boolean; endMs: number },
  failures: unknown[],
): Promise<void> {
  for (let n = 0; ; n++) {
    const who = `r${n}`;
    const running = sim.repairs(who);
    running.catch((error: unknown) => failures.push(error));
    await sim.clock.sleep(2_000 + rng() * 8_000);
    // A repairer is killed now and then, and the next one takes over.
    if (mayDie && sim.clock.nowMs() < endMs) sim.dead.add(who);
    else return;
  }
}

/** Takes away everything that disturbs. */
export function heal(sim: SimCluster): void {
  const { network } = sim;
  network.weather = { ...network.weather, lateShare: 0, lostAnswerShare: 0 };
  sim.storeAway = false;
  for (const node of network.nodes.values()) node.recover();
}

/** Lets time pass until that holds, and no node is stale. @throws whatever failed meanwhile */
export async function settled(
  sim: SimCluster,
  failures: readonly unknown[],
  { withinMs, atLeastMs = 0 }: { withinMs: number; atLeastMs?: number },
  holds: () => boolean,
): Promise<void> {
  const noneStale = () => Object.values(sim.table.nodes).every(({ state }) => state !== "stale");
  for (let waited = 0; waited < withinMs; waited += 5_000) {
    await sim.clock.run(5_000);
    if (failures.length > 0) throw failures[0];
    if (waited >= atLeastMs && holds() && noneStale()) return;
  }
}

/** Of every node that is stale in the end. */
export function neverRepaired({ table, notes }: SimCluster): string[] {
  return Object.entries(table.nodes).flatMap(([id, { state }]) =>
    state === "stale" ? [`${id} was never repaired: ${notes.slice(-2).join("; ")}`] : [],
  );
}

/** How many repairs the table tells of. */
export function repairsOf({ table }: SimCluster): number {
  return Object.values(table.nodes).reduce((sum, { repairs = 0 }) => sum + repairs, 0);
}
