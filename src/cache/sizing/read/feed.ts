import { usageError, type Problem } from "../../../errors.ts";
import { hashKey } from "../hash.ts";
import { batchLength, emptyBatch, type ReferenceSink } from "../contract.ts";

const shownProblems = 20;

/** Where readers put what they find: references by the batch to a sink, and mistakes by their line. */
export class Feed {
  readonly batch = emptyBatch();
  /** Lines that were begun, from 1. */
  line = 0;
  references = 0;
  private readonly sink: ReferenceSink;
  private readonly seed: number;
  private readonly file: string;
  private readonly problems: Problem[] = [];
  private threshold: number;
  private filled = 0;
  private read = 0;
  private scratch = Buffer.alloc(1024);

  constructor(sink: ReferenceSink, { seed, file }: { seed: number; file: string }) {
    this.sink = sink;
    this.seed = seed;
    this.file = file;
    this.threshold = sink.threshold;
  }

  /** A reference to the key that these bytes are. */
  add(key: Uint8Array, begin: number, end: number, bytes: number, timeUs: number): void {
    const { batch } = this;
    const at = this.filled;
    hashKey(key, begin, end, this.seed, batch.low, batch.high, at);
    this.read++;
    if (batch.low[at]! >>> 0 >= this.threshold) return;
    batch.bytes[at] = bytes;
    batch.timeUs[at] = timeUs;
    if (++this.filled === batchLength) this.flush();
  }

  addText(key: string, bytes: number, timeUs: number): void {
    if (key.length * 3 > this.scratch.length) this.scratch = Buffer.alloc(key.length * 4);
    this.add(this.scratch, 0, this.scratch.write(key, 0), bytes, timeUs);
  }

  /** @throws RagctlError exit 2 when there are enough of them */
  problem(message: string, line = this.line): void {
    this.problems.push({ file: this.file, line, message });
    if (this.problems.length >= shownProblems) this.refuse();
  }

  flush(): void {
    this.batch.length = this.filled;
    this.references += this.read;
    this.sink.take(this.batch, this.read);
    this.filled = 0;
    this.read = 0;
    this.threshold = this.sink.threshold;
  }

  /** @throws RagctlError exit 2 with every mistake, or where nothing was read */
  end(): void {
    this.flush();
    if (this.problems.length > 0) this.refuse();
    if (this.references === 0) throw usageError([{ file: this.file, message: "holds no references" }], { code: "trace-invalid" });
  }

  private refuse(): never {
    throw usageError(this.problems, { code: "trace-invalid" });
  }
}
