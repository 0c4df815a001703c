import { describe, expect, test } from "vitest";
import { promText, windowSamples, type PromSample } from "../../../../src/load/export/prometheus.ts";
import { createPusher, isPushgateway } from "../../../../src/load/export/push.ts";
import { remoteWriteBody, snappyLiteral } from "../../../../src/load/export/remote-write.ts";
import type { LoadResult } from "../../../../src/load/result.ts";
import { sampleRun } from "../../../helpers/load-result.ts";

const { result } = sampleRun({ seconds: 12, ratePerSec: 50 });
const startedMs = Date.parse(result.startedAt);

test("a window's figures as text, in seconds, labels escaped", () => {
  const window = { ...result.windows[0]!, perNode: {}, recall: { "recall@10": { n: 4, mean: 0.975 } } };
  const fixed = { p50: 1500, p95: 2500, p99: null, max: 3_000_000 };
  const samples = windowSamples({ ...window, responseTimeUs: fixed, serviceTimeUs: fixed, scheduleLagUs: fixed }, startedMs, {
    run: 'a"b\\c\nd',
  });
  expect(samples[0]!.atMs).toBe(startedMs + 1000);
  const text = promText(samples);
  expect(text).toContain(`# TYPE ragctl_load_operations gauge\nragctl_load_operations{run="a\\"b\\\\c\\nd",outcome="ok"} 50\n`);
  expect(text.match(/^ragctl_load_response_time.*$/gm)).toEqual([
    `ragctl_load_response_time_seconds{run="a\\"b\\\\c\\nd",quantile="1"} 3`,
    `ragctl_load_response_time_seconds{run="a\\"b\\\\c\\nd",quantile="0.5"} 0.0015`,
    `ragctl_load_response_time_seconds{run="a\\"b\\\\c\\nd",quantile="0.95"} 0.0025`,
  ]);
  expect(text).toContain(`ragctl_load_recall{run="a\\"b\\\\c\\nd",k="10"} 0.975\n`);
});

/** Snappy's block format, as far as literals go. */
function unsnap(data: Buffer): Buffer {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = data[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  const length = varint();
  const parts: Buffer[] = [];
  while (at < data.length) {
    const tag = data[at++]!;
    if ((tag & 3) !== 0) throw new Error("not a literal");
    const code = tag >> 2;
    const bytes = code < 60 ? 0 : code - 59;
    const size = 1 + (bytes === 0 ? code : data.readUIntLE(at, bytes));
    at += bytes;
    parts.push(data.subarray(at, at + size));
    at += size;
  }
  const whole = Buffer.concat(parts);
  if (whole.length !== length) throw new Error(`said ${length}, was ${whole.length}`);
  return whole;
}

type Field = [number: number, value: number | Buffer];

/** The fields of a protobuf message. */
function fields(data: Buffer): Field[] {
  const all: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = data[at++]!;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < data.length) {
    const key = varint();
    if (key % 8 === 0) all.push([key >> 3, varint()]);
    else if (key % 8 === 1) all.push([key >> 3, data.readDoubleLE((at += 8) - 8)]);
    else {
      const size = varint();
      all.push([key >> 3, data.subarray(at, (at += size))]);
    }
  }
  return all;
}

function decode(body: Buffer): { labels: Record<string, string>; samples: [value: number, atMs: number][] }[] {
  return fields(unsnap(body)).map(([, series]) => {
    const parts = fields(series as Buffer);
    const text = (value: number | Buffer) => (value as Buffer).toString("utf8");
    const names = parts.filter(([number]) => number === 1).map(([, label]) => fields(label as Buffer));
    return {
      labels: Object.fromEntries(names.map(([name, value]) => [text(name![1]), text(value![1])])),
      samples: parts
        .filter(([number]) => number === 2)
        .map(([, sample]) => fields(sample as Buffer).map(([, value]) => value as number) as [number, number]),
    };
  });
}

