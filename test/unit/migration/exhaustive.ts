import { RagctlError } from "../../../src/errors.ts";
import { seededRng } from "../../../src/runtime.ts";
import type { StateStore } from "../../../src/state/index.ts";
import { layoutOfTable, planTo } from "./plans.ts";
import { collection, ringTable, SimCluster } from "./sim-cluster.ts";
import { compare } from "./simulation.ts";
import type { Op } from "../../helpers/sim/history.ts";

/**
 * One schedule of a small world, told by what differs from the plain one, in which every message takes a millisecond: message number i
 * takes long instead, and the mover dies at message number j and is followed by another.
 */
export interface Deviation {
  slow: readonly { message: number; byMs: number }[];
  crashAt?: number;
}

export interface Run {
  problems: string[];
  /** Messages of all processes; what deviations are counted in. */
  messages: number;
}

const origin = [1, 0, 0, 0];
const moments = ["announce", "confirm", "copy", "drain", "pause"];

/** Two writers, a mover that takes their node away, a second node; no faults but the deviation. */
export async function runOnce(deviation: Deviation, tamper: (state: StateStore) => StateStore = (state) => state): Promise<Run> {
  const table = ringTable(["a"], 1, ["b"], 1);
  const sim = new SimCluster(table, seededRng(1), { breaker: "off" });
  const { clock, network, dead } = sim;
  sim.tamper = tamper;
  const plan = planTo(table, layoutOfTable(table, ["b"]));
  let messages = 0;
  let counting = false;
  let mover = "m0";
  const delayOf = (): number => {
    if (!counting) return 1;
    const number = messages++;
    if (number === deviation.crashAt) dead.add(mover);
    return deviation.slow.find(({ message }) => message === number)?.byMs ?? 1;
  };
  network.delayOf = delayOf;
  sim.travel = () => clock.sleep(1);
  const clients = [await started(sim, "w0"), await started(sim, "w1")];
  const history = new Map<string, Op[]>();
  let value = 0;
  for (const index of [0, 1])
    for (const phase of moments) {
      const first = clients[index]!.upsert(collection, [
        { key: keyOf(index, phase), vector: origin, payload: { value: ++value } },
      ]);
      history.set(keyOf(index, phase), [{ value, beganMs: 0, ackedMs: 0 }]);
      await clock.run(50);
      await first;
    }
  const failures: unknown[] = [];
  const phases = new Set<string>();
  const record = sim.journals.push.bind(sim.journals);
  sim.journals.push = (...lines) => {
    for (const line of lines) phases.add(line.split(" ").slice(1).join(" "));
    return record(...lines);
  };
  /** One change, of a key of its own, as each phase of the move begins, so that writes and the move meet in every way. */
  const write = async (index: number): Promise<void> => {
    for (const [n, phase] of moments.entries()) {
      const key = keyOf(index, phase);
      while (!phases.has(`copy-1/${phase} start`)) await clock.sleep(3);
      const erase = (n + index) % 3 === 2;
      const op: Op = { value: erase ? undefined : ++value, beganMs: clock.nowMs() };
      history.get(key)!.push(op);
      const { acknowledged } = erase
        ? await clients[index]!.delete(collection, [key])
        : await clients[index]!.upsert(collection, [{ key, vector: origin, payload: { value: op.value } }]);
      if (acknowledged.includes(key)) op.ackedMs = clock.nowMs();
    }
  };
  const move = async (): Promise<void> => {
    for (let n = 0; ; n++) {
      mover = `m${n}`;
      const ended = await Promise.race([
        sim.apply(plan, mover).catch((error: unknown) => {
          if (!(error instanceof RagctlError)) throw error;
          return "failed" as const;
        }),
        died(mover),
      ]);
      if (ended === "finished") return;
      await clock.sleep(5);
    }
  };
  const died = async (who: string): Promise<"died"> => {
    while (!dead.has(who)) await clock.sleep(20);
    return "died";
  };
  counting = true;
  const work = [write(0), write(1), move()].map((one) => one.catch((error: unknown) => failures.push(error)));
  const state = { done: false };
  void Promise.all(work).then(() => (state.done = true));
  for (let waited = 0; waited < 60_000 && !state.done; waited += 250) await clock.run(250);
  counting = false;
  // What is still on its way lands.
  await clock.run(2_000);
  if (failures.length > 0) throw failures[0];
  const problems = state.done ? compare(sim.table, network, history) : [`not finished: ${sim.notes.at(-1) ?? "no note"}`];
  for (const who of ["w0", "w1", "m0", "m1", "m2"]) dead.add(who);
  return { problems, messages };
}

function keyOf(writer: number, phase: string): string {
  return `key ${writer} ${phase}`;
}

async function started(sim: SimCluster, who: string) {
  const client = await sim.client(who);
  const reading = client.fetch(collection, ["nothing"]);
  await sim.clock.run(50);
  await reading;
  return client;
}
