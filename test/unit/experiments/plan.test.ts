import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import chaosRun from "../../../commands/chaos/run.ts";
import { resolveCluster } from "../../../src/config/resolve.ts";
import type { RagctlError } from "../../../src/errors.ts";
import { stagesOf } from "../../../src/experiments/load.ts";
import { judgeObjective, parseObjective } from "../../../src/experiments/objectives.ts";
import { prepareExperiment } from "../../../src/experiments/prepare.ts";
import { readExperiment, shippedExperiments } from "../../../src/experiments/profile/read.ts";
import type { Step } from "../../../src/experiments/profile/step.ts";
import { planTimeline } from "../../../src/experiments/timeline.ts";
import { experimentVerdict } from "../../../src/experiments/verdict.ts";
import { fakeRuntime } from "../../helpers/fake-runtime.ts";
import { tempDir } from "../../helpers/temp-dir.ts";

const search = { executor: "constant-arrival-rate", rate: "100/s", operation: { kind: "search" } };
const profile = (more: object = {}) => ({
  load: { scenarios: { search } },
  setup: {},
  steadyState: { thresholds: { errors: "rate<1%" }, before: "10s" },
  method: [{ fault: "kill-node", nodes: ["n1"] }],
  ...more,
});

async function clusterOf(nodes = 4, zones = ["a", "b"]) {
  const cwd = tempDir({
    "ragctl.config.yaml": stringify({
      clusters: {
        test: {
          topology: "routed",
          store: { driver: "qdrant" },
          nodes: Array.from({ length: nodes }, (_, at) => ({
            id: `n${at + 1}`,
            url: `http://127.0.0.1:${1000 + at}`,
            zone: zones[at % zones.length],
          })),
          routing: { replicas: 2 },
        },
      },
    }),
  });
  return await resolveCluster(fakeRuntime({ cwd }), { config: undefined, cluster: undefined });
}

async function prepared(more: object = {}, options: Parameters<typeof prepareExperiment>[2] = {}) {
  const cwd = tempDir({ "x.yaml": stringify(profile(more)) });
  return prepareExperiment(await readExperiment(cwd, "x.yaml"), await clusterOf(), options);
}

const problemsOf = async (work: Promise<unknown>): Promise<{ line?: number; path?: string; message: string }[]> => {
  const error = await work.then(
    () => undefined,
    (thrown: RagctlError) => thrown,
  );
  return (error?.details ?? []) as never;
};

describe("what shall stop it", () => {
  test("is watched on the experiment's own collection", async () => {
    const { stopOn } = await prepared({ setup: {}, stopIf: ["errors>5%", "p99>2s"], stopCommand: "true" });
    expect(stopOn).toMatchObject({ command: "true", collection: "ragctl-chaos" });
    expect(stopOn?.limits.map(({ condition }) => condition)).toEqual(["errors>5%", "p99>2s"]);
    expect((await prepared()).stopOn).toBeUndefined();
  });

  test("says so where it makes no sense, or where the cluster has no objectives", async () => {
    const problems = await problemsOf(prepared({ stopIf: ["errors<5%", "objectives"] }));
    expect(problems).toMatchObject([
      { path: "stopIf", message: expect.stringContaining('"errors<5%" would be errors>=5%') },
      { path: "stopIf", message: expect.stringContaining("no objectives") },
    ]);
  });
});

