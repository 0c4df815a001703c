import { extname } from "node:path";
import type { InputFile, ReaderName } from "../contract.ts";

/** File names that a reader takes by themselves. */
const extensions = {
  jsonl: [".jsonl", ".ndjson"],
  csv: [".csv", ".tsv"],
  parquet: [".parquet"],
  markdown: [".md", ".markdown", ".mdx"],
  text: [".txt", ".text"],
  html: [".html", ".htm", ".xhtml"],
  pdf: [".pdf"],
  docx: [".docx"],
  npy: [".npy"],
  fvecs: [".fvecs"],
  bvecs: [".bvecs"],
  hdf5: [".hdf5", ".h5"],
} as const satisfies Record<Exclude<ReaderName, "dead-letters">, readonly string[]>;

const compressions = { ".gz": "gzip", ".zst": "zstd" } as const satisfies Record<string, InputFile["compression"]>;

/** What a file may be; these words stand in `--format`. */
export type Format = keyof typeof extensions;
export const formats = Object.keys(extensions) as [Format, ...Format[]];

/** Their rows are numbered, and so are their points: two of them in one run would be one another's. */
export const numberedFormats: readonly ReaderName[] = ["npy", "fvecs", "bvecs", "hdf5"];

/** `.jsonl, .ndjson, .csv, …` */
export const readableExtensions = `${Object.values(extensions).flat().join(", ")}, each also as .gz or .zst`;

/** What a file of this name is; no `reader`: nobody takes it. */
export function kindOf(path: string): { reader?: Format; compression?: "gzip" | "zstd" } {
  const outer = extname(path).toLowerCase();
  const compression = Object.entries(compressions).find(([extension]) => extension === outer)?.[1];
  const extension = compression ? extname(path.slice(0, -outer.length)).toLowerCase() : outer;
  const reader = formats.find((name) => (extensions[name] as readonly string[]).includes(extension));
  return { ...(reader ? { reader } : {}), ...(compression ? { compression } : {}) };
}
