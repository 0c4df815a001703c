/** A bucket of tokens that fills by itself, or by what is put into it. Numbers and an explicit clock, no timers. */
export interface TokenBucket {
  readonly capacity: number;
  readonly ratePerSec: number;
  tokens: number;
  atUs: number;
}

/** Full at first. */
export function newBucket(ratePerSec: number, capacity: number, nowUs: number): TokenBucket {
  return { capacity, ratePerSec, tokens: capacity, atUs: nowUs };
}

/** Takes `tokens` if there are as many; all or nothing. */
export function takeTokens(bucket: TokenBucket, nowUs: number, tokens = 1): boolean {
  bucket.tokens = Math.min(bucket.capacity, bucket.tokens + (Math.max(0, nowUs - bucket.atUs) / 1e6) * bucket.ratePerSec);
  bucket.atUs = Math.max(bucket.atUs, nowUs);
  if (bucket.tokens < tokens) return false;
  bucket.tokens -= tokens;
  return true;
}

export function addTokens(bucket: TokenBucket, tokens: number): void {
  bucket.tokens = Math.min(bucket.capacity, bucket.tokens + tokens);
}
