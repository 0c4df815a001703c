import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import type { ClusterConfig } from "../../../src/config/schema.ts";
import type { Fault, Target, TargetKind } from "../../../src/faults/contract.ts";
import { reachAll, reachOne } from "../../../src/faults/reach.ts";
import type { Subject } from "../../../src/faults/targets/index.ts";
import { self, targetOf, temporaryDir, variableFault } from "./helpers.ts";

interface Options {
  how?: "fine" | "coarse";
}

function faultOf(more: Partial<Fault<Options>> = {}): Fault<Options> {
  const { fault } = variableFault();
  return { ...(fault as Fault<Options>), options: z.object({}), targets: ["proxy", "process"], ...more };
}

const subject: Subject = { id: "n2", url: "http://n2", target: undefined, role: "node" };
const found = (kind: TargetKind) => ({ target: { ...targetOf(self), kind } as Target });

test("the first kind, in the fault's order, that is there and can do it", async () => {
  const resolve = async (_subject: Subject, kind: TargetKind) => found(kind);
  expect(await reachOne(subject, faultOf(), { options: {} }, resolve)).toMatchObject({ target: { kind: "proxy" } });
  const picky = faultOf({ possible: ({ kind }) => kind === "process" || `not through a ${kind}` });
  expect(await reachOne(subject, picky, { options: {} }, resolve)).toMatchObject({ target: { kind: "process" } });
  expect(await reachOne(subject, faultOf(), { options: {}, kinds: ["ssh"] }, resolve)).toMatchObject({ target: { kind: "ssh" } });
});

test("none: every reason, in that order", async () => {
  const fault = faultOf({ possible: ({ kind }) => `not through a ${kind}` });
  const resolve = async (_subject: Subject, kind: TargetKind) =>
    kind === "proxy" ? { impossible: "no proxy there" } : found(kind);
  expect(await reachOne(subject, fault, { options: {} }, resolve)).toEqual({
    reasons: [
      { kind: "proxy", reason: "no proxy there" },
      { kind: "process", reason: "not through a process" },
    ],
  });
});

/** A config whose nodes a pid file leads to, but for those named. */
function clusterOf(bare: string[] = []): { cluster: ClusterConfig; subjects: Subject[] } {
  const dir = temporaryDir();
  const nodes = ["n1", "n2"].map((id) => {
    writeFileSync(join(dir, `${id}.pid`), String(process.pid));
    const target = bare.includes(id) ? undefined : { kind: "process" as const, pidFile: `${id}.pid` };
    return { id, url: `http://${id}`, weight: 1, target };
  });
  const cluster = { name: "prod", nodes, source: { kind: "config", file: join(dir, "ragctl.config.json") } };
  const subjects = nodes.map(({ id, url, target }): Subject => ({ id, url, target, role: "node" }));
  return { cluster: cluster as unknown as ClusterConfig, subjects };
}

test("a fault with several ways takes the first that every node can do", async () => {
  const { cluster, subjects } = clusterOf();
  const fault = faultOf({
    variants: () => [
      { options: { how: "fine" }, targets: ["proxy"] },
      { options: { how: "coarse" }, targets: ["process"] },
    ],
  });
  const { targets, options } = await reachAll(cluster, subjects, fault, {});
  expect(options).toEqual({ how: "coarse" });
  expect(targets.map(({ node, kind }) => [node, kind])).toEqual([
    ["n1", "process"],
    ["n2", "process"],
  ]);
});

test("one node that cannot be reached: none is, and it is named with the reason", async () => {
  const { cluster, subjects } = clusterOf(["n2"]);
  await expect(reachAll(cluster, subjects, faultOf({ targets: ["process"] }), {})).rejects.toMatchObject({
    code: "target-unreachable",
    exitCode: 3,
    message: expect.stringMatching(/^test-fault cannot reach n2 of prod: the config names no target for n2/),
    details: [{ node: "n2", kind: "process", reason: expect.stringContaining("names no target") }],
  });
});

test("a config that says nothing of how to reach anything is what is wrong", async () => {
  const { cluster, subjects } = clusterOf(["n1", "n2"]);
  await expect(reachAll(cluster, subjects, faultOf({ targets: ["process"] }), {})).rejects.toMatchObject({ exitCode: 2 });
});
