/** A value to be set, with its time. */
export interface BulkEntry {
  key: string;
  value: Buffer;
  /** Above zero. */
  ttlMs: number;
}

/** What the words around key and value take at most. */
const framingBytes = 96;

/** A buffer much larger than this costs more to come by than it saves in writes. */
const pieceBytes = 96 * 1024;

/** `SET key value PX ttl` for each entry, as RESP, in few pieces: a socket takes those much faster than many small ones. */
export function* encodeSets(entries: readonly BulkEntry[]): Generator<Buffer> {
  for (let from = 0; from < entries.length;) {
    let room = 0;
    let to = from;
    while (to < entries.length && (to === from || room + roomOf(entries[to]!) <= pieceBytes)) room += roomOf(entries[to++]!);
    yield encodePiece(entries.slice(from, to), room);
    from = to;
  }
}

/** A UTF-16 unit is three bytes of UTF-8 at most. */
function roomOf({ key, value }: BulkEntry): number {
  return key.length * 3 + value.length + framingBytes;
}

function encodePiece(entries: readonly BulkEntry[], room: number): Buffer {
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
