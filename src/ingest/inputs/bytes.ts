import { createReadStream } from "node:fs";
import type { Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import type { InputFile, ReaderContext } from "../contract.ts";

/** Compressed data may unpack to a thousand times its size, and what one block gives is in memory at once. */
const packedBlockBytes = 16 * 1024;
const blockBytes = 256 * 1024;

const magic = { gzip: Buffer.from([0x1f, 0x8b]), zstd: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) };

/**
 * What a file holds, unpacked, from a place on. All that could be read comes before an error is thrown, which is one of the file
 * system or of the decompressor (`isFileError`).
 * @param from bytes of the unpacked content to leave out
 */
export async function* bytesOf(
  file: InputFile,
  { signal, onBytes }: Pick<ReaderContext, "signal" | "onBytes">,
  from = 0,
): AsyncGenerator<Buffer> {
  const source = file.stream
    ? counted(file.stream as AsyncIterable<Buffer | string>, onBytes)
    : counted(
        createReadStream(file.path, {
          highWaterMark: file.compression ? packedBlockBytes : blockBytes,
          start: file.compression ? 0 : from,
          signal,
        }),
        onBytes,
      );
  if (file.stream) yield* without(sniffed(source), from);
  else if (file.compression) yield* without(unpacked(source, decompressor(file.compression)), from);
  else yield* source;
}

async function* counted(source: AsyncIterable<Buffer | string>, onBytes: (delta: number) => void): AsyncGenerator<Buffer> {
  for await (const block of source) {
    const bytes = typeof block === "string" ? Buffer.from(block) : block;
    onBytes(bytes.length);
    yield bytes;
  }
}

/** Standard input has no name that says whether it is compressed; its first bytes do. */
async function* sniffed(source: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 4) {
    const next = await source.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  const compression = (["gzip", "zstd"] as const).find((kind) => head.subarray(0, magic[kind].length).equals(magic[kind]));
  const whole = (async function* () {
    for (let at = 0; at < head.length; at += packedBlockBytes) yield head.subarray(at, at + packedBlockBytes);
    yield* source;
  })();
  yield* compression ? unpacked(whole, decompressor(compression)) : whole;
}

function decompressor(compression: "gzip" | "zstd"): Transform {
  return compression === "gzip" ? createGunzip() : createZstdDecompress();
}

/** Like a pipe, but what was unpacked before an error is not lost. */
async function* unpacked(source: AsyncIterable<Buffer>, transform: Transform): AsyncGenerator<Buffer> {
  const made: Buffer[] = [];
  let failure: { error: unknown } | undefined;
  let wake = () => {};
  transform.on("data", (block: Buffer) => made.push(block));
  transform.on("error", (error) => {
    failure = { error };
    wake();
  });
  const step = (start: (done: () => void) => void) =>
    new Promise<void>((resolve) => {
      wake = resolve;
      if (failure) resolve();
      else start(resolve);
    });
  try {
    for await (const block of source) {
      await step((done) => transform.write(block, () => done()));
      yield* made.splice(0);
      if (failure) throw failure.error;
    }
    await step((done) => transform.once("close", done).end());
    yield* made.splice(0);
    if (failure) throw failure.error;
  } finally {
    transform.destroy();
  }
}

async function* without(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const block of source) {
    if (left < block.length) yield left > 0 ? block.subarray(left) : block;
    left = Math.max(0, left - block.length);
  }
}
