import type { CachedSearchOperationSpec } from "../contract.ts";

/** Questions by number: the text that is their key in a cache, and their vector where there is one. */
export interface QuestionList {
  count: number;
  textOf: (item: number) => string;
  vectorOf: (item: number) => Float32Array | undefined;
}

export function questionList(questions: CachedSearchOperationSpec["questions"]): QuestionList {
  if ("texts" in questions) {
    const { texts } = questions;
    return { count: texts.length, textOf: (item) => texts[item]!, vectorOf: () => undefined };
  }
  const { dim, count } = questions;
  const all = new Float32Array(questions.vectors);
  return {
    count,
    textOf: (item) => `vector ${item}`,
    vectorOf: (item) => all.slice(item * dim, (item + 1) * dim),
  };
}
