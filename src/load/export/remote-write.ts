import type { PromSample } from "./prometheus.ts";

/**
 * A WriteRequest of Prometheus' remote write 1.0, Snappy-compressed as it must be. Source of the messages:
 * prometheus/prompb (WriteRequest.timeseries = 1; TimeSeries.labels = 1, samples = 2; Label.name = 1, value = 2; Sample.value = 1, timestamp = 2). They are few and
 * fixed, so they are written here rather than by a protobuf library.
 */
export function remoteWriteBody(samples: readonly PromSample[]): Buffer {
  const series = Map.groupBy(samples, ({ name, labels }) => JSON.stringify([name, Object.entries(labels).toSorted(byName)]));
  const request = [...series.values()].map((group) => {
    const { name, labels } = group[0]!;
    // Labels must be sorted by name, and samples by time.
    const pairs = [["__name__", name] as [string, string], ...Object.entries(labels)].toSorted(byName);
    return field(1, [
      ...pairs.map(([key, value]) => field(1, [field(1, text(key)), field(2, text(value))])),
      ...group.toSorted((a, b) => a.atMs - b.atMs).map(({ value, atMs }) => field(2, [double(1, value), integer(2, atMs)])),
    ]);
  });
  return snappyLiteral(Buffer.concat(request));
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = Math.round(value);
  while (rest >= 128) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

/** A length-delimited field: a text or a message. */
function field(number: number, parts: Buffer | readonly Buffer[]): Buffer {
  const content = Buffer.isBuffer(parts) ? parts : Buffer.concat(parts);
  return Buffer.concat([varint(number * 8 + 2), varint(content.length), content]);
}

function double(number: number, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return Buffer.concat([varint(number * 8 + 1), bytes]);
}

function integer(number: number, value: number): Buffer {
  return Buffer.concat([varint(number * 8), varint(value)]);
}

function text(value: string): Buffer {
  return Buffer.from(value, "utf8");
}

/**
 * Snappy's block format with literals alone: legal, and read by every decoder. A push is a few kilobytes a second; compressing
 * it is not worth a native library. Format: google/snappy, format_description.txt.
 */
export function snappyLiteral(data: Buffer): Buffer {
  const parts = [varint(data.length)];
  for (let at = 0; at < data.length; at += 65_536) {
    const chunk = data.subarray(at, at + 65_536);
    // Tag 61: the length less one follows in two bytes.
    parts.push(Buffer.from([61 << 2, (chunk.length - 1) & 255, (chunk.length - 1) >> 8]), chunk);
  }
  return Buffer.concat(parts);
}
