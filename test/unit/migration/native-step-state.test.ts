import { describe, expect, it } from "vitest";
import { progressMark, transferProgress } from "../../../src/migration/native/progress.ts";
import { stepState } from "../../../src/migration/native/step-state.ts";
import type { NativeTransfer } from "../../../src/sharding/native/index.ts";
import type { ShardStep } from "../../../src/sharding/plan/contract.ts";
import { replicaStates } from "../../../src/stores/contract.ts";
import { clusterOf } from "../sharding/native-clusters.ts";

const step = (kind: ShardStep["kind"], to?: string, copiesDuring = 1): ShardStep => ({
  id: "s1",
  kind,
  shardId: 0,
  from: "q1",
  ...(to !== undefined && { to }),
  points: 100,
  bytes: 1000,
  copiesDuring,
});
const move = step("move-shard", "q2");
const copy = step("replicate-shard", "q2");
const transfer = (from: string, to: string, sync: boolean, shardId = 0): NativeTransfer => ({ shardId, from, to, sync });

/** What is next, in a word: the state, with the action or the reason. */
function next(
  of: ShardStep,
  on: string[],
  more: { nodes?: string[]; transfers?: NativeTransfer[]; resharding?: boolean } = {},
): string {
  const { nodes = ["q1", "q2", "q3"], transfers = [], resharding = false } = more;
  const state = stepState(of, { ...clusterOf({ nodes, shards: [on, ["q3"]], transfers }), resharding });
  if (state.kind === "ready")
    return `${state.action.kind} ${state.action.from}${"to" in state.action ? `>${state.action.to}` : ""}`;
  return state.kind === "blocked" ? state.code : state.kind;
}

describe("what is next for a step", () => {
  it.each<[string, ShardStep, string[], Parameters<typeof next>[2], string]>([
    ["a move that has not begun", move, ["q1"], {}, "move q1>q2"],
    ["one that runs", move, ["q1", "q2:Recovery"], { transfers: [transfer("q1", "q2", false)] }, "running"],
    [
      "one that somebody makes a copy for",
      move,
      ["q1", "q2:Recovery", "q3"],
      { transfers: [transfer("q3", "q2", true)] },
      "running",
    ],
    [
      "one whose target somebody moves another replica to",
      move,
      ["q1", "q2:Recovery", "q3"],
      { transfers: [transfer("q3", "q2", false)] },
      "busy",
    ],
    ["one that is done", move, ["q2"], {}, "done"],
    ["one that made a copy, and whose source is there yet", move, ["q1", "q2"], {}, "drop q1"],
    [
      "one whose target has a dead replica: a failed move would take it away, a copy heals it",
      move,
      ["q1", "q2:Dead"],
      {},
      "replicate q1>q2",
    ],
    ["one whose source is dead", move, ["q1:Dead", "q3"], {}, "source-not-active"],
    ["one whose source is silent", move, ["q1"], { nodes: ["q1!", "q2"] }, "source-not-active"],
    ["one whose target is silent", move, ["q1"], { nodes: ["q1", "q2!"] }, "node-unreachable"],
    ["one whose shard went elsewhere", move, ["q3"], {}, "shard-elsewhere"],
    ["one whose target is not active yet", move, ["q2:Partial"], {}, "target-not-active"],
    ["another transfer of the shard", move, ["q1", "q3:Partial"], { transfers: [transfer("q1", "q3", true)] }, "busy"],
    ["a transfer of another shard", move, ["q1"], { transfers: [transfer("q3", "q2", true, 1)] }, "move q1>q2"],
    ["a collection that is resharded", move, ["q1"], { resharding: true }, "resharding"],
    ["a copy that has not begun", copy, ["q1"], {}, "replicate q1>q2"],
    ["one that is done", copy, ["q1", "q2"], {}, "done"],
    ["one whose source is dead, with another", copy, ["q1:Dead", "q3"], {}, "replicate q3>q2"],
    ["one without any source", copy, ["q1:Partial"], {}, "source-not-active"],
    ["one whose only source is where it goes", copy, ["q1:Dead", "q2:Dead"], {}, "source-not-active"],
    ["a drop", step("drop-replica"), ["q1", "q2"], {}, "drop q1"],
    ["of a dead one", step("drop-replica"), ["q1:Dead", "q2"], {}, "drop q1"],
    ["that is done", step("drop-replica"), ["q2"], {}, "done"],
    ["of the last", step("drop-replica"), ["q1"], {}, "last-replica"],
    ["of the last that is active", step("drop-replica"), ["q1", "q2:Dead", "q3:Partial"], {}, "last-replica"],
    ["of the last on a node that answers", step("drop-replica"), ["q1", "q2"], { nodes: ["q1", "q2!"] }, "last-replica"],
    ["of the last, a dead one: it may be all there is", step("drop-replica"), ["q1:Dead"], {}, "last-replica"],
    [
      "that leaves fewer than the plan counts on",
      step("drop-replica", undefined, 2),
      ["q1", "q2", "q3:Dead"],
      {},
      "too-few-copies",
    ],
    [
      "while a transfer of another shard uses the node",
      step("drop-replica"),
      ["q1", "q2"],
      { transfers: [transfer("q3", "q1", true, 1)] },
      "busy",
    ],
  ])("%s", (_what, of, on, more, expected) => {
    expect(next(of, on, more)).toBe(expected);
  });

  it.each(replicaStates.map((state) => [state]))(
    "a target in state %s is never moved onto, and copied to only where nobody is at work",
    (state) => {
      const expected = {
        Active: "done",
        ManualRecovery: "target-in-use",
        ActiveRead: "target-in-use",
        Resharding: "target-in-use",
        ReshardingScaleDown: "target-in-use",
        Listener: "target-in-use",
      };
      expect(next(copy, ["q1", `q2:${state}`])).toBe(expected[state as keyof typeof expected] ?? "replicate q1>q2");
      expect(next(move, ["q1", `q2:${state}`])).not.toContain("move");
    },
  );

  it.each(replicaStates.filter((state) => state !== "Active").map((state) => [state]))(
    "a source in state %s is not copied from",
    (state) => {
      expect(next(copy, [`q1:${state}`])).toBe("source-not-active");
      expect(next(move, [`q1:${state}`])).toBe("source-not-active");
    },
  );
});

