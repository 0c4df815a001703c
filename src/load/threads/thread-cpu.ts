/**
 * Processor time of the calling thread so far, µs; undefined on a Node that does not tell (before 23.9).
 * @param source the thread's `process`
 */
export function threadCpuUs(source: { threadCpuUsage?: () => { user: number; system: number } }): number | undefined {
  const usage = source.threadCpuUsage?.();
  return usage && usage.user + usage.system;
}