describe("reading", () => {
  test("every mistake at once, with lines", async () => {
    const cwd = tempDir({
      "x.yaml": `load:
  scenarios:
    search: { executor: constant-arrival-rate, rate: fast, operation: { kind: search } }
steadyState:
  thresholds: { errors: "rte<1%" }
  befor: 5s
method:
  - { fault: kil-node, nodes: [n1] }
  - { fault: kill-node }
  - { fault: kill-node, nodes: [n1], zone: a }
  - { wait: soon }
  - { wait: 5s, scale: 2 }
  - { wait: 5s, for: 3s }
  - {}
objectives: ["recover>3s", "lost<=0"]
`,
    });
    const problems = await problemsOf(readExperiment(cwd, "x.yaml"));
    expect(problems.map(({ line, path, message }) => `${line} ${path}: ${message}`)).toMatchInlineSnapshot(`
      [
        "3 load.scenarios.search.rate: expected a rate above zero such as 500, 500/s or 30/m, got "fast"",
        "5 steadyState.thresholds.errors: errors takes rate, as in "errors: rate<0.1%", got "rte<1%"",
        "6 steadyState.befor: unknown key "befor"; did you mean "before"?",
        "8 method[0].fault: there is no fault "kil-node"; did you mean "kill-node"?",
        "9 method[1].fault: expected nodes, zone or random beside it",
        "10 method[2].zone: does not go with nodes: say one of nodes, zone, random",
        "11 method[3].wait: expected a duration, or {until: healed | serving | steady}, got "soon"",
        "12 method[4]: expected exactly one of fault, wait, scale, warm, ragctl, command, got wait and scale",
        "13 method[5].for: does not go with wait",
        "14 method[6]: expected exactly one of fault, wait, scale, warm, ragctl, command",
        "15 objectives[0]: recover takes <, got "recover>3s"",
      ]
    `);
  });

  test("the load by name, by file beside the experiment, and in place, where how long is not to be said", async () => {
    const cwd = tempDir({
      "a.yaml": stringify(profile({ load: "steady" })),
      "sub/b.yaml": stringify(profile({ load: "mine.yaml" })),
      "sub/mine.yaml": stringify({ scenarios: { own: { ...search, duration: "5s" } } }),
      "c.json": JSON.stringify(profile()),
      "d.ts": `export default ${JSON.stringify(profile())}`,
    });
    expect((await readExperiment(cwd, "a.yaml")).load.name).toBe("steady");
    expect(Object.keys((await readExperiment(cwd, "sub/b.yaml")).load.profile.scenarios)).toEqual(["own"]);
    for (const file of ["c.json", "d.ts"]) expect((await readExperiment(cwd, file)).profile.method).toHaveLength(1);
    expect(await problemsOf(readExperiment(cwd, "nope"))).toMatchObject([
      { message: expect.stringContaining('no profile "nope"') },
    ]);
  });

  test("a fault's options are those of its own schema", async () => {
    const cwd = tempDir({
      "x.yaml": stringify(profile({ method: [{ fault: "latency", nodes: ["n1"], with: { delay: "slow", dela: 1 } }] })),
    });
    const problems = await problemsOf(readExperiment(cwd, "x.yaml"));
    expect(problems.map(({ path }) => path)).toEqual(expect.arrayContaining(["method[0].with.dela", "method[0].with.delay"]));
  });
});

describe("shipped experiments", () => {
  test.each(shippedExperiments())("%s can be read, and fits a cluster of four nodes in two zones", async (name) => {
    const read = await readExperiment("/", name);
    expect(read.profile.description).toBeTruthy();
    const cluster = await clusterOf();
    const withCache = {
      ...cluster,
      cache: {
        driver: "redis" as const,
        url: "redis://127.0.0.1:1",
        namespace: "rag",
        resultTtl: 1,
        embeddingTtl: 1,
        maxBytes: 1,
      },
    };
    expect(prepareExperiment(read, withCache).timeline.steps.length).toBeGreaterThan(0);
  });
});

