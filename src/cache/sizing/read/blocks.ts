import type { ByteSource } from "./bytes.ts";

/**
 * Takes whole lines out of memory that holds them.
 * @param end where the last line of the block ends: the byte before is a line feed
 * @param last whether nothing follows
 * @returns up to where it read; what it leaves comes again, with more behind it
 */
export type TakeBlock = (bytes: Buffer, end: number, last: boolean) => number;

const blockBytes = 1 << 20;
/** What is longer is no line of a trace. */
const longestBytes = 1 << 26;
const lineFeed = 0x0a;

/**
 * Reads a source to its end in blocks of whole lines; the last line need not end in a line feed.
 * @param onRead after every block
 * @throws Error in plain words where a line does not end
 */
export async function readBlocks(source: ByteSource, take: TakeBlock, onRead: () => void): Promise<void> {
  let buffer: Buffer = Buffer.allocUnsafe(blockBytes);
  let held = 0;
  let first = true;
  for (;;) {
    // One byte is kept for the line feed that the last line may lack.
    if (held >= buffer.length - 1) buffer = enlarged(buffer);
    const got = await source.read(buffer.subarray(0, -1), held);
    if (got === 0) break;
    held += got;
    if (first && held < 3) continue;
    let begin = 0;
    if (first && buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf) begin = 3;
    first = false;
    const end = buffer.lastIndexOf(lineFeed, held - 1) + 1;
    const used = end > begin ? begin + take(buffer.subarray(begin), end - begin, false) : begin;
    buffer.copyWithin(0, used, held);
    held -= used;
    onRead();
  }
  if (held === 0) return;
  if (buffer[held - 1] !== lineFeed) buffer[held++] = lineFeed;
  take(buffer, held, true);
}

function enlarged(buffer: Buffer): Buffer {
  if (buffer.length >= longestBytes) throw new Error(`a line is longer than ${longestBytes >> 20} MiB: is this a text file?`);
  const larger = Buffer.allocUnsafe(buffer.length * 2);
  buffer.copy(larger);
  return larger;
}
