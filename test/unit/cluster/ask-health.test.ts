import { describe, expect, test } from "vitest";
import { hangs, judgeHealth, type HealthQuestion } from "../../../src/cluster/ask-health.ts";
import { LoopDelay } from "../../../src/cluster/loop-delay.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";

test.each([
  // answered, this process late by, others answered, what it says
  [true, 0, undefined, "well"],
  [true, 900, false, "well"],
  [false, 0, true, "silent"],
  [false, 0, undefined, "silent"],
  [false, 0, false, "unclear"],
  [false, 249, true, "silent"],
  [false, 250, true, "unclear"],
  [false, 250, undefined, "unclear"],
] as const)("answered %s, late by %i ms of 1,000, others %s: %s", (answered, lateMs, others, expected) => {
  expect(judgeHealth({ answered, lateMs, withinMs: 1_000, others })).toBe(expected);
});

describe("how late this process is", () => {
  test("the most of what came while somebody looked, by the timers of all who look", async () => {
    const clock = new EventClock();
    const delay = new LoopDelay(clock);
    clock.stall(700);
    const first = delay.watch();
    await clock.run(120);
    const second = delay.watch();
    clock.stall(300);
    await clock.run(200);
    const third = delay.watch();
    await clock.run(200);
    expect(first()).toBeGreaterThan(250);
    expect(second()).toBeGreaterThan(250);
    expect(third()).toBe(0);
  });

  test("a timer that is due and has not come counts by now", () => {
    const clock = new EventClock();
    const end = new LoopDelay(clock).watch();
    clock.stall(450);
    expect(end()).toBe(400);
  });
});

describe("whether a node hangs", () => {
  const withinMs = 1_000;

  /** Machines that answer from these moments on, ms; the question is asked at 0. @param stallEveryMs this process stands still for 300 ms so often */
  async function asked(node: number, others: number | undefined, stallEveryMs = Infinity) {
    const clock = new EventClock();
    const beganMs = clock.nowMs();
    const answers = async (fromMs: number) => {
      const wellInMs = beganMs + fromMs - clock.nowMs();
      await clock.sleep(Math.min(withinMs, Math.max(1, wellInMs)));
      return wellInMs < withinMs;
    };
    const question: HealthQuestion = {
      ask: () => answers(node),
      withinMs,
      askOthers: others === undefined ? undefined : () => answers(others),
      delay: new LoopDelay(clock),
    };
    const asking = hangs(question).then((itHangs) => ({ hangs: itHangs, tookMs: clock.nowMs() - beganMs }));
    for (let passedMs = 0; passedMs < 5_000; passedMs += 50) {
      if (passedMs % stallEveryMs === stallEveryMs / 2) clock.stall(300);
      await clock.run(50);
    }
    return await asking;
  }
  const never = Infinity;

  test.each<[string, number, number | undefined, { hangs: boolean; aboutMs: number }]>([
    ["it answers", 20, 0, { hangs: false, aboutMs: 20 }],
    ["it is silent, and another answers", never, 0, { hangs: true, aboutMs: 1_000 }],
    ["it is silent, and the only one", never, undefined, { hangs: true, aboutMs: 1_000 }],
    ["all are silent for a while: nobody is blamed", 1_500, 1_500, { hangs: false, aboutMs: 1_500 }],
    ["all are silent for a while, and all but this one come back", never, 1_500, { hangs: true, aboutMs: 2_000 }],
    ["all are silent for good: they are gone", never, never, { hangs: true, aboutMs: 3_000 }],
  ])("%s", async (_name, node, others, { hangs: expected, aboutMs }) => {
    const { hangs: itHangs, tookMs } = await asked(node, others);
    expect(itHangs).toBe(expected);
    expect(Math.abs(tookMs - aboutMs)).toBeLessThanOrEqual(100);
  });

  test("while this process is held up again and again, it blames no node", async () => {
    expect(await asked(never, 0, 400)).toMatchObject({ hangs: false });
    expect(await asked(never, undefined, 400)).toMatchObject({ hangs: false });
  });
});
