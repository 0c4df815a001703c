/** Where texts may be cut; these words stand in `--chunk`. */
export const chunkerNames = ["recursive", "markdown", "sentences", "tokens"] as const;
