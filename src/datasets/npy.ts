import { endianness } from "node:os";
import type { Dataset, DatasetOptions } from "./contract.ts";
import { type FileBytes, openBytes } from "./file-bytes.ts";
import { halfToFloat } from "./half.ts";
import { checkDim, checkFinite, clampCount, datasetError } from "./problems.ts";

interface NpyHeader {
  /** `<f4`: byte order, kind, bytes. */
  descr: string;
  fortranOrder: boolean;
  shape: number[];
  dataOffset: number;
}

/** NumPy's own format, versions 1 to 3: float16, float32 or float64, either byte order, C or Fortran order, one or two dimensions. */
export async function openNpy(path: string, options: DatasetOptions): Promise<Dataset> {
  const file = await openBytes(path);
  try {
    return await openMatrix(file, options);
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function openMatrix(file: FileBytes, options: DatasetOptions): Promise<Dataset> {
  const { path } = file;
  const header = await readHeader(file);
  const { read, bytes: size } = componentReader(path, header.descr);
  const [rows, dim] = matrixShape(path, header, options.dim);
  if (rows === 0 || dim === 0) throw datasetError(path, `holds no vectors: its shape is (${header.shape.join(", ")})`);
  checkDim(path, dim, options.dim);
  const { dataOffset } = header;
  const wanted = dataOffset + rows * dim * size;
  if (file.size < wanted) {
    const whole = Math.max(0, Math.floor((file.size - dataOffset) / (dim * size)));
    throw datasetError(
      path,
      `cut short: ${rows} rows take ${wanted} bytes, and there are ${file.size}`,
      header.fortranOrder ? undefined : whole,
    );
  }
  // In Fortran order a column's values are neighbours: one read per column gives a stretch of rows.
  const columnMajor = header.fortranOrder && header.shape.length === 2;
  return {
    path,
    kind: "npy",
    rows,
    dim,
    rowsOf: async (start, count) => {
      const take = clampCount(path, rows, start, count);
      const vectors = Array.from({ length: take }, () => new Float32Array(dim));
      if (columnMajor) {
        for (let column = 0; column < dim; column++) {
          const view = viewOf(await file.read(dataOffset + (column * rows + start) * size, take * size));
          for (let i = 0; i < take; i++) vectors[i]![column] = read(view, i * size);
        }
      } else {
        const bytes = await file.read(dataOffset + start * dim * size, take * dim * size);
        const floats = nativeFloats(header.descr, bytes);
        if (floats) return vectors.map((_, i) => checkFinite(path, floats.slice(i * dim, (i + 1) * dim), start + i));
        const view = viewOf(bytes);
        for (let i = 0; i < take; i++) for (let d = 0; d < dim; d++) vectors[i]![d] = read(view, (i * dim + d) * size);
      }
      return vectors.map((vector, i) => checkFinite(path, vector, start + i));
    },
    close: () => file.close(),
  };
}

async function readHeader(file: FileBytes): Promise<NpyHeader> {
  const { path } = file;
  if (file.size < 10) throw datasetError(path, `cut short: ${file.size} bytes, and an npy header takes at least 10`);
  const start = await file.read(0, Math.min(12, file.size));
  if (start.toString("latin1", 0, 6) !== "\u0093NUMPY")
    throw datasetError(path, "this is not an npy file: it does not begin with \\x93NUMPY");
  const version = start[6]!;
  if (version < 1 || version > 3) throw datasetError(path, `npy version ${version} is not known (1, 2 and 3 are)`);
  const prefix = version === 1 ? 10 : 12;
  const length = version === 1 ? start.readUInt16LE(8) : file.size < 12 ? 0 : start.readUInt32LE(8);
  if (prefix + length > file.size) throw datasetError(path, "cut short within the npy header");
  return parseHeader(path, (await file.read(prefix, length)).toString(version === 3 ? "utf8" : "latin1"), prefix + length);
}

/** The header is a Python dict literal that NumPy always writes in this form. */
function parseHeader(path: string, text: string, dataOffset: number): NpyHeader {
  const descr = /'descr'\s*:\s*'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text)?.[1];
  const shape = /'shape'\s*:\s*\(([\d,\sL]*)\)/.exec(text)?.[1];
  if (order === undefined || shape === undefined)
    throw datasetError(path, "the npy header is damaged: it lacks fortran_order or shape");
  if (descr === undefined) throw datasetError(path, "structured npy arrays are not supported: float16, float32 and float64 are");
  const sizes = shape.split(",").map((part) => part.replace("L", "").trim());
  return { descr, fortranOrder: order === "True", shape: sizes.filter((part) => part !== "").map(Number), dataOffset };
}

/** A one-dimensional array is one vector, or rows of the dimension that was asked for. */
function matrixShape(path: string, { shape }: NpyHeader, wanted: number | undefined): [rows: number, dim: number] {
  if (shape.length === 2) return [shape[0]!, shape[1]!];
  if (shape.length !== 1)
    throw datasetError(path, `has ${shape.length} dimensions (${shape.join(", ")}): one row per vector, so 2, is what is read`);
  const values = shape[0]!;
  return wanted !== undefined && values % wanted === 0 ? [values / wanted, wanted] : [1, values];
}

function componentReader(path: string, descr: string): { read: (view: DataView, offset: number) => number; bytes: number } {
  const little = !descr.startsWith(">");
  const type = descr.slice(/^[<>=|]/.test(descr) ? 1 : 0);
  if (type === "f4") return { read: (view, offset) => view.getFloat32(offset, little), bytes: 4 };
  if (type === "f8") return { read: (view, offset) => view.getFloat64(offset, little), bytes: 8 };
  if (type === "f2") return { read: (view, offset) => halfToFloat(view.getUint16(offset, little)), bytes: 2 };
  throw datasetError(path, `components of type ${descr} are not supported: float16, float32 and float64 are`);
}

/** The usual case, float32 in the machine's own byte order, without looking at every number by itself. */
function nativeFloats(descr: string, { buffer, byteOffset, length }: Buffer): Float32Array | undefined {
  if (descr !== "<f4" || endianness() !== "LE" || byteOffset % 4 !== 0) return undefined;
  return new Float32Array(buffer, byteOffset, length / 4);
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
