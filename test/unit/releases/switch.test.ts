import { expect, test } from "vitest";
import { rollback } from "../../../src/releases/rollback.ts";
import { releaseStatus } from "../../../src/releases/status.ts";
import { settle, switchAlias, withAlias, type SwitchDeps } from "../../../src/releases/switch.ts";
import { AliasWorld, newRelease, oldRelease, Process } from "./alias-world.ts";

const deps = (world: AliasWorld, process: Process): SwitchDeps => ({
  access: world.access(process),
  journal: () => undefined,
  signal: new AbortController().signal,
});

/** What an ingest does once its release is verified. */
function publish(world: AliasWorld, process: Process, replaces = false) {
  const { access, journal, signal } = deps(world, process);
  return withAlias(access, "docs", "test", async (lock) => {
    await settle(access, "docs", lock);
    return await switchAlias({ alias: "docs", to: newRelease, kind: "release", replaces }, { access, journal, signal }, lock);
  });
}

test("a switch takes every node to the new release", async () => {
  const world = new AliasWorld();
  const { value } = await world.run(publish(world, new Process()));
  expect(value).toEqual({
    alias: "docs",
    from: oldRelease,
    to: newRelease,
    decided: true,
    nodes: ["a", "b", "c"].map((id) => ({ id, state: "switched" })),
  });
  expect(world.served).toEqual([newRelease, newRelease, newRelease]);
  expect(world.record).toMatchObject({ collection: newRelease });
  expect(world.record.switch).toBeUndefined();
});

test("whatever the step at which the process dies, whoever comes next finds all nodes at the old release, or takes all to the new", async () => {
  const seen = { old: 0, new: 0, mixed: 0 };
  let steps = 0;
  for (let dieAt = 0; ; dieAt++) {
    const world = new AliasWorld();
    const first = new Process(dieAt);
    const { ended } = await world.run(publish(world, first), 5_000);
    if (ended) break;
    steps = dieAt;
    const found = new Set(world.served);
    if (found.size > 1) seen.mixed++;
    // Until the one decision, no node has been touched, and clients read the old one.
    if (world.record.collection === oldRelease) expect([...found], `died after step ${dieAt}`).toEqual([oldRelease]);
    const [status] = (await world.run(releaseStatus(world.access(new Process())))).value!;
    expect(world.record.switch, `died after step ${dieAt}`).toBeUndefined();
    expect(new Set(world.served), `died after step ${dieAt}`).toEqual(new Set([world.record.collection]));
    expect(status).toMatchObject({ alias: "docs", collection: world.record.collection, switching: null });
    expect(status!.nodes.map(({ problem }) => problem)).toEqual([null, null, null]);
    seen[world.record.collection === newRelease ? "new" : "old"]++;
  }
  expect(steps).toBeGreaterThan(30);
  expect(seen.old).toBeGreaterThan(10);
  expect(seen.new).toBeGreaterThan(10);
  expect(seen.mixed).toBeGreaterThan(0);
});

test("one that dies while it finishes what another left does no harm either", async () => {
  for (let second = 0; second < 40; second += 3) {
    const world = new AliasWorld();
    // Decided, and on no node yet.
    let dieAt = 0;
    for (; ; dieAt++) {
      const probe = new AliasWorld();
      await probe.run(publish(probe, new Process(dieAt)), 5_000);
      if (probe.record.collection === newRelease) break;
    }
    await world.run(publish(world, new Process(dieAt)), 5_000);
    await world.run(releaseStatus(world.access(new Process(second))), 5_000);
    await world.run(releaseStatus(world.access(new Process())), 60_000);
    expect(world.served).toEqual([newRelease, newRelease, newRelease]);
    expect(world.record.switch).toBeUndefined();
  }
});

test("a node that cannot prepare keeps everybody at the old release", async () => {
  const down = new AliasWorld();
  down.nodes.get("c")!.up = false;
  expect((await down.run(publish(down, new Process()))).error).toMatchObject({ code: "node-unreachable", exitCode: 3 });
  const lacking = new AliasWorld();
  lacking.nodes.get("b")!.collections.delete(newRelease);
  expect((await lacking.run(publish(lacking, new Process()))).error).toMatchObject({ code: "release-incomplete", exitCode: 7 });
  for (const world of [down, lacking]) {
    expect(world.served).toEqual([oldRelease, oldRelease, oldRelease]);
    expect(world.record).toMatchObject({ collection: oldRelease });
    expect(world.record.switch).toBeUndefined();
  }
});

