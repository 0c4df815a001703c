export type DatasetKind = "npy" | "fvecs" | "bvecs" | "ivecs" | "hdf5" | "parquet" | "csv" | "jsonl";

/** True neighbours of one query, nearest first: row numbers of the base vectors, and their distances where the file has them. */
export interface Neighbors {
  rows: Int32Array;
  distances?: Float32Array;
}

/**
 * Vectors or texts in a file, read a stretch at a time; rows count from 0. Every reader throws RagctlError (exit 2) that names the file and the row
 * where a row is cut short, has another dimension, or holds NaN or infinity.
 */
export interface Dataset {
  readonly path: string;
  readonly kind: DatasetKind;
  readonly rows: number;
  /** Of the vectors; 0 where the file holds texts only. */
  readonly dim: number;
  /** `count` vectors from row `start` on (fewer at the end). Rejects where there are none. */
  rowsOf(start: number, count: number): Promise<Float32Array[]>;
  /** The texts of the same rows; absent where the file has none. */
  texts?(start: number, count: number): Promise<string[]>;
  /** Ground truth of the same rows; absent where the file has none. */
  neighbors?(start: number, count: number): Promise<Neighbors[]>;
  /** How many vectors there are that neighbours are row numbers of, where the file holds them. */
  readonly baseRows?: number;
  /** `angular`, `euclidean` …, where the file says what its distances are. */
  readonly distance?: string;
  close(): Promise<void>;
}

export interface DatasetOptions {
  /** Default: by the file's extension. */
  kind?: DatasetKind;
  /**
   * HDF5: the data set (default `train`). Parquet, JSONL, CSV with a header: the column of vectors or of texts (default: `vector`,
   * `embedding`, `emb`, `text`, `content`, or the first that fits).
   */
  field?: string;
  /** What the dimension must be; a one-dimensional npy is cut into rows of it. */
  dim?: number;
}

/** Opens one kind of file. `dim` has been checked to be a whole number above 0. */
export type OpenDataset = (path: string, options: DatasetOptions) => Promise<Dataset>;
