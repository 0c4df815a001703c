/** A value to be set, with its time. */
export interface BulkEntry {
  key: string;
  value: Buffer;
  /** Above zero. */
  ttlMs: number;
}

/** What the words around key and value take at most. */
const framingBytes = 96;

/** `SET key value PX ttl` for each entry, as RESP, in one piece: a socket takes one large write much faster than many small ones. */
export function encodeSets(entries: readonly BulkEntry[]): Buffer {
  // A UTF-16 unit is three bytes of UTF-8 at most.
  const room = entries.reduce((sum, { key, value }) => sum + key.length * 3 + value.length + framingBytes, 0);
  const out = Buffer.allocUnsafe(room);
  let at = 0;
  for (const { key, value, ttlMs } of entries) {
    const ttl = String(Math.max(1, Math.round(ttlMs)));
    at += out.write(`*5\r\n$3\r\nSET\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n$${value.length}\r\n`, at);
    at += value.copy(out, at);
    at += out.write(`\r\n$2\r\nPX\r\n$${ttl.length}\r\n${ttl}\r\n`, at, "latin1");
  }
  return out.subarray(0, at);
}

/** Replies of one line each, as they come in pieces. */
export class LineReplies {
  #rest = Buffer.alloc(0);

  /**
   * @param onReply told each reply without its line end: undefined for `+OK`, else the whole line (`-OOM command not allowed …`)
   */
  take(chunk: Buffer, onReply: (problem: string | undefined) => void): void {
    const data = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (at < data.length) {
      if (data.length - at >= 5 && data[at] === plus && data[at + 1] === letterO && data[at + 4] === lineFeed) {
        at += 5;
        onReply(undefined);
        continue;
      }
      const end = data.indexOf("\r\n", at, "latin1");
      if (end < 0) break;
      onReply(data.toString("utf8", at, end));
      at = end + 2;
    }
    this.#rest = at === data.length ? Buffer.alloc(0) : Buffer.from(data.subarray(at));
  }
}

const plus = 0x2b;
const letterO = 0x4f;
const lineFeed = 0x0a;