describe("preparing", () => {
  test("what the cluster lacks, and who is not there, with lines", async () => {
    const problems = await problemsOf(
      prepared({
        needs: { nodes: 9, zones: 3, cache: true },
        method: [
          { fault: "kill-node", nodes: ["n7"] },
          { fault: "hang", zone: "c" },
        ],
      }),
    );
    expect(problems.map(({ message }) => message)).toEqual([
      "this experiment needs 9 nodes, and cluster test has 4",
      "this experiment needs 3 zones, and cluster test has 2",
      expect.stringContaining("ragctl up --cache redis"),
      expect.stringContaining('no node "n7"'),
      expect.stringContaining('zone "c"'),
    ]);
  });

  test("chance is seeded: the same seed, the same nodes; a minority of four is one", async () => {
    const method = [
      { fault: "kill-node", random: 2 },
      { fault: "hang", random: "minority" },
      { fault: "hang", zone: "any" },
    ];
    const aims = async (seed: number) =>
      (await prepared({ method }, { seed })).timeline.steps.map(({ step }) => (step.kind === "fault" ? step.aim : {}));
    expect(await aims(1)).toEqual(await aims(1));
    const all = await Promise.all(Array.from({ length: 20 }, (_, seed) => aims(seed)));
    expect(new Set(all.map((each) => JSON.stringify(each))).size).toBeGreaterThan(5);
    for (const [two, minority, zone] of all) {
      expect(two!.nodes).toHaveLength(2);
      expect(minority!.nodes).toHaveLength(1);
      expect(["a", "b"]).toContain(zone!.zone);
    }
  });

  test("the load lasts as long as the experiment may, with its scaling, on the experiment's own collection, judged for recall", async () => {
    const { load, methodAtMs, totalMs } = await prepared({
      steadyState: { thresholds: { errors: "rate<1%", "recall@10": "mean>0.9" }, before: "10s" },
      method: [{ wait: "5s" }, { scale: 3, over: "2s" }, { wait: "4s" }, { scale: 1 }],
    });
    expect(load.profile.scenarios["search"]).toMatchObject({
      executor: "ramping-arrival-rate",
      startRate: 100,
      operation: { kind: "search", collection: "ragctl-chaos", recall: { at: [10] } },
      stages: [
        { duration: methodAtMs + 5000, target: 100 },
        { duration: 2000, target: 300 },
        { duration: 2000, target: 300 },
        { duration: 0, target: 100 },
        { duration: totalMs - methodAtMs - 9000, target: 100 },
      ],
    });
    expect(load.profile.thresholds).toEqual({});
  });

  test.each([
    [
      "a load that ends by itself",
      { load: { scenarios: { search: { executor: "shared-iterations", iterations: 5, operation: { kind: "search" } } } } },
      /load that goes on/,
    ],
    ["scaling at an unknown time", { method: [{ ragctl: "status" }, { scale: 2 }] }, /give it `at`/],
    ["a threshold about nobody", { steadyState: { thresholds: { "upsert.errors": "rate<1%" } } }, /no scenario and no kind/],
  ])("%s is refused", async (_name, more, message) => {
    expect((await problemsOf(prepared(more))).map((problem) => problem.message).join("\n")).toMatch(message);
  });

  test("an existing collection takes the place of one of its own", async () => {
    const { setup, load } = await prepared({}, { collection: "docs" });
    expect(setup).toBeUndefined();
    expect(load.profile.scenarios["search"]!.operation).toMatchObject({ collection: "docs" });
  });
});

