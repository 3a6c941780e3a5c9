import type { BudgetWindow } from '@karta/protocol';

/** One run of a cap from nothing to its end. */
export interface WindowBounds {
  start: Date;
  /** `null`: never. */
  end: Date | null;
}

/** Where the one window of a cap without end begins. */
const EVER = new Date(0);

/** The window of UTC into which a moment falls. */
export function windowAt(period: BudgetWindow, at: Date): WindowBounds {
  const year = at.getUTCFullYear();
  const month = at.getUTCMonth();
  switch (period) {
    case 'day': {
      const day = at.getUTCDate();
      return { start: utc(year, month, day), end: utc(year, month, day + 1) };
    }
    case 'month':
      return { start: utc(year, month, 1), end: utc(year, month + 1, 1) };
    case 'total':
      return { start: EVER, end: null };
  }
}

function utc(year: number, month: number, day: number): Date {
  return new Date(Date.UTC(year, month, day));
}
