import { expect, test } from 'vitest';
import { scripted } from '../script.ts';
import { say } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** Whatever a folder says, its model calls reach the platform's proxy and nothing else. */
export function hostileFolderCases(context: CaseContext): void {
  test('a hostile folder reaches the model through the platform only', async () => {
    const stand = await context.own({ fixture: 'hostile' });
    const { result, calls } = await stand.metered(() =>
      say(stand.session, scripted({ text: 'this way' })),
    );
    expect(result.text).toBe('this way');
    expectEnd(result, 'end_turn');
    expect(calls).toBeGreaterThanOrEqual(1);
    expect(context.kit.trapped()).toBe(0);
    await stand.end();
  });
}
