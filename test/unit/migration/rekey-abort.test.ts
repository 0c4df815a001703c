import { beforeEach, expect, test } from "vitest";
import { abortRekey, copyIdOf } from "../../../src/migration/rekey/apply.ts";
import type { RekeyDeps } from "../../../src/migration/rekey/contract.ts";
import { loadHashes } from "../../../src/sharding/hash.ts";
import { beginCopy, cutOverCopy, foundTable, pauseCopy } from "../../../src/sharding/native-table.ts";
import { physicalOf, type RoutingTable } from "../../../src/sharding/table.ts";
import type { Transition } from "../../../src/sharding/transitions.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";

const planId = "plan-1";
const copy = { id: `${copyIdOf(planId)}1`, physical: "docs@1", partitioner: { kind: "rendezvous", hash: "xxh32" } } as const;

beforeEach(loadHashes);

/** A copy in its pause, an abort of it, and what a mover that was long taken for dead does at some moment of that. */
async function world(moment: "while it waits" | "as it deletes") {
  const clock = new EventClock();
  const shared = new MemoryState();
  const state = memoryState(shared, clock);
  const change = async (how: (table: RoutingTable) => Transition) => {
    const after = how((await state.getTable("docs"))!);
    return "refused" in after ? after.refused : await state.compareAndSet(after.table);
  };
  await state.createTable(foundTable("docs", { size: 3, distance: "Cosine" }, { hash: "xxh32" }));
  await change((table) => beginCopy(table, copy));
  await change((table) => pauseCopy(table, copy.id));
  const deleted: string[] = [];
  const switched: unknown[] = [];
  const wake = async () => switched.push(await change((table) => cutOverCopy(table, copy.id, 1)));
  const control = {
    async deleteCollection(name: string) {
      if (moment === "as it deletes") await wake();
      deleted.push(name);
      return true;
    },
  };
  const deps = {
    collection: "docs",
    planId,
    state,
    clock,
    requestTimeoutMs: 400,
    signal: new AbortController().signal,
    fence: { ensure: () => {}, leaveUnclean: () => {} },
    journal: { record: () => {} },
    sender: { control: (ask: (node: { control: unknown }) => Promise<unknown>) => ask({ control }) },
  } as unknown as RekeyDeps;
  const aborted = abortRekey(deps).then(
    () => "aborted",
    (error: unknown) => error,
  );
  if (moment === "while it waits") void clock.sleep(100).then(wake);
  await clock.run(2_000);
  return { outcome: await aborted, deleted, switched, table: shared.table("docs")! };
}

test("a mover that wakes up as its copy is taken back cannot switch to it any more", async () => {
  const { outcome, deleted, switched, table } = await world("as it deletes");
  expect([outcome, deleted, switched]).toEqual(["aborted", ["docs@1"], ["the pause was ended"]]);
  expect([physicalOf(table), table.native]).toEqual(["docs", {}]);
});

test("what clients read by now is not taken back", async () => {
  const { outcome, deleted, switched, table } = await world("while it waits");
  expect([deleted, switched, physicalOf(table)]).toEqual([[], [true], "docs@1"]);
  expect(outcome).toMatchObject({ code: "copy-serves", exitCode: 5 });
});
