/** Leave to send one request, until it is given back. */
export interface Leave {
  /**
   * The request has been answered, or certainly will not be sent any more: from now on it takes one second until its place
   * is free again. Called once.
   */
  done(): void;
}

/** Lets requests through, so that never more than a given number reach the other side in any second. */
export interface RequestLimiter {
  /** Waits its turn, first come, first served within this process. Rejects with the signal's reason on abort. */
  enter(signal?: AbortSignal): Promise<Leave>;
  close(): Promise<void>;
}

/** `places` requests in any `windowMs`: what a rate means. */
export interface RateWindow {
  places: number;
  windowMs: number;
}

/** 20/s is twenty in any second, 2.5/s two, and 30/m one in any two seconds. */
export function rateWindow(ratePerSec: number): RateWindow {
  return ratePerSec >= 1 ? { places: Math.floor(ratePerSec), windowMs: 1000 } : { places: 1, windowMs: 1000 / ratePerSec };
}
