import { expect, test } from "vitest";
import { encodeSets, LineReplies } from "../../../src/cache/bulk/encode.ts";

test("sets are RESP, whatever is in key and value", () => {
  const entries = [
    { key: "é", value: Buffer.from([0, 13, 10, 255]), ttlMs: 1500.4 },
    { key: "b", value: Buffer.alloc(0), ttlMs: 0 },
  ];
  expect(Buffer.concat([...encodeSets(entries)]).toString("latin1")).toBe(
    "*5\r\n$3\r\nSET\r\n$2\r\nÃ©\r\n$4\r\n\0\r\n\u00ff\r\n$2\r\nPX\r\n$4\r\n1500\r\n*5\r\n$3\r\nSET\r\n$1\r\nb\r\n$0\r\n\r\n$2\r\nPX\r\n$1\r\n1\r\n",
  );
});

test("large ones come in pieces that join to the same", () => {
  const entries = Array.from({ length: 50 }, (_, at) => ({ key: `k${at}`, value: Buffer.alloc(at * 500, "x"), ttlMs: 1 }));
  const pieces = [...encodeSets(entries)];
  expect(pieces.length).toBeGreaterThan(3);
  expect(Buffer.concat(pieces)).toEqual(Buffer.concat(entries.flatMap((entry) => Array.from(encodeSets([entry])))));
});

test("replies are told one by one, wherever the stream is cut", () => {
  const stream = Buffer.from("+OK\r\n-OOM é full\r\n+OK\r\n-MOVED 1 a:1\r\n+PONG\r\n+OK\r\n");
  for (let cut = 0; cut <= stream.length; cut++) {
    const told: (string | undefined)[] = [];
    const replies = new LineReplies();
    for (const part of [stream.subarray(0, cut), stream.subarray(cut)]) replies.take(part, (problem) => told.push(problem));
    expect(told).toEqual([undefined, "-OOM é full", undefined, "-MOVED 1 a:1", "+PONG", undefined]);
  }
});
