import type { Dataset, DatasetKind } from "./contract.ts";
import type { FileBytes } from "./file-bytes.ts";
import type { LineIndex } from "./lines.ts";
import { checkDim, checkFinite, clampCount, datasetError } from "./problems.ts";

/** What one line of a text format says. A parser throws a plain Error with a clause; the row is added here. */
export interface LineParser {
  vector?: (line: string) => ArrayLike<number>;
  text?: (line: string) => string;
}

/** A data set over lines, the first `skip` of which are no rows. */
export async function lineDataset(
  file: FileBytes,
  kind: DatasetKind,
  index: LineIndex,
  skip: number,
  parser: LineParser,
  wantedDim: number | undefined,
): Promise<Dataset> {
  const { path } = file;
  const rows = index.lines - skip;
  if (rows <= 0) throw datasetError(path, "holds no rows");
  const read = async <T>(start: number, count: number, parse: (line: string) => T): Promise<T[]> =>
    (await index.read(start + skip, clampCount(path, rows, start, count))).map((line, i) => {
      try {
        return parse(line);
      } catch (error) {
        throw datasetError(path, (error as Error).message, start + i);
      }
    });
  const { vector, text } = parser;
  const dim = vector ? (await read(0, 1, vector))[0]!.length : 0;
  if (vector) checkDim(path, dim, wantedDim);
  return {
    path,
    kind,
    rows,
    dim,
    rowsOf: async (start, count) => {
      if (!vector) throw datasetError(path, "holds texts, and vectors are wanted");
      return (await read(start, count, vector)).map((values, i) => {
        if (values.length !== dim)
          throw datasetError(path, `has ${values.length} dimensions, the first row has ${dim}`, start + i);
        return checkFinite(path, Float32Array.from(values), start + i);
      });
    },
    ...(text ? { texts: (start: number, count: number) => read(start, count, text) } : {}),
    close: () => file.close(),
  };
}
