/** What workers count in: a tenth of a second. Windows are whole numbers of these. */
export const tickUs = 100_000;

/** What is due this little before the border of two windows belongs to the later one: times are sums of fractions, and whoever rounds must round alike. */
export const edgeUs = 0.01;

/** A run that is too short for this many seconds is cut finer: a comparison needs windows, and a plot points. */
const windowsWanted = 60;

/** The length of a run's windows in ms: a second, but 500, 200 or 100 ms for a run of less than a minute. Divides a second evenly. */
export function windowMsOf(durationMs: number): number {
  return [1000, 500, 200].find((lengthMs) => durationMs / lengthMs >= windowsWanted) ?? 100;
}
