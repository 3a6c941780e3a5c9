import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CHANNEL_BODY_BYTES, PROCESS_BODY_BYTES, REQUEST_BODY_BYTES } from '../limits.ts';
import { ProcessBodies } from './process-bodies.ts';
import { readBody } from './read-body.ts';

/** A request as far as its body is concerned. */
function request(headers: Record<string, string> = {}): PassThrough & IncomingMessage {
  return Object.assign(new PassThrough(), { headers }) as PassThrough & IncomingMessage;
}
const MB = 1024 * 1024;

describe('a request body', () => {
  it('is read whole and stays booked until it is given back', async () => {
    const budget = { bytes: 5 };
    const incoming = request();
    const reading = readBody(incoming, budget, new ProcessBodies().of('org_1'));
    incoming.write('half ');
    incoming.end('whole');
    expect(await reading).toEqual({ body: Buffer.from('half whole') });
    expect(budget.bytes).toBe(15);
  });

  it('is refused at once when it announces too much', async () => {
    const headers = { 'content-length': String(REQUEST_BODY_BYTES + 1) };
    expect(await readBody(request(headers), { bytes: 0 }, new ProcessBodies().of('org_1'))).toEqual(
      {
        refusal: 'too_large',
      },
    );
  });

  it('is refused when it grows too large, and given back', async () => {
    const budget = { bytes: 0 };
    const incoming = request();
    const reading = readBody(incoming, budget, new ProcessBodies().of('org_1'));
    for (let sent = 0; sent <= REQUEST_BODY_BYTES; sent += MB) incoming.write(Buffer.alloc(MB));
    expect(await reading).toEqual({ refusal: 'too_large' });
    expect(budget.bytes).toBe(0);
  });

  it('is refused when the channel already holds too much', async () => {
    const budget = { bytes: CHANNEL_BODY_BYTES - 2 };
    const incoming = request();
    const reading = readBody(incoming, budget, new ProcessBodies().of('org_1'));
    incoming.end('four');
    expect(await reading).toEqual({ refusal: 'rate_limited' });
    expect(budget.bytes).toBe(CHANNEL_BODY_BYTES - 2);
  });

  it('is told to come again when its org holds its share of what the process may', async () => {
    const all = new ProcessBodies();
    all.of('others').hold(PROCESS_BODY_BYTES - 2);
    const budget = { bytes: 0 };
    const incoming = request();
    const reading = readBody(incoming, budget, all.of('org_1'));
    incoming.end('four');
    expect(await reading).toEqual({ refusal: 'overloaded' });
    expect([budget.bytes, all.bytes]).toEqual([0, PROCESS_BODY_BYTES - 2]);
  });

  it('of a client that goes away is given back', async () => {
    const budget = { bytes: 0 };
    const incoming = request();
    const reading = readBody(incoming, budget, new ProcessBodies().of('org_1'));
    incoming.write('half');
    incoming.destroy();
    expect(await reading).toEqual({ gone: true });
    expect(budget.bytes).toBe(0);
  });
});