describe("the timeline", () => {
  const fault = (more: object = {}): Step => ({
    kind: "fault",
    fault: "kill-node",
    aim: { nodes: ["n1"] },
    forMs: 10_000,
    options: {},
    rolling: false,
    ...more,
  });
  const wait = (ms: number): Step => ({ kind: "wait", ms });
  const until: Step = { kind: "until", until: "healed", atMostMs: 60_000 };
  test.each<[string, Step[], [number, boolean][], number]>([
    [
      "faults hold nothing up",
      [fault(), wait(4000), fault()],
      [
        [0, true],
        [0, true],
        [4000, true],
      ],
      14_000,
    ],
    [
      "what takes as long as it takes makes what follows inexact",
      [fault(), until, wait(1000)],
      [
        [0, true],
        [0, true],
        [60_000, false],
      ],
      61_000,
    ],
    [
      "a moment of its own is exact again",
      [until, { kind: "scale", factor: 2, overMs: 0, atMs: 90_000 }],
      [
        [0, true],
        [90_000, true],
      ],
      90_000,
    ],
    [
      "a moment that may be over by then is not",
      [until, { kind: "scale", factor: 2, overMs: 0, atMs: 30_000 }],
      [
        [0, true],
        [60_000, false],
      ],
      60_000,
    ],
    [
      "scaling goes on beside the next step",
      [{ kind: "scale", factor: 2, overMs: 5000 }, wait(1000)],
      [
        [0, true],
        [0, true],
      ],
      5000,
    ],
  ])("%s", (_name, steps, expected, lengthMs) => {
    const timeline = planTimeline(steps, () => []);
    expect(timeline.steps.map(({ atMs, exact }) => [atMs, exact])).toEqual(expected);
    expect(timeline.lengthMs).toBe(lengthMs);
  });

  test("rolling: node after node, each back in service before the next", () => {
    const { steps } = planTimeline([fault({ aim: {}, rolling: true })], () => ["n1", "n2"]);
    expect(steps.map(({ label, source }) => [label, source])).toEqual([
      ["kill-node n1", 0],
      ["wait until serving", 0],
      ["kill-node n2", 0],
      ["wait until serving", 0],
    ]);
  });
});

describe("stages of a load that is scaled", () => {
  test.each<[string, { atMs: number; overMs: number; factor: number }[], { duration: number; target: number }[]]>([
    ["not at all", [], [{ duration: 10_000, target: 100 }]],
    [
      "at once",
      [{ atMs: 4000, overMs: 0, factor: 2 }],
      [
        { duration: 4000, target: 100 },
        { duration: 0, target: 200 },
        { duration: 6000, target: 200 },
      ],
    ],
    [
      "slowly",
      [{ atMs: 4000, overMs: 2000, factor: 2 }],
      [
        { duration: 4000, target: 100 },
        { duration: 2000, target: 200 },
        { duration: 4000, target: 200 },
      ],
    ],
    [
      "cut short by the next",
      [
        { atMs: 2000, overMs: 4000, factor: 3 },
        { atMs: 4000, overMs: 0, factor: 1 },
      ],
      [
        { duration: 2000, target: 100 },
        { duration: 2000, target: 200 },
        { duration: 0, target: 100 },
        { duration: 6000, target: 100 },
      ],
    ],
    [
      "beyond the end",
      [{ atMs: 8000, overMs: 4000, factor: 2 }],
      [
        { duration: 8000, target: 100 },
        { duration: 2000, target: 150 },
      ],
    ],
  ])("%s", (_name, scales, expected) => expect(stagesOf(100, 10_000, scales)).toEqual(expected));
});

test("every experiment that is shipped stands in the help of chaos run", () => {
  const [profile] = chaosRun.positionals!;
  for (const name of shippedExperiments()) expect(profile!.description).toContain(name);
});

test("an objective of a scenario that there is not is refused", async () => {
  expect(await problemsOf(prepared({ objectives: ["serch.availability>99%"] }))).toMatchObject([
    { path: "objectives[0]", message: 'the load has no scenario "serch"; did you mean "search"?' },
  ]);
});

describe("objectives", () => {
  const figures = {
    detectMs: 900,
    failoverMs: 0,
    recoverMs: null,
    recoverAfterHealMs: 20_000,
    availability: 0.9995,
    availabilityOf: (scenario: string) => (scenario === "look-up" ? 0.6 : null),
    lost: 0,
    doubled: 2,
    stale: null,
  };
  test.each([
    ["detect<1s", true, 900],
    ["detect<900ms", false, 900],
    ["failover<1s", true, 0],
    // it never came
    ["recover<10m", false, null],
    ["recoverAfterHeal<=20s", true, 20_000],
    ["availability>99.9%", true, 0.9995],
    ["availability>=99.99%", false, 0.9995],
    ["look-up.availability>50%", true, 0.6],
    ["look-up.availability>60%", false, 0.6],
    // nothing of it was due
    ["search.availability>0%", false, null],
    ["lost<=0", true, 0],
    ["doubled<=1", false, 2],
    ["stale<=0", false, null],
  ])("%s", (expression, ok, actual) => expect(judgeObjective(parseObjective(expression), figures)).toMatchObject({ ok, actual }));

  test.each([
    ["recover", /expected an objective such as/],
    ["recovery<3s", /unknown objective "recovery".*known are/],
    ["recover>3s", /recover takes </],
    ["availability<99%", /availability takes >/],
    ["availability>150%", /share such as/],
    ["lost<=none", /expected a number/],
    ["search.recover<3s", /only availability can be that of one scenario/],
    ["recover<30", /duration/],
  ])("%s is refused with a sentence", (expression, message) => expect(() => parseObjective(expression)).toThrow(message));
});

