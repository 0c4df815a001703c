import { expect, test } from "vitest";
import type { ShardStatusResult } from "../../../src/planning/result.ts";
import { shardStatusReport } from "../../../src/report/shard-status.ts";
import { makeStyle } from "../../../src/report/style.ts";

test("a collection that the nodes call otherwise is described in 80 columns", () => {
  const [collection, physical] = ["help-centre", "help-centre@20260101-000000-test"];
  const node = {
    id: "n1",
    state: "serving" as const,
    quiet: false,
    weight: 1,
    zone: null,
    share: 1,
    points: 10,
    url: "http://n1",
  };
  const placement = `8 cells of model 0123456789ab, placed by size · ${physical} on the nodes`;
  const about = { epoch: 7, replicas: 2, maxOverMean: 1, unservedShare: 0, moves: [] };
  const status: ShardStatusResult = {
    cluster: "local",
    topology: "routed",
    tables: [{ collection, placement, nodes: [node], ...about }],
    locks: [],
    clients: 0,
    native: null,
  };
  const lines = shardStatusReport(status, makeStyle({ color: true, columns: 80 })).split("\n");
  expect(lines.slice(0, 2)).toEqual([
    `\u001B[1m${collection}\u001B[22m · epoch 7 · 2 replicas · 8 cells of model 0123456789ab, placed by`,
    `  size · ${physical} on the nodes`,
  ]);
});
