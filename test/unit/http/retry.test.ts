import { describe, expect, it } from "vitest";
import { TransportError, type HttpAnswer, type NodePool, type PreparedRequest } from "../../../src/http/contract.ts";
import { backoffMs, defaultRetryPolicy, sendRead, type RetryOptions } from "../../../src/http/retry.ts";

const read: PreparedRequest = { method: "POST", path: "/x", headers: [], kind: "read" };
const answer = (status: number): HttpAnswer => ({ status, headers: {}, body: Buffer.alloc(0), sentUs: 0, endUs: 1 });
const reset = new TransportError("reset", "reset", true);

/** A pool that answers in turn with these, and says who was asked in `asked`. */
function fake(name: string, asked: string[], turns: (HttpAnswer | TransportError)[]): NodePool {
  return {
    origin: name,
    inFlight: 0,
    send: async () => {
      asked.push(name);
      const turn = turns.shift()!;
      if (turn instanceof TransportError) throw turn;
      return turn;
    },
    close: async () => {},
  };
}
function options(waits: number[], more: Partial<RetryOptions> = {}): RetryOptions {
  return { timeoutMs: 1000, rng: () => 0.5, clock: { sleep: async (ms) => void waits.push(ms) }, ...more };
}
const busy: RetryOptions["again"] = ({ status }) => (status === 429 ? { retryAfterMs: 700 } : status >= 500 ? {} : undefined);

describe("the wait before another try", () => {
  it.each([
    [1, 0, undefined, 0],
    [1, 0.5, undefined, 25],
    [2, 0.5, undefined, 50],
    [3, 0.5, undefined, 100],
    [30, 0.5, undefined, 500],
    [1, 0.5, 700, 700],
    [5, 0.5, 10, 400],
  ])("retry %i, drawn %f, asked for %s ms: %d ms", (retry, uniform, retryAfterMs, waitMs) => {
    expect(backoffMs(retry, defaultRetryPolicy, uniform, retryAfterMs)).toBe(waitMs);
  });
});

describe("a read", () => {
  it("goes to the next replica after a failure", async () => {
    const asked: string[] = [];
    const waits: number[] = [];
    const pools = [
      fake("a", asked, [reset, answer(200)]),
      fake("b", asked, [new TransportError("connect", "refused", false)]),
    ] as const;
    expect((await sendRead([...pools], read, options(waits))).status).toBe(200);
    expect(asked).toEqual(["a", "b", "a"]);
    expect(waits).toEqual([25, 50]);
  });

  it("waits as long as the server asks", async () => {
    const waits: number[] = [];
    const pool = fake("a", [], [answer(429), answer(503), answer(200)]);
    expect((await sendRead([pool], read, options(waits, { again: busy }))).status).toBe(200);
    expect(waits).toEqual([700, 50]);
  });

  it("ends with the last answer or error", async () => {
    const asked: string[] = [];
    const pool = fake("a", asked, [answer(503), answer(503), answer(503), reset, reset, reset]);
    expect((await sendRead([pool], read, options([], { again: busy }))).status).toBe(503);
    await expect(sendRead([pool], read, options([]))).rejects.toBe(reset);
    expect(asked).toHaveLength(6);
  });

  it.each([["aborted"], ["closed"]] as const)("that was %s is not tried again", async (failure) => {
    const asked: string[] = [];
    const error = new TransportError(failure, failure, true);
    await expect(sendRead([fake("a", asked, [error, answer(200)])], read, options([]))).rejects.toBe(error);
    expect(asked).toEqual(["a"]);
  });

  it("whose answer is good or final is sent once", async () => {
    const asked: string[] = [];
    expect((await sendRead([fake("a", asked, [answer(404)])], read, options([], { again: busy }))).status).toBe(404);
    expect(asked).toEqual(["a"]);
  });
});

it("a write is never sent by it", async () => {
  const asked: string[] = [];
  await expect(sendRead([fake("a", asked, [])], { ...read, kind: "write" }, options([]))).rejects.toThrow("is a write");
  expect(asked).toEqual([]);
});
