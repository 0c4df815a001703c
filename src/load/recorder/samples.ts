import type { NodeOutcome } from "../../cluster/contract.ts";
import { dropCauses, type DropCause } from "../contract.ts";
import { isRatio, type SampleSink, type SettledSample } from "./sink.ts";

/**
 * How measurements travel from a worker to the main thread, which does all the counting: fixed records in a Uint32Array that is
 * handed over, not copied. A worker's hot path is a few stores into an array, and memory stays flat however long a run is.
 *
 * | kind | a | b | c | d |
 * | --- | --- | --- | --- | --- |
 * | settled | cause | response | service | lag, `none` when nothing was sent |
 * | dropped | index in dropCauses | | | |
 * | unfinished | | | | |
 * | request | cause | node | | service |
 * | measured | name | | | value: whole µs, or billionths of a ratio; `none` for never |
 *
 * `cause`, `node`, `name` and the cache's word are indexes into the worker's list of names, 0 = ok, or nothing said. Times are whole µs.
 * The kind stands in the lowest four bits of its word, the cache's word above it.
 */
const recordLength = 6;
const kinds = { settled: 0, dropped: 1, unfinished: 2, request: 3, measured: 4 } as const;
const none = 0xffff_ffff;
/** Window −1, the warm-up, as stored. */
const warmup = none;
const recordsPerChunk = 2048;
const ratioScale = 1e9;
const sparesKept = 64;

export interface SampleChunk {
  records: Uint32Array<ArrayBuffer>;
  count: number;
  /** Names that are new since the last chunk; the first ever has index 1. */
  names: string[];
}

/** Packs samples; `post` takes each full chunk, and what `flush` finds. */
export class SampleWriter implements SampleSink {
  readonly #post: (chunk: SampleChunk) => void;
  #records = new Uint32Array(recordsPerChunk * recordLength);
  #count = 0;
  #names: string[] = [];
  readonly #spare: Uint32Array<ArrayBuffer>[] = [];
  readonly #indexOf = new Map<string, number>();

  constructor(post: (chunk: SampleChunk) => void) {
    this.#post = post;
  }

  settled({ window, cause, responseUs, serviceUs, lagUs, cache }: SettledSample): void {
    this.#put(kinds.settled | (this.#name(cache) << 4), window, this.#name(cause), responseUs, serviceUs, lagUs);
  }

  dropped(window: number, cause: DropCause): void {
    this.#put(kinds.dropped, window, dropCauses.indexOf(cause), 0, 0, 0);
  }

  unfinished(window: number): void {
    this.#put(kinds.unfinished, window, 0, 0, 0, 0);
  }

  request(window: number, { node, outcome, sentUs, endUs }: NodeOutcome): void {
    const cause = this.#name(outcome === "ok" ? undefined : outcome);
    this.#put(kinds.request, window, cause, this.#name(node), 0, endUs - sentUs);
  }

  measured(window: number, name: string, value: number): void {
    const scaled = isRatio(name) ? value * ratioScale : value;
    this.#put(kinds.measured, window, this.#name(name), 0, 0, Number.isFinite(scaled) ? scaled : undefined);
  }

  flush(): void {
    if (this.#count === 0) return;
    this.#post({ records: this.#records, count: this.#count, names: this.#names });
    this.#records = this.#spare.pop() ?? new Uint32Array(recordsPerChunk * recordLength);
    this.#count = 0;
    this.#names = [];
  }

  /** Takes back the records of a chunk that has been read: a long run then makes no garbage of them. */
  recycle(records: Uint32Array<ArrayBuffer>): void {
    if (this.#spare.length < sparesKept) this.#spare.push(records);
  }

  #put(word: number, window: number, a: number, b: number, c: number, d: number | undefined): void {
    const at = this.#count * recordLength;
    const records = this.#records;
    records[at] = word;
    records[at + 1] = window < 0 ? warmup : window;
    records[at + 2] = a;
    records[at + 3] = wholeUs(b);
    records[at + 4] = wholeUs(c);
    records[at + 5] = d === undefined ? none : wholeUs(d);
    if (++this.#count === recordsPerChunk) this.flush();
  }

  #name(name: string | undefined): number {
    if (name === undefined) return 0;
    const known = this.#indexOf.get(name);
    if (known !== undefined) return known;
    this.#names.push(name);
    this.#indexOf.set(name, this.#indexOf.size + 1);
    return this.#indexOf.size;
  }
}

function wholeUs(us: number): number {
  return us <= 0 ? 0 : Math.min(none - 1, Math.round(us));
}

/** Unpacks the chunks of one worker into a sink. */
export class SampleReader {
  readonly #names: (string | undefined)[] = [undefined];
  readonly #sink: SampleSink;

  constructor(sink: SampleSink) {
    this.#sink = sink;
  }

  read({ records, count, names }: SampleChunk): void {
    this.#names.push(...names);
    for (let at = 0; at < count * recordLength; at += recordLength) {
      const window = records[at + 1] === warmup ? -1 : records[at + 1]!;
      const [a, b, c, d] = [records[at + 2]!, records[at + 3]!, records[at + 4]!, records[at + 5]!];
      const word = records[at]!;
      switch (word & 0xf) {
        case kinds.settled:
          this.#sink.settled({
            window,
            cause: this.#names[a],
            responseUs: b,
            serviceUs: c,
            lagUs: d === none ? undefined : d,
            cache: this.#names[word >>> 4],
          });
          break;
        case kinds.dropped:
          this.#sink.dropped(window, dropCauses[a]!);
          break;
        case kinds.unfinished:
          this.#sink.unfinished(window);
          break;
        case kinds.measured: {
          const name = this.#names[a]!;
          const value = isRatio(name) ? d / ratioScale : d;
          this.#sink.measured(window, name, d === none ? Number.POSITIVE_INFINITY : value);
          break;
        }
        default: {
          const outcome = (this.#names[a] ?? "ok") as NodeOutcome["outcome"];
          this.#sink.request(window, { node: this.#names[b]!, outcome, sentUs: 0, endUs: d });
        }
      }
    }
  }
}