describe("the verdict", () => {
  const good = {
    before: { verdict: "held" as const, reasons: [] },
    failed: undefined,
    recovered: { ok: true, withinMs: 30_000, missing: [] },
    objectives: [{ expression: "recover<30s", ok: true, actual: 5000, unit: "ms" as const, limit: 30_000 }],
    unhealed: [],
    load: { verdict: "pass" as const, reasons: [] },
  };
  const late = { verdict: "inconclusive" as const, reasons: ["the generator fell behind"] };
  const missed = [{ expression: "recover<30s", ok: false, actual: null, unit: "ms" as const, limit: 30_000 }];
  const lost = [{ expression: "lost<=0", ok: false, actual: 3, unit: "count" as const, limit: 0 }];
  test.each([
    ["all held", {}, "pass", ""],
    [
      "nothing to begin with",
      { before: { verdict: "failed" as const, reasons: ["errors"] } },
      "fail",
      "no steady state to begin with",
    ],
    [
      "nothing certain to begin with",
      { before: { verdict: "inconclusive" as const, reasons: [] } },
      "inconclusive",
      "no steady state",
    ],
    ["an objective missed", { objectives: missed }, "fail", "recover<30s was not met: it was never"],
    [
      "no recovery",
      { recovered: { ok: false, withinMs: 30_000, missing: ["not every node serves"] } },
      "fail",
      "no recovery within 30.0 s: not every node serves",
    ],
    ["a step failed", { failed: "ragctl status: ended with exit code 3" }, "fail", "the method ended early"],
    ["a fault is left", { unhealed: [{ id: "hang-1", message: "still active" }] }, "fail", "hang-1 is not proven gone"],
    ["the generator was the limit", { load: late }, "inconclusive", "fell behind"],
    ["it was, and an objective missed may be its doing", { load: late, objectives: missed }, "inconclusive", "fell behind"],
    ["lost is lost all the same", { load: late, objectives: lost }, "fail", "lost<=0 was not met: it was 3"],
  ])("%s", (_name, more, verdict, reason) => {
    const found = experimentVerdict({ ...good, ...more });
    expect(found.verdict).toBe(verdict);
    expect(found.reasons.join("\n")).toContain(reason);
  });
});

test("the published schema knows the shipped experiments", async () => {
  const { schemaProblems } = await import("../../helpers/json-document.ts");
  const { parse } = await import("yaml");
  const { readFileSync } = await import("node:fs");
  const { packageRoot } = await import("../../../src/version.ts");
  for (const name of shippedExperiments()) {
    const document: unknown = parse(readFileSync(join(packageRoot, "profiles", "chaos", `${name}.yaml`), "utf8"));
    expect(schemaProblems("chaos-profile", document), name).toEqual([]);
  }
});

test("what the profile says of the load's clients takes the place of the config's, and flags that of both", async () => {
  const routing = { hedge: "p95", breaker: "fixed" };
  expect((await prepared({ routing })).cluster.routing).toMatchObject({ hedge: "p95", breaker: "fixed", replicas: 2 });
  expect((await prepared({ routing }, { routing: { breaker: "off" } })).cluster.routing).toMatchObject({
    hedge: "p95",
    breaker: "off",
  });
});
