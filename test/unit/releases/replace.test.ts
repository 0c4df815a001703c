import { expect, test } from "vitest";
import { beginBuild, type BuildDeps } from "../../../src/releases/build.ts";
import { loadHashes } from "../../../src/sharding/hash.ts";
import { foundTable } from "../../../src/sharding/native-table.ts";
import type { NativeTable } from "../../../src/sharding/table.ts";
import { AliasWorld, Process } from "./alias-world.ts";

const spec = { alias: "docs", id: "3", keep: 1, replaceCollection: true, minRecall: 0, queries: 0, indexPatienceMs: 0 };
const partitioner = { kind: "rendezvous", hash: "xxh32" } as const;

test.each<[string, NativeTable, string | undefined]>([
  ["cells that nothing is done to", {}, undefined],
  ["a copy under way", { copy: { id: "p~1", physical: "docs@1", partitioner, phase: "copying", pause: 0 } }, "plan-in-flight"],
  ["what served before and is not dropped", { left: "docs@0" }, "plan-in-flight"],
])("a native collection gives way to a release: %s", async (_what, native, code) => {
  await loadHashes();
  const world = new AliasWorld({ alias: null });
  const table = { ...foundTable("docs", { size: 3, distance: "Cosine" }, { hash: "xxh32" }), native, epoch: 1 };
  world.shared.tables.set("docs", JSON.stringify(table));
  world.shared.epochs.set("docs", 1);
  const access = world.access(new Process());
  const deps = { access, journal: () => undefined, signal: new AbortController().signal } as unknown as BuildDeps;
  const { value, error } = await world.run(beginBuild(spec, deps));
  if (code === undefined) await world.run(value!.close());
  else expect(error).toMatchObject({ code, exitCode: 7 });
  expect(value?.collection).toBe(code === undefined ? "docs-3" : undefined);
});
