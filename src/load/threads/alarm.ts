/**
 * When the pacer wakes, as numbers. A thread that sleeps until T wakes at T + oversleep (the timer and scheduling, 40 to 150 µs); a
 * message takes `lead` to reach the worker's loop. So: sleep until due − lead − early, spin until due − lead, post. `early` follows the
 * oversleep that is measured, and shrinks when the pacer's processor time goes over its budget.
 */
export interface AlarmState {
  /** Smoothed, µs. */
  oversleepUs: number;
  /** Smoothed mean deviation of it, µs. */
  deviationUs: number;
  /** From posting to the worker's loop taking it, smoothed, µs. */
  wakeUs: number;
  /** 0 to 1: how much of the ideal `early` the budget allows. */
  spinScale: number;
}

const maxEarlyUs = 250;
const maxLeadUs = 60;
const smoothing = 1 / 32;

export const initialAlarm: AlarmState = { oversleepUs: 50, deviationUs: 15, wakeUs: 15, spinScale: 1 };

/** How long before its target the sleep should end. */
export function earlyUs({ oversleepUs, deviationUs, spinScale }: AlarmState): number {
  return Math.min(maxEarlyUs, oversleepUs + 1.5 * deviationUs) * spinScale;
}

/** How long before an operation is due the worker is told. A little more than the message takes, so that it waits and not the operation. */
export function leadUs({ wakeUs }: AlarmState): number {
  return Math.min(maxLeadUs, wakeUs * 1.25 + 2);
}

/** @param measuredUs how much later than asked a sleep ended */
export function sleptOver(state: AlarmState, measuredUs: number): AlarmState {
  // One wake-up that was seconds late (a stopped process) must not spoil the estimate for long.
  const value = Math.min(1000, Math.max(0, measuredUs));
  const deviation = Math.abs(value - state.oversleepUs);
  return {
    ...state,
    oversleepUs: state.oversleepUs + (value - state.oversleepUs) * smoothing,
    deviationUs: state.deviationUs + (deviation - state.deviationUs) * smoothing,
  };
}

export function wokeAfter(state: AlarmState, measuredUs: number): AlarmState {
  const value = Math.min(200, Math.max(0, measuredUs));
  return { ...state, wakeUs: state.wakeUs + (value - state.wakeUs) * smoothing };
}

/**
 * @param share processor time that the pacer took since the last look, as a share of one core
 */
export function keepToBudget(state: AlarmState, share: number): AlarmState {
  if (share > pacerBudget) return { ...state, spinScale: Math.max(0, state.spinScale - 0.1) };
  if (share < pacerBudget * 0.85) return { ...state, spinScale: Math.min(1, state.spinScale + 0.1) };
  return state;
}

/** The share of a core that the pacer may take. */
export const pacerBudget = 0.08;
