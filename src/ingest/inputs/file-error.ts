/** What the file system's refusal means. */
export function sentenceOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "there is no such file or folder";
  if (code === "EACCES" || code === "EPERM") return "reading it is not permitted";
  if (code === "ELOOP") return "its symbolic links lead in a circle";
  if (code === undefined && !(error instanceof Error)) return String(error);
  return message;
}
