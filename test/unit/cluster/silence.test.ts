import { describe, expect, test } from "vitest";
import { Silence, type Attempt } from "../../../src/cluster/silence.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { records, requestTimeoutMs, world } from "./world.ts";

/** A node that answers as told, and whoever waits for it. */
function watched(health: () => Promise<boolean>) {
  const clock = new EventClock();
  let lastAnswerUs = clock.monotonicUs();
  let usualUs = Number.NaN;
  const blamed: Attempt[] = [];
  const silence = new Silence({
    clock,
    lastAnswerUs: () => lastAnswerUs,
    usualUs: () => usualUs,
    health,
    onSilent: (suspects) => blamed.push(...suspects),
  });
  const attempt = (): Attempt => ({ beganUs: clock.monotonicUs(), beganMs: clock.nowMs(), blamed: false });
  const wait = (mine: Attempt) => {
    const patience = silence.watch(mine, 200);
    const heard = { silentAtMs: undefined as number | undefined, cancel: () => patience.cancel() };
    void patience.silent.then(() => (heard.silentAtMs = clock.nowMs()));
    return heard;
  };
  return {
    clock,
    silence,
    blamed,
    attempt,
    wait,
    answer: () => void (lastAnswerUs = clock.monotonicUs()),
    usually: (ms: number) => void (usualUs = ms * 1000),
  };
}

describe("whether a node hangs", () => {
  test("silent for the whole time, and its health too: everybody who waits hears of it", async () => {
    const { clock, attempt, wait, blamed } = watched(() => clock.sleep(100).then(() => false));
    const first = attempt();
    const began = clock.nowMs();
    const one = wait(first);
    await clock.run(250);
    const two = wait(attempt());
    await clock.run(100);
    expect(one.silentAtMs).toBe(began + 300);
    expect(two.silentAtMs).toBe(began + 300);
    expect(blamed).toEqual([first]);
  });

  test("a health that is answered condemns nobody, and is asked again", async () => {
    let asked = 0;
    const { clock, attempt, wait, blamed } = watched(() => Promise.resolve(++asked < 3));
    const one = wait(attempt());
    await clock.run(500);
    expect({ asked, silentAtMs: one.silentAtMs }).toEqual({ asked: 2, silentAtMs: undefined });
    await clock.run(150);
    expect(asked).toBe(3);
    expect(one.silentAtMs).toBeDefined();
    expect(blamed).toHaveLength(1);
  });

  test("an answer to anything puts the question off; one while the health is asked settles it", async () => {
    const { clock, attempt, wait, answer, blamed } = watched(() => clock.sleep(100).then(() => false));
    const one = wait(attempt());
    for (let i = 0; i < 10; i++) {
      await clock.run(150);
      answer();
    }
    await clock.run(250);
    answer();
    await clock.run(100);
    expect(one.silentAtMs).toBeUndefined();
    expect(blamed).toEqual([]);
  });

  test("a node that usually takes long is given longer: five times as long", async () => {
    const { clock, silence, attempt, wait, usually, blamed } = watched(() => Promise.resolve(false));
    usually(100);
    const mine = attempt();
    const one = wait(mine);
    await clock.run(450);
    silence.suspect(mine);
    expect({ silentAtMs: one.silentAtMs, blamed }).toEqual({ silentAtMs: undefined, blamed: [] });
    await clock.run(100);
    expect(one.silentAtMs).toBeDefined();
  });

  test("a process that was held up itself does not blame the node for what it could not hear", async () => {
    const { clock, attempt, wait } = watched(() => Promise.resolve(false));
    const one = wait(attempt());
    await clock.run(150);
    clock.stall(500);
    await clock.run(100);
    expect(one.silentAtMs).toBeUndefined();
    await clock.run(200);
    expect(one.silentAtMs).toBeDefined();
  });

  test("whoever has his answer is not looked after any more", async () => {
    let asked = 0;
    const { clock, attempt, wait } = watched(() => Promise.resolve(++asked < 0));
    const one = wait(attempt());
    await clock.run(150);
    one.cancel();
    await clock.run(1000);
    expect({ asked, silentAtMs: one.silentAtMs }).toEqual({ asked: 0, silentAtMs: undefined });
  });
});

