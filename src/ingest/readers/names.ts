/** What a file may be; these words stand in `--format`. */
export const formats = ["jsonl", "markdown", "text"] as const;
