import type { TurnRefusal } from '@karta/protocol';
import { expect, it } from 'vitest';
import { MeteredCall } from './metered-call.ts';
import { TurnLedger } from './turn-ledger.ts';

const REFUSAL: TurnRefusal = { code: 'budget_exhausted', message: 'No more.', provider: null };
const call = () => new MeteredCall('messages', 10);

async function refusalOf(history: (ledger: TurnLedger) => void) {
  const ledger = new TurnLedger();
  ledger.open('turn_1');
  history(ledger);
  return (await ledger.close('turn_1'))?.refusal;
}

it('of a turn is told when the turn closes', async () => {
  expect(await refusalOf(() => {})).toBeNull();
  expect(await refusalOf((ledger) => ledger.refused(REFUSAL))).toEqual(REFUSAL);
  const byKey = await refusalOf((ledger) => {
    const booking = ledger.begin(call());
    booking.refused({ ...REFUSAL, code: 'byok_key_rejected' });
    booking.finish(0n);
  });
  expect(byKey).toMatchObject({ code: 'byok_key_rejected' });
});

it('is over when a call that began later is answered, not by one from before', async () => {
  const earlier = await refusalOf((ledger) => {
    const title = ledger.begin(call());
    ledger.refused(REFUSAL);
    title.answered();
    title.finish(0n);
  });
  expect(earlier).toEqual(REFUSAL);
  const later = await refusalOf((ledger) => {
    ledger.refused(REFUSAL);
    const next = ledger.begin(call());
    next.answered();
    next.finish(0n);
  });
  expect(later).toBeNull();
});

it('of a call that belongs to no turn is told to nobody', () => {
  const ledger = new TurnLedger();
  ledger.refused(REFUSAL);
  const booking = ledger.begin(call());
  booking.refused(REFUSAL);
  booking.answered();
  expect(booking.finish(0n).estimated).toBe(true);
});
