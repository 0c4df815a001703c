import { beforeAll, expect, test } from "vitest";
import { loadHashes } from "../../../src/sharding/index.ts";
import { runOnce, type Deviation } from "./exhaustive.ts";
import { withoutAfterEntries, withoutBarrier } from "./sabotage.ts";

/** How late a message can be: beyond a few phases of the move, or beyond most of it; one request timeout is 1,000 ms. */
const lateMs = [15, 40, 600];
/** Pairs of late messages lie at most this far apart. */
const reach = 8;

beforeAll(() => loadHashes());

async function search(
  deviations: Iterable<Deviation>,
  tamper?: Parameters<typeof runOnce>[1],
): Promise<{ runs: number; wrong: string[] }> {
  const wrong: string[] = [];
  let runs = 0;
  for (const deviation of deviations) {
    const { problems } = await runOnce(deviation, tamper);
    runs++;
    if (problems.length > 0) wrong.push(`${JSON.stringify(deviation)}: ${problems[0]}`);
  }
  return { runs, wrong };
}

function* eachLate(messages: number): Generator<Deviation> {
  for (let message = 0; message < messages; message++) for (const byMs of lateMs) yield { slow: [{ message, byMs }] };
}

function* eachCrash(messages: number): Generator<Deviation> {
  for (let crashAt = 0; crashAt < messages; crashAt++) {
    yield { slow: [], crashAt };
    // The message that the dying mover had just sent lands after its successor has begun.
    yield { slow: [{ message: crashAt, byMs: 600 }], crashAt };
  }
}

function* eachPair(messages: number): Generator<Deviation> {
  for (let first = 0; first < messages; first++)
    for (let second = first + 1; second <= Math.min(messages - 1, first + reach); second++)
      yield {
        slow: [
          { message: first, byMs: 40 },
          { message: second, byMs: 600 },
        ],
      };
}

test(
  "no order of messages that one or two late ones or a crash of the mover can bring about loses an acknowledged write",
  { timeout: 300_000 },
  async () => {
    const { messages, problems } = await runOnce({ slow: [] });
    expect(problems).toEqual([]);
    expect(messages).toBeGreaterThan(40);
    const results = [await search(eachLate(messages)), await search(eachCrash(messages)), await search(eachPair(messages))];
    expect(results.flatMap(({ wrong }) => wrong)).toEqual([]);
    expect(results.reduce((sum, { runs }) => sum + runs, 0)).toBeGreaterThan(700);
  },
);

test.each([
  ["the wait until every client has confirmed", withoutBarrier],
  ["the entries after the answers, and the pass over those that lack them", withoutAfterEntries],
])("leaving out %s loses writes in the same search", { timeout: 120_000 }, async (_what, tamper) => {
  const { messages } = await runOnce({ slow: [] }, tamper);
  const { wrong } = await search(eachLate(messages), tamper);
  expect(wrong.filter((one) => one.includes("LOST")).length).toBeGreaterThan(0);
});
