import type { ReaderOptions } from "../contract.ts";

export const defaultReaderOptions: ReaderOptions = {
  idField: "id",
  textField: "text",
  titleField: "title",
  vectorField: "vector",
  payload: "all",
  idPrefix: "",
};
