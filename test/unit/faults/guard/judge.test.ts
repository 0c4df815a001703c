import { beforeAll, describe, expect, test } from "vitest";
import { blastRadius, refusalOf } from "../../../../src/faults/guard/check.ts";
import type { GuardInput, Observation } from "../../../../src/faults/guard/contract.ts";
import { judgeFault } from "../../../../src/faults/guard/judge.ts";
import { nodesAllowed, parseMaxBlast } from "../../../../src/faults/guard/max-blast.ts";
import { loadHashes } from "../../../../src/sharding/index.ts";
import { fakeRuntime } from "../../../helpers/fake-runtime.ts";
import { temporaryDir } from "../helpers.ts";
import { clusterOf, inputOf, nativeOf, observed, tableOf } from "./helpers.ts";

beforeAll(() => loadHashes());

const codes = (input: GuardInput, seen: Observation) => judgeFault(input, seen).refusals.map(({ code }) => code);
const messages = (input: GuardInput, seen: Observation) => judgeFault(input, seen).refusals.map(({ message }) => message);
const three = observed({ tables: [tableOf(3, 2)] });

describe("routed", () => {
  test("one of three with two replicas: nothing stands against it", () => {
    expect(codes(inputOf(["n2"]), three)).toEqual([]);
  });
  test("a second node, when it holds the last replica: the share, the hashes, and who is down already", () => {
    const [last, , whole] = messages(inputOf(["n3"]), { ...three, silent: ["n2"], others: [active("n2")] });
    expect(last).toMatch(
      /^without n3, [\d.]+ % of docs \(hashes \d+ to \d+, and \d+ more ranges\) would have no serving owner \(n2 is down already\)$/,
    );
    expect(whole).toContain("kill-node is active on n2 (kill-node-x)");
  });
  test("quorum says how many owners reads need", () => {
    const cluster = clusterOf(4, { routing: { consistency: "quorum" } as never });
    const seen = observed({ tables: [tableOf(4, 3, { n2: "stale" })] });
    expect(messages(inputOf(["n1"], { cluster, allowDegraded: true }), seen)).toEqual([
      expect.stringMatching(/^without n1, .* of docs .* would have fewer than 2 serving owners, which reads need$/),
    ]);
  });
  test("an own fault that lasts counts as down and is no surprise", () => {
    const seen = { ...three, silent: ["n2"], own: [active("n2")] };
    expect(codes(inputOf(["n3"]), seen)).toEqual(["last-replica", "max-blast"]);
  });
  test("an own fault that only weakens takes nobody away", () => {
    const own = [{ ...active("n2"), fault: "latency", silences: false }];
    expect(codes(inputOf(["n3"], { maxBlast: { count: 2 } }), { ...three, own })).toEqual([]);
  });
  test("a fault that weakens is judged by its reach alone", () => {
    expect(codes(inputOf(["n1", "n2", "n3"], { impact: "weakens" }), three)).toEqual(["max-blast"]);
  });
  test("a fault of the cache touches no node", () => {
    const radius = judgeFault(inputOf([], { impact: "cache", fault: "cache-down" }), three);
    expect(radius).toMatchObject({ refusals: [], touched: { nodes: 0 } });
  });
});

describe("a cluster that is not whole", () => {
  const moving = tableOf(3, 2);
  moving.moves = [
    { id: "m", selector: { kind: "ranges", ranges: [[0, 9]] }, from: "n1", to: "n2", phase: "announced", pause: 0 },
  ];
  const repairing = { ...moving, moves: [{ ...moving.moves[0]!, repair: true }] };
  const joining = tableOf(3, 2);
  joining.nodes["n4"] = { url: "http://n4", weight: 1, state: "joining" };
  test.each([
    ["a silent node", { silent: ["n1"] }, /n1 does not answer/],
    ["a stale node", { tables: [tableOf(3, 3, { n1: "stale" })] }, /n1 is stale in docs/],
    ["moves in flight", { tables: [moving] }, /docs has 1 move in flight/],
    ["a dead cache", { cacheProblem: "the cache at redis://x could not be reached" }, /the cache at redis:\/\/x/],
  ] satisfies [string, Partial<Observation>, RegExp][])("%s", (_name, more, message) => {
    const seen = observed({ tables: [tableOf(3, 3)], ...more });
    const refusals = judgeFault(inputOf(["n3"]), seen).refusals;
    expect(refusals.map(({ code }) => code)).toEqual(["cluster-degraded"]);
    expect(refusals[0]!.message).toMatch(message);
    expect(codes(inputOf(["n3"], { allowDegraded: true }), seen)).toEqual([]);
  });
  test.each([
    ["a node that has joined and owns nothing yet", joining],
    ["a repair, whose node is what is stale", repairing],
  ])("%s is none", (_name, table) => {
    expect(codes(inputOf(["n3"]), observed({ tables: [table] }))).toEqual([]);
  });
});

