import { expect, test } from 'vitest';
import type { Stand } from '../kit.ts';
import { type ScriptStep, scripted } from '../script.ts';
import { say } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** A refusal that no retry mends is told at once … */
const REFUSED_MS = 30_000;
/** … any other after a few retries. */
const RETRIED_MS = 60_000;
/** All that is tried on one harness, one after the other. */
const ALL_MS = 5 * RETRIED_MS;

/** A provider's failure is told by its kind, in bounded time, and the session goes on. */
export function providerErrorCases(context: CaseContext): void {
  const fails = async (stand: Stand, step: ScriptStep, code: RegExp, withinMs: number) => {
    const begun = Date.now();
    // The number makes each failing step one of its own for the model's count of tries.
    const talk = await say(stand.session, `${begun} ${scripted(step)}`);
    const name = JSON.stringify(step);
    expect(Date.now() - begun, name).toBeLessThan(withinMs);
    expect(talk.all('error'), name).toMatchObject([{ code: expect.stringMatching(code) }]);
    expectEnd(talk, 'error');
    const after = await say(stand.session, scripted({ text: 'it goes on' }));
    expect(after.text, name).toBe('it goes on');
    expectEnd(after, 'end_turn');
  };

  test('401, 400, 402, 429, 500, 529, a stream that breaks off, one that stalls', {
    timeout: ALL_MS,
  }, async () => {
    const [a, b] = await Promise.all([context.shared(), context.own({ fixture: 'open' })]);
    await Promise.all([
      (async () => {
        await fails(a, { err: 401 }, /^provider_auth$/, REFUSED_MS);
        await fails(a, { err: 400 }, /^provider_error$/, REFUSED_MS);
        // What the doors answer when a budget is used up.
        await fails(a, { err: 402 }, /^provider_error$/, REFUSED_MS);
        await fails(a, { err: 429 }, /^provider_rate_limited$/, RETRIED_MS);
        await fails(a, { err: 529 }, /^provider_overloaded$/, RETRIED_MS);
      })(),
      (async () => {
        await fails(b, { err: 500 }, /^provider_/, RETRIED_MS);
        await fails(b, { text: 'half', break: true }, /^provider_/, RETRIED_MS);
        await fails(b, { text: 'half', hang: true }, /^provider_/, RETRIED_MS);
      })(),
    ]);
    await b.end();
  });

  test('a failure that passes is waited for', async () => {
    const { session } = await context.shared();
    const message = `${Date.now()} ${scripted({ err: 529, times: 1, text: 'at last' })}`;
    const talk = await say(session, message);
    expect(talk.text).toBe('at last');
    expect(talk.all('error')).toEqual([]);
    expectEnd(talk, 'end_turn');
  });
}
