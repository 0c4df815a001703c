import { extname } from "node:path";
import type { Dataset, DatasetKind, DatasetOptions, OpenDataset } from "./contract.ts";
import { openCsv } from "./csv.ts";
import { openHdf5 } from "./hdf5.ts";
import { openJsonl } from "./jsonl.ts";
import { openNpy } from "./npy.ts";
import { openParquet } from "./parquet.ts";
import { datasetError } from "./problems.ts";
import { openVecs } from "./vecs.ts";

export type { Dataset, DatasetOptions } from "./contract.ts";

/** Every kind of file, and the extensions it is known by. The libraries of HDF5 and Parquet are imported when first needed. */
const datasetKinds = {
  npy: { open: openNpy, extensions: [".npy"] },
  fvecs: { open: openVecs("fvecs"), extensions: [".fvecs"] },
  bvecs: { open: openVecs("bvecs"), extensions: [".bvecs"] },
  ivecs: { open: openVecs("ivecs"), extensions: [".ivecs"] },
  hdf5: { open: openHdf5, extensions: [".hdf5", ".h5"] },
  parquet: { open: openParquet, extensions: [".parquet"] },
  csv: { open: openCsv, extensions: [".csv"] },
  jsonl: { open: openJsonl, extensions: [".jsonl", ".ndjson"] },
} as const satisfies Record<DatasetKind, { open: OpenDataset; extensions: readonly string[] }>;

/**
 * Opens a file of vectors or texts; what it holds is read a stretch at a time.
 * @throws RagctlError (exit 2) that names the file, and the row where it is about one
 */
export async function openDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  if (options.dim !== undefined && (!Number.isInteger(options.dim) || options.dim < 1))
    throw datasetError(path, `a dimension of ${options.dim} is not possible`);
  return datasetKinds[options.kind ?? kindOf(path)].open(path, options);
}

/** @throws RagctlError (exit 2) for an extension that says nothing */
function kindOf(path: string): DatasetKind {
  const extension = extname(path).toLowerCase();
  for (const [kind, { extensions }] of Object.entries(datasetKinds))
    if ((extensions as readonly string[]).includes(extension)) return kind as DatasetKind;
  const known = Object.values(datasetKinds).flatMap(({ extensions }) => extensions);
  throw datasetError(path, `the extension "${extension}" names no known kind of data set (${known.join(", ")})`);
}