describe("native", () => {
  const cluster = clusterOf(3, { topology: "native" });
  const judge = (nodes: string[], native: ReturnType<typeof nativeOf>, more: Partial<Observation> = {}) =>
    judgeFault(inputOf(nodes, { cluster, allowDegraded: true, maxBlast: { share: 1 } }), observed({ native, ...more }));
  test("every shard has another active replica: nothing stands against it", () => {
    const radius = judge(["n2"], nativeOf(3, [[1, 2], [2, 3], [3, 1]])); // prettier-ignore
    expect(radius.refusals).toEqual([]);
    expect(radius.consensus).toEqual({ peers: 3, left: 2, needed: 2 });
    expect(radius.collections[0]!.affected).toEqual({ share: 2 / 3, shards: [0, 1] });
    expect(radius.collections[0]!.reads).toEqual([
      { node: "n1", before: expect.closeTo(1 / 3, 9), after: expect.closeTo(1 / 2, 9) },
      { node: "n2", before: expect.closeTo(1 / 3, 9), after: 0 },
      { node: "n3", before: expect.closeTo(1 / 3, 9), after: expect.closeTo(1 / 2, 9) },
    ]);
  });
  test("the last active replica, by the shard's id; a dead one is none", () => {
    const native = nativeOf(3, [[1, 2], [2, 3], [2]], { "1@n3": "Dead" }); // prettier-ignore
    expect(judge(["n2"], native).refusals).toMatchObject([
      { code: "last-replica", message: "without n2, shards 1 and 2 of docs would have no active replica" },
    ]);
  });
  test("no majority of peers", () => {
    const { refusals } = judge(["n2"], nativeOf(3, [[1]]), { silent: ["n3"] });
    expect(refusals).toMatchObject([
      { code: "consensus-lost", message: "without n2, 1 of 3 peers would be left, and consensus needs 2" },
    ]);
  });
  test("peers that the config does not name cannot be vouched for", () => {
    const native = nativeOf(3, [[1]]);
    native.voters = [...native.voters, 900, 901];
    expect(judge(["n2"], native).refusals.map(({ code }) => code)).toEqual(["consensus-lost"]);
  });
  test("replicas that are not active, and transfers, make it degraded", () => {
    const native = nativeOf(3, [[1, 2], [2, 3]], { "1@n3": "Partial" }); // prettier-ignore
    native.collections[0]!.view.transfers = [{ shardId: 0, from: 101, to: 103, sync: true }];
    const { refusals } = judgeFault(inputOf(["n1"], { cluster }), observed({ native }));
    expect(refusals).toMatchObject([
      {
        code: "cluster-degraded",
        message: expect.stringMatching(/shard 1 of docs is Partial on n3; docs has 1 transfer in flight/),
      },
    ]);
  });
});

describe("--max-blast", () => {
  test.each([
    [undefined, 1, 1],
    [undefined, 2, 1],
    [undefined, 3, 1],
    [undefined, 4, 2],
    ["50%", 1, 0],
    ["34%", 3, 1],
    ["0.29", 100, 29],
    ["2", 3, 2],
    ["100%", 5, 5],
  ] as const)("%s of %i nodes is %i", (text, total, allowed) => {
    expect(nodesAllowed(text === undefined ? undefined : parseMaxBlast(text), total)).toBe(allowed);
  });
  test.each(["0", "", "half", "-1", "150%", "1.5"])("%j is refused", (text) => {
    expect(() => parseMaxBlast(text)).toThrow(/expected/);
  });
});

test("every reason at once, with the blast radius; --dry-run tells the same and throws nothing", async () => {
  const runtime = fakeRuntime({ cwd: temporaryDir() });
  const deps = { runtime, observe: async () => observed({ tables: [tableOf(3, 1)], silent: ["n1"] }) };
  const input = inputOf(["n2", "n3"]);
  const radius = await blastRadius(input, deps);
  expect(refusalOf(radius)).toMatchObject({
    exitCode: 7,
    code: "last-replica",
    message: expect.stringMatching(
      /^3 reasons against it:\n {2}without n2 and n3, .*\n {2}faults would act on 2 of 3 nodes.*\n {2}cluster test is not whole/,
    ),
    hint: expect.stringContaining("--max-blast 2"),
    details: radius,
  });
  expect(refusalOf(judgeFault(inputOf(["n2"]), three))).toBeUndefined();
});

function active(node: string) {
  return { id: "kill-node-x", fault: "kill-node", node, silences: true };
}