test("a node that goes away after the decision gets its alias from whoever looks when it is back", async () => {
  const world = new AliasWorld();
  const { access, signal } = deps(world, new Process());
  const journal: SwitchDeps["journal"] = (name, phase) => {
    if (name === "decide" && phase === "end") world.nodes.get("c")!.up = false;
  };
  const { value } = await world.run(
    withAlias(access, "docs", "test", (lock) =>
      switchAlias({ alias: "docs", to: newRelease, kind: "release", replaces: false }, { access, journal, signal }, lock),
    ),
  );
  expect(value?.nodes.map(({ state }) => state)).toEqual(["switched", "switched", "waiting"]);
  expect(world.served).toEqual([newRelease, newRelease, oldRelease]);
  const [still] = (await world.run(releaseStatus(world.access(new Process())))).value!;
  expect(still).toMatchObject({ settled: "unfinished", switching: { done: ["a", "b"] } });
  world.nodes.get("c")!.up = true;
  const [back] = (await world.run(releaseStatus(world.access(new Process())))).value!;
  expect(back).toMatchObject({ settled: "finished", switching: null });
  expect(world.served).toEqual([newRelease, newRelease, newRelease]);
});

test("a collection of the alias's name is in the way, unless it is to be replaced; killed anywhere, it is one or the other in the end", async () => {
  const withCollection = () => {
    const world = new AliasWorld({ alias: null });
    for (const node of world.nodes.values()) node.collections.add("docs");
    world.shared.tables.set("docs", JSON.stringify({ ...world.shared.table(oldRelease)!, collection: "docs" }));
    world.shared.epochs.set("docs", 1);
    return world;
  };
  const refused = withCollection();
  expect((await refused.run(publish(refused, new Process()))).error).toMatchObject({ code: "alias-is-collection", exitCode: 7 });
  for (let dieAt = 0; ; dieAt += 2) {
    const world = withCollection();
    const { ended } = await world.run(publish(world, new Process(dieAt), true), 5_000);
    await world.run(releaseStatus(world.access(new Process())));
    const replaced = world.record.collection === newRelease;
    for (const { collections, aliases } of world.nodes.values()) {
      expect(collections.has("docs"), `died after step ${dieAt}`).toBe(!replaced);
      expect(aliases.get("docs")).toBe(replaced ? newRelease : undefined);
    }
    expect(world.shared.tables.has("docs")).toBe(!replaced);
    if (ended) {
      expect(replaced).toBe(true);
      break;
    }
  }
});

test("rollback goes back to what served before, then says that there is nothing further; --to names any that is kept", async () => {
  const world = new AliasWorld();
  await world.run(publish(world, new Process()));
  const back = (to?: string) => world.run(rollback({ alias: "docs", to }, deps(world, new Process())));
  expect((await back()).value).toMatchObject({ settled: null, switch: { from: newRelease, to: oldRelease } });
  expect(world.served).toEqual([oldRelease, oldRelease, oldRelease]);
  expect((await back()).error).toMatchObject({ code: "no-release-before", exitCode: 7 });
  expect((await back("2")).value).toMatchObject({ switch: { to: newRelease } });
  expect(world.served).toEqual([newRelease, newRelease, newRelease]);
});

test("rollback is refused to a release that missed writes somewhere", async () => {
  const world = new AliasWorld();
  await world.run(publish(world, new Process()));
  const table = world.shared.table(oldRelease)!;
  const stale = { ...table, nodes: { ...table.nodes, b: { ...table.nodes["b"]!, state: "stale" } } };
  world.shared.tables.set(oldRelease, JSON.stringify(stale));
  const { error } = await world.run(rollback({ alias: "docs", to: undefined }, deps(world, new Process())));
  expect(error).toMatchObject({ code: "release-stale", exitCode: 7 });
  expect(world.served).toEqual([newRelease, newRelease, newRelease]);
});
