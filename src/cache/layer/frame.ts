import { crc32, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";

/**
 * A value as it lies in the cache: 24 bytes of header, then the payload. What does not begin with the header's mark is somebody else's value and is taken as it is.
 *
 *     0  mark: 89 52 43 1A      4  version 1      5  flags: bits 0-1 codec, bit 2 "there is nothing"
 *     6  0 0                    8  float32 LE: what computing it took, ms
 *     12 float64 LE: when it ends, ms since the epoch (0: not said)       20 CRC-32 of the payload as it lies here
 */
const mark = Buffer.from([0x89, 0x52, 0x43, 0x1a]);
const version = 1;
const headerBytes = 24;
const codecs = ["off", "gzip", "zstd"] as const;
export type Codec = (typeof codecs)[number];
const negativeBit = 4;
/** What a small hostile value may unpack to. */
const maxOutputLength = 256 * 1024 * 1024;

export interface Frame {
  /** Undefined: known to be nothing. */
  value: Buffer | undefined;
  computeUs: number;
  /** 0: not said. */
  expiresAtMs: number;
}

/** @param codec to use where it makes the value smaller */
export function frame({ value, computeUs, expiresAtMs }: Frame, codec: Codec): Buffer {
  const packed = value === undefined ? Buffer.alloc(0) : pack(value, codec);
  const smaller = value === undefined || packed.length < value.length;
  const payload = smaller ? packed : value;
  const head = Buffer.alloc(headerBytes);
  mark.copy(head);
  head[4] = version;
  head[5] = value === undefined ? negativeBit : smaller ? codecs.indexOf(codec) : 0;
  head.writeFloatLE(computeUs / 1000, 8);
  head.writeDoubleLE(expiresAtMs, 12);
  head.writeUInt32LE(crc32(payload), 20);
  return Buffer.concat([head, payload]);
}

export type Unframed = (Frame & { kind: "framed" }) | { kind: "foreign"; value: Buffer } | { kind: "poisoned"; why: string };

export function unframe(bytes: Buffer): Unframed {
  if (bytes.length < mark.length || !bytes.subarray(0, mark.length).equals(mark)) return { kind: "foreign", value: bytes };
  if (bytes.length < headerBytes) return { kind: "poisoned", why: "it is cut off within its header" };
  if (bytes[4] !== version) return { kind: "poisoned", why: `its version is ${bytes[4]}, known is ${version}` };
  const payload = bytes.subarray(headerBytes);
  if (crc32(payload) !== bytes.readUInt32LE(20)) return { kind: "poisoned", why: "its checksum is not that of its bytes" };
  const codec = codecs[bytes[5]! & 3];
  const computeUs = bytes.readFloatLE(8) * 1000;
  const expiresAtMs = bytes.readDoubleLE(12);
  try {
    const value = bytes[5]! & negativeBit ? undefined : unpack(payload, codec);
    return { kind: "framed", value, computeUs, expiresAtMs };
  } catch (error) {
    return { kind: "poisoned", why: `it cannot be unpacked: ${(error as Error).message}` };
  }
}

function pack(value: Buffer, codec: Codec): Buffer {
  if (codec === "off") return value;
  return codec === "zstd" ? zstdCompressSync(value) : gzipSync(value);
}

function unpack(payload: Buffer, codec: Codec | undefined): Buffer {
  if (codec === undefined) throw new Error("its codec is not known");
  if (codec === "off") return payload;
  return codec === "zstd" ? zstdDecompressSync(payload, { maxOutputLength }) : gunzipSync(payload, { maxOutputLength });
}
