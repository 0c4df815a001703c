/** A stage of an answer, and the time that it says it took. */
export interface StageTiming {
  name: string;
  us: number;
}

const timingKeys = ["timings", "timing", "stages", "latency", "latencies", "durations"];
const mostStages = 32;

/** `Server-Timing: embed;dur=12.3, search;desc="vector search";dur=4` (W3C): durations in ms. */
export function serverTimings(header: string): StageTiming[] {
  return header
    .split(",")
    .flatMap((entry) => {
      const [name = "", ...params] = entry.split(";").map((part) => part.trim());
      const duration = params.map((param) => /^dur\s*=\s*"?([\d.]+)"?$/i.exec(param)?.[1]).find((each) => each !== undefined);
      return /^[\w.-]+$/.test(name) && duration !== undefined ? [{ name, us: Number(duration) * 1000 }] : [];
    })
    .slice(0, mostStages);
}

/**
 * Stage timings of an answer: an object of numbers under `timings`, `stages` or the like, or a list of `{name, ms}`. Numbers are ms, unless
 * the stage's name says otherwise: `search_us`, `searchMs`, `search_s`.
 */
export function answerTimings(body: unknown): StageTiming[] {
  if (typeof body !== "object" || body === null) return [];
  const record = body as Record<string, unknown>;
  const found = timingKeys.map((key) => record[key]).find((value) => typeof value === "object" && value !== null);
  if (Array.isArray(found)) return found.flatMap(ofEntry).slice(0, mostStages);
  if (!found) return [];
  return Object.entries(found)
    .flatMap(([name, value]) => (typeof value === "number" && value >= 0 ? [withUnit(name, value)] : []))
    .slice(0, mostStages);
}

function ofEntry(entry: unknown): StageTiming[] {
  if (typeof entry !== "object" || entry === null) return [];
  const { name, stage, ms, duration_ms: durationMs, us, seconds } = entry as Record<string, unknown>;
  const called = name ?? stage;
  if (typeof called !== "string") return [];
  const took = [
    [ms ?? durationMs, 1000],
    [us, 1],
    [seconds, 1e6],
  ].find((pair): pair is [number, number] => typeof pair[0] === "number");
  return took ? [{ name: called, us: took[0] * took[1] }] : [];
}

function withUnit(name: string, value: number): StageTiming {
  const match = /^(.+?)(?:_?(us|ms|s|seconds)|(Us|Ms|Seconds))$/.exec(name);
  const unit = (match?.[2] ?? match?.[3] ?? "ms").toLowerCase();
  const stem = match && (match[3] !== undefined || name.includes(`_${match[2]}`)) ? match[1]! : name;
  const scale = stem === name ? 1000 : unit === "us" ? 1 : unit === "ms" ? 1000 : 1e6;
  return { name: stem, us: value * scale };
}
