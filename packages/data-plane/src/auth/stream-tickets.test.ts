import { expect, it } from 'vitest';
import { token } from '../http/testing/test-control.ts';
import { createStreamTickets } from './stream-tickets.ts';

const NOW = 1_700_000_000_000;
let now = NOW;
const tickets = createStreamTickets('a secret', () => now);

it('is for reading one session, for five minutes', () => {
  now = NOW;
  const ann = token('tok_1', 'ann', { expiresAt: NOW / 1000 + 900 });
  const { ticket, expiresAt } = tickets.issue(ann, 'sess_1') ?? { ticket: '', expiresAt: null };
  expect(expiresAt?.getTime()).toBe(NOW + 5 * 60 * 1000);
  expect(tickets.open(ticket, 'sess_1')).toEqual({ ...ann, scopes: ['read'] });
  expect(tickets.open(ticket, 'sess_2')).toBeNull();
  const other = createStreamTickets('another secret', () => now);
  expect(other.open(ticket, 'sess_1')).toBeNull();
  for (const changed of ['', '.', 'x.y', ticket.slice(1), `${ticket}A`.replace('.', 'A.')]) {
    expect(tickets.open(changed, 'sess_1'), changed).toBeNull();
  }
  now += 5 * 60 * 1000;
  expect(tickets.open(ticket, 'sess_1')).toBeNull();
});

it('does not outlive the token that it was issued to', () => {
  now = NOW;
  const ann = token('tok_1', 'ann', { expiresAt: NOW / 1000 + 10 });
  expect(tickets.issue(ann, 'sess_1')?.expiresAt.getTime()).toBe(NOW + 10_000);
  now += 10_000;
  expect(tickets.issue(ann, 'sess_1')).toBeNull();
});
