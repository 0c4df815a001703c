import { formatCount, formatDurationMs, formatRate } from "../units.ts";
import type { Clock, Output } from "../runtime.ts";

interface ProgressTask {
  /** @param done units finished so far; @param note a few words on the state now */
  update(done: number, note?: string): void;
  /** Units in all, when they become known later than the start. */
  setTotal(total: number): void;
  end(note?: string): void;
}

export interface Progress {
  /** Starts a line. `total` undefined: a count without ETA. `unit` is a plural: "documents". `rate`, `eta` false: not said. */
  start(label: string, options?: { total?: number; unit?: string; rate?: boolean; eta?: boolean }): ProgressTask;
}

export const silentProgress: Progress = { start: () => ({ update() {}, setTotal() {}, end() {} }) };

const redrawEveryMs = 100;

/** One line on a terminal, redrawn at most ten times a second and erased at the end unless a closing note is given. */
export function terminalProgress(output: Output, clock: Clock): Progress {
  return {
    start(label, { total, unit = "", rate = true, eta = true } = {}) {
      const startedMs = clock.nowMs();
      let known = total;
      let lastDrawMs = startedMs;
      let ended = false;
      const draw = (done: number, note: string | undefined) => {
        const line = progressLine({ label, done, total: known, unit, note, rate, eta, elapsedMs: clock.nowMs() - startedMs });
        output.write(`\r\u001b[2K${line.slice(0, output.columns - 1)}`);
      };
      draw(0, undefined);
      return {
        update(done, note) {
          if (ended || clock.nowMs() - lastDrawMs < redrawEveryMs) return;
          lastDrawMs = clock.nowMs();
          draw(done, note);
        },
        setTotal(value) {
          known = value;
        },
        end(note) {
          if (ended) return;
          ended = true;
          output.write(`\r\u001b[2K${note === undefined ? "" : `${label}: ${note}\n`}`);
        },
      };
    },
  };
}

/** The text of a progress line; ETA from the mean rate so far, once a second has passed. */
export function progressLine(state: {
  label: string;
  done: number;
  total: number | undefined;
  unit: string;
  note: string | undefined;
  rate?: boolean;
  eta?: boolean;
  elapsedMs: number;
}): string {
  const { label, done, total, unit, note, rate = true, eta = true, elapsedMs } = state;
  const unitText = unit ? ` ${unit}` : "";
  const parts = [
    total === undefined ? `${formatCount(done)}${unitText}` : `${formatCount(done)} of ${formatCount(total)}${unitText}`,
  ];
  if (elapsedMs >= 1000 && done > 0) {
    const perSec = (done / elapsedMs) * 1000;
    if (rate) parts.push(formatRate(perSec));
    if (eta && total !== undefined && done < total) parts.push(`${formatDurationMs(((total - done) / perSec) * 1000)} left`);
  }
  if (note) parts.push(note);
  return `${label}: ${parts.join(" · ")}`;
}
