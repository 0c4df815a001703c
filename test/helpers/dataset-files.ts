import { writeFileSync } from "node:fs";
import type { SchemaElement } from "hyparquet";
import { seededRng } from "../../src/runtime.ts";
import { normal } from "./sim-queue.ts";

/** Clustered vectors, the components of which are exact in float16. */
export function clusteredVectors(rows: number, dim: number, seed = 1): Float32Array[] {
  const rng = seededRng(seed);
  const centres = Array.from({ length: 5 }, () => Float32Array.from({ length: dim }, () => 4 * normal(rng)));
  return Array.from({ length: rows }, () => {
    const centre = centres[Math.floor(rng() * centres.length)]!;
    // No negative zeros: text formats write them as 0.
    return centre.map((value) => Math.round((value + 0.5 * normal(rng)) * 16) / 16 || 0);
  });
}

/** A file of the TEXMEX formats. */
export function writeVecs(path: string, kind: "fvecs" | "bvecs" | "ivecs", rows: readonly ArrayLike<number>[]): void {
  const parts = rows.map((row) => {
    const size = kind === "bvecs" ? 1 : 4;
    const bytes = Buffer.alloc(4 + row.length * size);
    bytes.writeInt32LE(row.length, 0);
    for (let i = 0; i < row.length; i++)
      if (kind === "fvecs") bytes.writeFloatLE(row[i]!, 4 + i * 4);
      else if (kind === "ivecs") bytes.writeInt32LE(row[i]!, 4 + i * 4);
      else bytes.writeUInt8(row[i]!, 4 + i);
    return bytes;
  });
  writeFileSync(path, Buffer.concat(parts));
}

export interface NpyForm {
  version?: 1 | 2 | 3;
  descr?: string;
  fortran?: boolean;
  shape?: number[];
}

/** The schema of a Parquet column that is a list of float32, as Arrow and pandas write it. */
export function listOfFloats(name: string): SchemaElement[] {
  return [
    { name, repetition_type: "OPTIONAL", num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", repetition_type: "OPTIONAL", type: "FLOAT" },
  ];
}

/** As numpy.save writes it. `values` in C order; `shape` of the rows unless given. */
export function npyBytes(
  rows: readonly ArrayLike<number>[],
  { version = 1, descr = "<f4", fortran = false, shape }: NpyForm = {},
): Buffer {
  const [n, dim] = [rows.length, rows[0]?.length ?? 0];
  const dims = shape ?? [n, dim];
  const header = `{'descr': '${descr}', 'fortran_order': ${fortran ? "True" : "False"}, 'shape': (${dims.join(", ")}${dims.length === 1 ? "," : ""}), }`;
  const prefix = version === 1 ? 10 : 12;
  const padded = `${header}${" ".repeat(63 - ((prefix + header.length) % 64))}\n`;
  const start = Buffer.alloc(prefix);
  start.write("\u0093NUMPY", 0, "latin1");
  start[6] = version;
  if (version === 1) start.writeUInt16LE(padded.length, 8);
  else start.writeUInt32LE(padded.length, 8);
  const size = Number(descr.at(-1));
  const view = new DataView(new ArrayBuffer(n * dim * size));
  const little = !descr.startsWith(">");
  for (let r = 0; r < n; r++)
    for (let d = 0; d < dim; d++) {
      const offset = (fortran ? d * n + r : r * dim + d) * size;
      const value = rows[r]![d]!;
      if (size === 2) view.setUint16(offset, halfBits(value), little);
      else if (size === 4) view.setFloat32(offset, value, little);
      else view.setFloat64(offset, value, little);
    }
  return Buffer.concat([start, Buffer.from(padded, "latin1"), Buffer.from(view.buffer)]);
}

/** binary16 of a value that it holds exactly. */
function halfBits(value: number): number {
  if (value === 0) return 0;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 0x7e00 : value > 0 ? 0x7c00 : 0xfc00;
  const exponent = Math.max(-14, Math.floor(Math.log2(Math.abs(value))));
  const fraction = Math.round((Math.abs(value) / 2 ** exponent) * 1024);
  return (value < 0 ? 0x8000 : 0) | (fraction < 1024 ? fraction : ((exponent + 15) << 10) | (fraction - 1024));
}
