/** What starts a worker's operations: the open loop's generator, or a closed loop of virtual users. Whoever drives it holds the timers. */
export interface Drive {
  /** @param startUs monotonic time of offset 0 of the run */
  start(startUs: number): void;
  /** Starts everything that is due by now. */
  pump(): void;
  /** Ends what has been under way for longer than the timeout. */
  sweep(): void;
  /** Nothing that is due later than now is started. */
  stop(): void;
  /** Gives up what is still under way. */
  abandon(): void;
  readonly finished: boolean;
  /** Monotonic, of operations that count; 0 while there are none. */
  readonly lastSentUs: number;
  readonly lastEndUs: number;
}