describe("remote write", () => {
  test("bytes of one sample, worked out by hand from the protocol", () => {
    const sample: PromSample = { name: "m", labels: { b: "2", a: "1" }, value: 1, atMs: 300 };
    const label = (name: string, value: string) =>
      Buffer.concat([
        Buffer.from([0x0a, 4 + name.length + value.length, 0x0a, name.length]),
        Buffer.from(name),
        Buffer.from([0x12, value.length]),
        Buffer.from(value),
      ]);
    const series = Buffer.concat([
      label("__name__", "m"),
      label("a", "1"),
      label("b", "2"),
      // Sample: value = 1.0 as a double, timestamp 300 = 0xac 0x02.
      Buffer.from([0x12, 12, 0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0xac, 0x02]),
    ]);
    const request = Buffer.concat([Buffer.from([0x0a, series.length]), series]);
    expect(remoteWriteBody([sample])).toEqual(
      Buffer.concat([Buffer.from([request.length, 61 << 2, request.length - 1, 0]), request]),
    );
  });

  test("windows come out as series, labels by name and samples by time", () => {
    const samples = result.windows
      .toReversed()
      .flatMap((window) => windowSamples(window, startedMs, { run: "r", cluster: "prod" }));
    const series = decode(remoteWriteBody(samples));
    const ok = series.find(({ labels }) => labels["__name__"] === "ragctl_load_operations" && labels["outcome"] === "ok")!;
    expect(Object.keys(ok.labels)).toEqual(["__name__", "cluster", "outcome", "run"]);
    expect(ok.samples).toEqual(result.windows.map(({ second, counts }) => [counts.ok, startedMs + (second + 1) * 1000]));
  });

  test("what is longer than one literal may be is cut", () => {
    const long = Buffer.alloc(200_000, "ragctl");
    expect(unsnap(snappyLiteral(long))).toEqual(long);
    expect(unsnap(snappyLiteral(Buffer.alloc(0)))).toEqual(Buffer.alloc(0));
  });
});

describe("pushing", () => {
  interface Push {
    url: string;
    init: RequestInit;
  }
  function receiver(answer: () => Response) {
    const pushes: Push[] = [];
    const warnings: string[] = [];
    const fetch = (async (url: URL, init: RequestInit) => {
      pushes.push({ url: String(url), init });
      return answer();
    }) as unknown as typeof globalThis.fetch;
    const pusher = (url: string) =>
      createPusher({ url: new URL(url), labels: { run: "r" }, warn: (text) => warnings.push(text), fetch });
    return { pushes, warnings, pusher };
  }
  const okOf = (push: Push) =>
    decode(push.init.body as unknown as Buffer).find(({ labels }) => labels["outcome"] === "ok")!.samples;

  test("every second once, in order, though windows are finer and the start is known late", async () => {
    const { pushes, warnings, pusher } = receiver(() => new Response(null, { status: 204 }));
    const push = pusher("http://user:p%40ss@prom:9090/api/v1/write");
    const finer = result.windows.flatMap((window): LoadResult["windows"] => [window, window]);
    for (const [index, window] of finer.entries()) {
      if (index === 3) push.startedAt(startedMs);
      push.window(window);
    }
    await push.end();
    expect(
      pushes.flatMap((each) => okOf({ ...each, init: { ...each.init, body: Buffer.from(each.init.body as Uint8Array) } })),
    ).toEqual(result.windows.map(({ second, counts }) => [2 * counts.ok, startedMs + (second + 1) * 1000]));
    expect(pushes[0]!.url).toBe("http://prom:9090/api/v1/write");
    expect(pushes[0]!.init.headers).toMatchObject({
      authorization: `Basic ${Buffer.from("user:p@ss").toString("base64")}`,
      "content-encoding": "snappy",
      "x-prometheus-remote-write-version": "0.1.0",
    });
    expect(warnings).toEqual([]);
  });

  test("a Pushgateway gets the newest second as text", async () => {
    const { pushes, pusher } = receiver(() => new Response(null, { status: 200 }));
    const push = pusher("http://gate:9091/metrics/job/ragctl");
    push.startedAt(startedMs);
    for (const window of result.windows.slice(0, 3)) push.window(window);
    await push.end();
    expect(pushes).toHaveLength(1);
    expect(pushes[0]!.init.method).toBe("PUT");
    expect(pushes[0]!.init.body).toContain(`outcome="ok"} ${result.windows[2]!.counts.ok}\n`);
  });

  test("a receiver that refuses, or is not there, is one warning", async () => {
    for (const answer of [
      () => new Response("no", { status: 500 }),
      () => {
        throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
      },
    ]) {
      const { warnings, pusher } = receiver(answer);
      const push = pusher("http://prom:9090/api/v1/write?token=secret");
      push.startedAt(startedMs);
      for (const window of result.windows) push.window(window);
      await push.end();
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toMatch(/^the push to http:\/\/prom:9090\/api\/v1\/write failed \((status 500|connect ECONNREFUSED)\)/);
    }
  });

  test.each([
    ["http://gate:9091/metrics/job/a", true],
    ["http://gate:9091/metrics/job@base64/YQ==", true],
    ["http://prom:9090/api/v1/write", false],
  ])("%s: a Pushgateway is %s", (url, expected) => {
    expect(isPushgateway(new URL(url))).toBe(expected);
  });
});
