const meanings: Record<string, string> = {
  ENOENT: "there is no such file or folder",
  EACCES: "reading it is not permitted",
  EPERM: "reading it is not permitted",
  EISDIR: "it is a folder",
  ELOOP: "its symbolic links lead in a circle",
  Z_BUF_ERROR: "the compressed data is cut short",
  Z_DATA_ERROR: "the compressed data is damaged",
  ZSTD_error_prefix_unknown: "it is not zstd data",
};

/** What the file system's refusal means, or that of a decompressor. */
export function sentenceOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "Z_DATA_ERROR" && message === "incorrect header check") return "it is not gzip data";
  if (code !== undefined && meanings[code]) return meanings[code];
  if (code?.startsWith("ZSTD_error")) return "the compressed data is damaged";
  return error instanceof Error ? message : String(error);
}

/** Whether a file, and not the program, is to blame: what comes from the file system or from a decompressor. */
export function isFileError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "syscall" in error || /^(Z_|ZSTD_|ERR_STREAM_PREMATURE)/.test(String((error as NodeJS.ErrnoException).code));
}