describe("progress of a transfer", () => {
  const look = clusterOf({ nodes: ["q1", "q2"], shards: [["q1", "q2:Partial"]], points: [1000] });
  const at = (comment: string, points = 0): [NativeTransfer, typeof look] => {
    const now = structuredClone(look);
    now.shards[0]!.replicas[1]!.points = points;
    return [{ ...transfer("q1", "q2", true), method: "stream_records", comment }, now];
  };
  const older = (done: number, seconds: number) =>
    `Transferring records (${done}/1000), started ${seconds}s ago, ETA: ${seconds}.25s`;
  const newer = (stage: string, seconds: string, done: number) =>
    `${stage} (${seconds}s) | Transferring records (${done}/1000), ETA: 11.80s | read: ${seconds}s, send: 2.10s`;

  it("is what was sent, what arrived, or another stage; never time alone", () => {
    const mark = (comment: string, points?: number) => progressMark(...at(comment, points));
    expect(mark(older(10, 3))).toBe(mark(older(10, 99)));
    expect(mark(newer("transferring", "8.21", 10))).toBe(mark(newer("transferring", "9.99", 10)));
    expect(mark(older(10, 3))).not.toBe(mark(older(11, 3)));
    expect(mark(newer("creating snapshot", "8.21", 0))).not.toBe(mark(newer("recovering", "8.21", 0)));
    expect(mark("", 5)).not.toBe(mark("", 6));
  });

  it("in points: as the sender says, else as the target holds", () => {
    expect(transferProgress(...at(older(400, 3)))).toEqual({ points: 400, total: 1000 });
    expect(transferProgress(...at(newer("transferring", "8.21", 41)))).toEqual({ points: 41, total: 1000 });
    expect(transferProgress(...at("creating snapshot (8.21s)", 70))).toEqual({ points: 70, total: 1000 });
  });
});
