import type { Reader, ReaderName } from "../contract.ts";
import { csvReader } from "./csv.ts";
import { deadLettersReader } from "./dead-letters.ts";
import { docxText, htmlText, markdownText, pdfText, plainText } from "./formats.ts";
import { jsonlReader } from "./jsonl.ts";
import { parquetReader } from "./parquet.ts";
import { vectorsReader } from "./vectors.ts";
import { wholeFileReader } from "./whole-file.ts";

interface ReaderEntry {
  read: Reader;
  /** What it makes of a small file that is not compressed is small as well: several may be read before their turn. */
  ahead?: true;
}

/** Every reader there is. Libraries are imported with the first file that needs them. */
export const readers: Readonly<Record<ReaderName, ReaderEntry>> = {
  jsonl: { read: jsonlReader, ahead: true },
  csv: { read: csvReader, ahead: true },
  parquet: { read: parquetReader },
  markdown: { read: wholeFileReader(markdownText), ahead: true },
  text: { read: wholeFileReader(plainText), ahead: true },
  html: { read: wholeFileReader(htmlText), ahead: true },
  pdf: { read: wholeFileReader(pdfText) },
  docx: { read: wholeFileReader(docxText) },
  npy: { read: vectorsReader("npy") },
  fvecs: { read: vectorsReader("fvecs") },
  bvecs: { read: vectorsReader("bvecs") },
  hdf5: { read: vectorsReader("hdf5") },
  "dead-letters": { read: deadLettersReader },
};
