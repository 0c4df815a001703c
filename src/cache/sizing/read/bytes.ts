import { open, type FileHandle } from "node:fs/promises";
import { Readable } from "node:stream";
import type { Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";

/** A file or a stream, decompressed, read into memory of the caller's. */
export interface ByteSource {
  /** Fills `into` from `offset` on. @returns how many bytes; 0 at the end @throws Error in plain words */
  read(into: Buffer, offset: number): Promise<number>;
  close(): Promise<void>;
  /** Of the file as it lies there; undefined for a stream. */
  sizeBytes: number | undefined;
  /** How much of it was read. */
  doneBytes(): number;
}

type Packing = "gzip" | "zstd";
const chunkSize = 1 << 18;
const unpackers: Record<Packing, () => Transform> = {
  gzip: () => createGunzip({ chunkSize }),
  zstd: () => createZstdDecompress({ chunkSize }),
};

/**
 * Opens a file, or stdin where it is `-`. Gzip and Zstandard are known by their first bytes; a name that promises either must keep it.
 * @throws Error in plain words
 */
export async function openSource(path: string, stdin: NodeJS.ReadableStream): Promise<ByteSource> {
  if (path === "-") return await streamSource(stdin as Readable);
  const handle = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new Error(error.code === "ENOENT" ? "there is no such file" : `cannot be read: ${error.message}`, { cause: error });
  });
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(4);
    const { bytesRead } = await handle.read(head, 0, 4, 0);
    const packing = packingOf(head.subarray(0, bytesRead));
    const promised = path.endsWith(".gz") ? "gzip" : /\.zstd?$/.test(path) ? "zstd" : undefined;
    if (promised !== undefined && promised !== packing && size > 0)
      throw new Error(`is not ${promised}, although its name says so`);
    return packing ? await packedFile(handle, packing, size) : plainFile(handle, size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function packingOf(head: Buffer): Packing | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  return head.length >= 4 && head.readUInt32LE(0) === 0xfd2fb528 ? "zstd" : undefined;
}

/** Read by position into the caller's own memory: a stream would allocate its chunks anew. */
function plainFile(handle: FileHandle, sizeBytes: number): ByteSource {
  let done = 0;
  return {
    sizeBytes,
    doneBytes: () => done,
    async read(into, offset) {
      const { bytesRead } = await handle.read(into, offset, into.length - offset, null);
      done += bytesRead;
      return bytesRead;
    },
    close: () => handle.close(),
  };
}

async function packedFile(handle: FileHandle, packing: Packing, sizeBytes: number): Promise<ByteSource> {
  const file = handle.createReadStream({ start: 0, highWaterMark: chunkSize });
  return fromChunks(unpacked(file, packing), packing, () => file.bytesRead, sizeBytes);
}

async function streamSource(stream: Readable): Promise<ByteSource> {
  const chunks = stream[Symbol.asyncIterator]();
  let done = 0;
  const head: Buffer[] = [];
  for (let length = 0; length < 4;) {
    const { value, done: ended } = await chunks.next();
    if (ended) break;
    head.push(Buffer.from(value));
    length += head.at(-1)!.length;
  }
  async function* all() {
    for (const chunk of head) {
      done += chunk.length;
      yield chunk;
    }
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) {
      const chunk = Buffer.from(next.value);
      done += chunk.length;
      yield chunk;
    }
  }
  const plain = Readable.from(all(), { objectMode: false });
  const packing = packingOf(Buffer.concat(head).subarray(0, 4));
  return fromChunks(packing ? unpacked(plain, packing) : plain, packing, () => done, undefined);
}

function unpacked(packed: Readable, packing: Packing): Readable {
  const plain = unpackers[packing]();
  packed.on("error", (error) => plain.destroy(error));
  plain.on("close", () => packed.destroy());
  return packed.pipe(plain);
}

function fromChunks(
  stream: Readable,
  packing: Packing | undefined,
  doneBytes: () => number,
  sizeBytes: number | undefined,
): ByteSource {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return {
    sizeBytes,
    doneBytes,
    async read(into, offset) {
      if (rest.length === 0) {
        try {
          const { value, done } = await chunks.next();
          if (done) return 0;
          rest = value as Buffer;
        } catch (error) {
          throw new Error(whatFailed(error as NodeJS.ErrnoException, packing), { cause: error });
        }
      }
      const copied = rest.copy(into, offset);
      rest = rest.subarray(copied);
      return copied;
    },
    async close() {
      stream.destroy();
    },
  };
}

function whatFailed({ code, message }: NodeJS.ErrnoException, packing: Packing | undefined): string {
  const cut = code === "Z_BUF_ERROR" || /unexpected end|truncated|incomplete/i.test(message);
  if (packing === undefined) return `cannot be read: ${message}`;
  return cut ? `the ${packing} stream ends too early: was it copied whole?` : `the ${packing} stream is broken: ${message}`;
}
