import { expect, test } from "vitest";
import { nextSign, watchNodes, type NodeSign } from "../../../../src/faults/guard/during.ts";
import { journalDir, removeRecord, writeRecord } from "../../../../src/faults/journal.ts";
import type { Readiness } from "../../../../src/faults/ready.ts";
import { fakeRuntime } from "../../../helpers/fake-runtime.ts";
import { SimClock } from "../../../helpers/sim-clock.ts";
import { recordOf, self, targetOf, temporaryDir } from "../helpers.ts";
import { clusterOf } from "./helpers.ts";

/** Answers, one a second, and after how many of them the node is lost. */
test.each([
  ["once refused is a hiccup", ["refused", "yes", "refused", "yes"], undefined],
  ["twice in a row is death", ["yes", "refused", "refused"], 3],
  ["an answer of any kind is life", ["no", "no", "no", "no", "no", "no", "no"], undefined],
  ["silence is forgiven for a while", ["silent", "silent", "silent", "silent", "silent", "yes"], undefined],
  ["and not for five seconds", ["silent", "silent", "silent", "silent", "silent", "silent"], 6],
  ["what was refused between starts anew", ["silent", "silent", "silent", "refused", "silent", "silent", "silent"], undefined],
] satisfies [string, Readiness[], number | undefined][])("%s", (_name, answers, lostAt) => {
  let sign: NodeSign | undefined;
  const lost = answers.map((answer, index) => {
    const next = nextSign(sign, answer, index * 1_000);
    ({ sign } = next);
    return next.lost;
  });
  expect(lost.indexOf(true) + 1 || undefined).toBe(lostAt);
});

function watching(options: { down?: string[] } = {}) {
  const clock = new SimClock();
  const runtime = fakeRuntime({ cwd: temporaryDir(), clock });
  const dead = new Set<string>();
  const asked: string[] = [];
  const ask = async (url: string): Promise<Readiness> => {
    const node = new URL(url).hostname;
    asked.push(node);
    return dead.has(node) ? "refused" : "yes";
  };
  const watch = watchNodes({ cluster: clusterOf(3), down: options.down ?? [] }, runtime, ask);
  return { clock, runtime, dead, asked, watch, dir: journalDir(runtime.stateDir) };
}

test("another node that dies meanwhile stops everything, by name", async () => {
  const { clock, dead, watch } = watching();
  await clock.advance(3_000);
  expect(watch.signal.aborted).toBe(false);
  dead.add("n3");
  await clock.advance(2_000);
  expect(watch.signal.reason).toEqual({
    kind: "guard",
    reason: "n3, which no fault of this experiment acts on, was lost meanwhile",
  });
  await watch.end();
});

test("a node under an own fault is expected to be dead, for as long as its record is there", async () => {
  const { clock, runtime, dead, watch, dir } = watching();
  const record = recordOf({ cluster: "test", fault: "kill-node", target: targetOf(self, { node: "n2" }) });
  writeRecord(dir, record, runtime.clock.nowMs());
  dead.add("n2");
  await clock.advance(10_000);
  expect(watch.signal.aborted).toBe(false);
  removeRecord(dir, record.id);
  await clock.advance(2_000);
  expect(watch.signal.aborted).toBe(true);
  await watch.end();
});

test("what was down before is not asked, and after the end nobody is", async () => {
  const { clock, asked, watch } = watching({ down: ["n1"] });
  await clock.advance(3_000);
  expect(asked).not.toContain("n1");
  await watch.end();
  const count = asked.length;
  await clock.advance(5_000);
  expect(asked).toHaveLength(count);
});
