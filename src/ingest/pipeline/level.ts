import type { Clock } from "../../runtime.ts";

/** How high something stands (workers at work, items waiting), and its integral over time: means over any stretch follow from two readings. */
export class Level {
  readonly #clock: Clock;
  #value = 0;
  #integral = 0;
  #sinceUs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceUs = clock.monotonicUs();
  }

  get value(): number {
    return this.#value;
  }

  /** Units × µs since it was made. */
  get integralUs(): number {
    return this.#integral + this.#value * (this.#clock.monotonicUs() - this.#sinceUs);
  }

  set(value: number): void {
    this.#integral = this.integralUs;
    this.#sinceUs = this.#clock.monotonicUs();
    this.#value = value;
  }
}
