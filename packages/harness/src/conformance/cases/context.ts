import { expect } from 'vitest';
import type { ConformanceKit, Stand } from '../kit.ts';
import type { Talk } from '../talk.ts';

/** What the cases of one run share. */
export interface CaseContext {
  kit: ConformanceKit;
  /** One stand of `basic` for all cases that leave it as they found it. */
  shared(): Promise<Stand>;
  /** A stand for some cases alone: they end it, or the run does at its end. */
  own: ConformanceKit['boot'];
}

/** A turn has one end, at its end, and nothing after. */
export function expectEnd(talk: Talk, stopReason: string): void {
  const ends = talk.events.flatMap((event, at) => (event.type === 'end' ? [at] : []));
  expect(ends, talk.summary()).toEqual([talk.events.length - 1]);
  expect(talk.all('end')[0]?.stopReason, talk.summary()).toBe(stopReason);
}