describe("writes while a node hangs", () => {
  const three = { a: "serving", b: "serving", c: "serving" } as const;

  test("it is marked stale long before their time is up, and the next ones do not wait at all", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    await sim.until(client.upsert("docs", records(10)));
    sim.network.nodes.get("b")!.freeze();
    const beganMs = sim.clock.nowMs();
    const first = await sim.until(client.upsert("docs", records(10, 10)));
    const tookMs = sim.clock.nowMs() - beganMs;
    expect(first).toMatchObject({ failed: [], markedStale: ["b"] });
    expect(tookMs).toBeLessThan(requestTimeoutMs / 2);
    const again = sim.clock.nowMs();
    expect((await sim.until(client.upsert("docs", records(10, 20)))).failed).toEqual([]);
    expect(sim.clock.nowMs() - again).toBeLessThan(50);
  });

  test("where it is the last that serves, it is waited for: an answer in time acknowledges", async () => {
    const sim = await world({ a: "serving", b: "stale", c: "serving" });
    const client = await sim.connect();
    const a = sim.network.nodes.get("a")!;
    a.freeze();
    const write = client.upsert("docs", records(3));
    await sim.clock.run(0.8 * requestTimeoutMs);
    a.recover();
    expect(await sim.until(write)).toMatchObject({ failed: [], markedStale: [] });
    expect(sim.table().nodes["a"]).toMatchObject({ state: "serving" });
  });

  test("a node that is slow, and whose health answers, keeps its place", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    sim.network.nodes.get("b")!.delayMs = 0.8 * requestTimeoutMs;
    expect(await sim.until(client.upsert("docs", records(10)))).toMatchObject({ failed: [], markedStale: [] });
    expect(sim.table().nodes["b"]!.state).toBe("serving");
  });

  test("the client tells of it: silent, stale by its own write, and the ends of both", async () => {
    const told: string[] = [];
    const sim = await world(three, {
      onEvent: ({ kind, name, phase, detail }) => told.push(`${kind} ${name} ${phase}${detail.own ? " own" : ""}`),
    });
    const client = await sim.connect();
    const b = sim.network.nodes.get("b")!;
    b.freeze();
    await sim.until(client.upsert("docs", records(10)));
    b.recover();
    await sim.clock.run(2_000);
    sim.put({ nodes: { ...sim.table().nodes, b: { ...sim.table().nodes["b"]!, state: "serving" } } });
    await sim.clock.run(2_000);
    expect(told).toEqual([
      "silent b start",
      "breaker b start",
      "stale b start own",
      "silent b end",
      // Until it serves, nobody asks it: the first step waits for that.
      "half-open b start",
      "stale b end",
    ]);
    await sim.until(client.close());
  });

  test.each(["fetch", "search"] as const)(
    "a %s asks others once it is known, and does not wait for the node's end",
    async (what) => {
      const sim = await world(three);
      const client = await sim.connect();
      await sim.until(client.upsert("docs", records(20)));
      sim.network.nodes.get("b")!.freeze();
      const search = client.prepareSearch("docs", [1, 0, 0, 0], { k: 20 });
      const keys = records(20).map(({ key }) => key);
      const read = async () => (what === "fetch" ? await client.fetch("docs", keys) : (await client.search(search)).hits);
      const tookMs = async () => {
        const beganMs = sim.clock.nowMs();
        expect(await read()).toHaveLength(20);
        return sim.clock.nowMs() - beganMs;
      };
      // Those that ask it wait until it is slow; a writer that finds out sooner frees all of them.
      const slow = await sim.until(Promise.all(Array.from({ length: 10 }, tookMs)));
      expect(Math.max(...slow)).toBeGreaterThan(300);
      expect(Math.max(...slow)).toBeLessThan(0.6 * requestTimeoutMs);
      const reads = Promise.all(Array.from({ length: 10 }, tookMs));
      const write = client.upsert("docs", records(3, 20));
      expect(Math.max(...(await sim.until(reads)))).toBeLessThan(300);
      expect((await sim.until(write)).markedStale).toEqual(["b"]);
    },
  );

  test("and of breakers: open, the steps, closed; of searches that asked others instead, once a second", async () => {
    const told: string[] = [];
    const sim = await world(three, {
      onEvent: ({ kind, name, phase, detail }) =>
        told.push([kind, name, phase, detail.share ?? detail.count ?? ""].join(" ").trim()),
    });
    const client = await sim.connect();
    await sim.until(client.upsert("docs", records(30)));
    sim.network.nodes.get("b")!.freeze();
    const search = client.prepareSearch("docs", [1, 0, 0, 0], { k: 3 });
    // Many at once: one after the other, the balancer would ask others before the breaker has seen ten.
    for (let i = 0; i < 60; i++) void client.search(search).catch(() => undefined);
    await sim.clock.run(2_000);
    sim.network.nodes.get("b")!.recover();
    for (let i = 0; i < 5_000 && !told.includes("breaker b end"); i++) {
      void client.search(search).catch(() => undefined);
      await sim.clock.run(20);
    }
    const breaker = told.filter((each) => /^(breaker|half-open)/.test(each));
    expect(breaker).toEqual([
      "breaker b start",
      "half-open b start 0.1",
      "half-open b end",
      "half-open b start 0.5",
      "half-open b end",
      "breaker b end",
    ]);
    await sim.until(client.close());
    const hedges = told.filter((each) => each.startsWith("hedge b"));
    expect(hedges.length % 2).toBe(0);
    expect(hedges.filter((each) => each === "hedge b start")).toHaveLength(hedges.length / 2);
    expect(hedges.every((each) => each.endsWith("start") || Number(each.split(" ")[3]) > 0)).toBe(true);
  });

  test("with breakers off nothing of it happens: every write waits for its end", async () => {
    const told: string[] = [];
    const sim = await world(three, { routing: { breaker: "off" }, onEvent: ({ kind }) => told.push(kind) });
    const client = await sim.connect();
    sim.network.nodes.get("b")!.freeze();
    const beganMs = sim.clock.nowMs();
    expect((await sim.until(client.upsert("docs", records(10)))).markedStale).toEqual(["b"]);
    expect(sim.clock.nowMs() - beganMs).toBeGreaterThanOrEqual(requestTimeoutMs);
    expect(told).toEqual(["stale"]);
  });
});
