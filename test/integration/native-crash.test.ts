import { afterAll, expect, it } from "vitest";
import { applyNativePlan, verifyNative, type NativeAccess } from "../../src/migration/native/index.ts";
import { seededRng } from "../../src/runtime.ts";
import type { Plan } from "../../src/sharding/plan/contract.ts";
import { QdrantStandIn, type Fate, type Reply, type StandInOptions } from "../helpers/qdrant-cluster.ts";
import { accessOf, depsOf, planFor } from "./native-set-up.ts";

/** What `kill -9` does to the executor: from here on, nothing of it happens any more. */
class Killed extends Error {}

interface Scenario extends StandInOptions {
  goal: Parameters<typeof planFor>[1];
  /** Killed before planning. */
  lost?: number;
}
const scenarios: Record<string, Scenario> = {
  "spread and add copies": { peers: 4, shards: [[0, 1], [0, 1], [1, 0], [2]], replicationFactor: 2, goal: {} },
  drain: {
    peers: 4,
    shards: [
      [0, 3],
      [3, 1],
      [2, 3],
    ],
    replicationFactor: 2,
    goal: { remove: ["q4"] },
  },
  "a lost node": {
    peers: 4,
    shards: [
      [0, 3],
      [3, 1],
      [1, 2],
    ],
    replicationFactor: 2,
    goal: { remove: ["q4"] },
    lost: 3,
  },
};
const findings: unknown[] = [];
afterAll(() => expect(findings, "by Qdrant's own API description").toEqual([]));

/** Runs a plan, killed at each of these boundaries in turn by a new executor each time; ends with one that is left alone. */
async function throughCrashes(
  { goal, lost, ...options }: Scenario,
  name: string,
  kill: (attempt: number) => { journal?: number; sleeps?: number } | undefined,
  trouble: { fate?: (n: number) => Fate; reply?: (n: number) => Reply } = {},
): Promise<{ boundaries: number; sleeps: number; killed: number }> {
  const cluster = await QdrantStandIn.start(options);
  try {
    if (lost !== undefined) await cluster.kill(lost);
    const access = accessOf(cluster);
    const plan = await planFor(access, goal);
    // Before the loss the dead node's copies served; the plan starts from what serves now.
    cluster.fewestServing.clear();
    cluster.tick(0);
    const before = new Map(cluster.fewestServing);
    if (trouble.fate) cluster.fate = (_, n) => trouble.fate!(n);
    if (trouble.reply) cluster.reply = trouble.reply;
    let attempt = 0;
    let killed = 0;
    let counts = { boundaries: 0, sleeps: 0 };
    for (;;) {
      const at = kill(attempt++);
      const outcome = await attemptOnce(plan, access, at);
      counts = outcome;
      if (!outcome.killed) break;
      killed++;
      // The cluster goes on while nobody looks.
      cluster.tick((attempt * 700) % 4000);
    }
    expect(await verifyNative(plan, access), name).toMatchObject({ clean: true, problems: [] });
    for (const [shard, fewest] of cluster.fewestServing) {
      expect(fewest, `${name}: shard ${shard} always had as many as before`).toBeGreaterThanOrEqual(before.get(shard)!);
      expect(fewest, `${name}: shard ${shard} was always there`).toBeGreaterThan(0);
    }
    return { ...counts, killed };
  } finally {
    await cluster.stop();
    findings.push(...cluster.findings);
  }
}

async function attemptOnce(
  plan: Plan,
  access: NativeAccess,
  at: { journal?: number; sleeps?: number } | undefined,
): Promise<{ boundaries: number; sleeps: number; killed: boolean }> {
  let boundaries = 0;
  let sleeps = 0;
  let dead = false;
  const perhapsDie = (now: number, when: number | undefined): void => {
    if (dead || now === when) {
      dead = true;
      throw new Killed();
    }
  };
  const clock = {
    ...access.clock,
    sleep: async (ms: number, signal?: AbortSignal) => {
      perhapsDie(sleeps++, at?.sleeps);
      await access.clock.sleep(ms, signal);
      perhapsDie(-1, undefined);
    },
  };
  const journal = {
    record: () => perhapsDie(boundaries++, at?.journal),
  };
  try {
    await applyNativePlan(plan, depsOf({ ...access, clock }, { journal, concurrency: 2 }));
    return { boundaries, sleeps, killed: false };
  } catch (error) {
    if (!(error instanceof Killed)) throw error;
    return { boundaries, sleeps, killed: true };
  }
}

it.each(Object.entries(scenarios))("%s: killed at every journal boundary, resumed, ends as predicted", async (name, scenario) => {
  const { boundaries } = await throughCrashes(scenario, name, () => undefined);
  expect(boundaries).toBeGreaterThan(10);
  for (let at = 0; at < boundaries; at++) {
    const { killed } = await throughCrashes(scenario, `${name} at boundary ${at}`, (attempt) =>
      attempt === 0 ? { journal: at } : undefined,
    );
    expect(killed).toBe(1);
  }
});

it("killed again and again at random moments, with answers that are lost or late and transfers that fail or stand still: ends as predicted", async () => {
  const seed = Number(process.env["RAGCTL_TEST_SEED"] ?? 4711);
  let crashes = 0;
  for (let round = 0; round < 24; round++) {
    const rng = seededRng(seed + round);
    const fates = Array.from({ length: 60 }, (): Fate =>
      rng() < 0.15 ? "fails" : rng() < 0.1 ? "stuck" : rng() < 0.1 ? "slow" : "good",
    );
    const replies = Array.from({ length: 60 }, (): Reply => (rng() < 0.12 ? "late" : rng() < 0.12 ? "lost" : "good"));
    const kills = Array.from({ length: 5 }, () =>
      rng() < 0.5 ? { journal: Math.floor(rng() * 12) } : { sleeps: Math.floor(rng() * 15) },
    );
    const names = Object.keys(scenarios);
    const scenario = scenarios[names[round % names.length]!]!;
    // Three failures in a row for one step are a reason to give up: not here.
    const fate = (n: number): Fate => (fates[n - 1] !== "good" && n > 0 ? "good" : (fates[n] ?? "good"));
    const reply = (n: number): Reply => (replies[n - 1] !== "good" && n > 0 ? "good" : (replies[n] ?? "good"));
    const { killed } = await throughCrashes(
      { ...scenario, recovers: round % 2 === 0 && scenario.lost === undefined },
      `seed ${seed + round}`,
      (attempt) => kills[attempt],
      { fate, reply },
    );
    crashes += killed;
  }
  expect(crashes).toBeGreaterThan(50);
});
