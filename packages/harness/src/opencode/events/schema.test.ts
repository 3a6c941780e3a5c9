import { expect, test } from 'vitest';
import { ZodError } from 'zod';
import { parseEvent } from './schema.ts';

test('noise is dropped', () => {
  for (const type of ['server.heartbeat', 'session.idle', 'plugin.added', 'file.edited']) {
    expect(parseEvent({ type, properties: { sessionID: 'ses_1' } })).toBeNull();
  }
});

test('an event of a type that is not known is kept whole', () => {
  const event = { type: 'session.next.thing', properties: { sessionID: 'ses_1', x: [1] } };
  expect(parseEvent(event)).toEqual({
    type: 'unknown',
    name: 'session.next.thing',
    sessionID: 'ses_1',
    properties: event.properties,
    raw: event,
  });
  expect(parseEvent({ type: 'other', properties: {} })).toMatchObject({ sessionID: null });
});

test('names of what every object has are no known types', () => {
  for (const type of ['constructor', '__proto__', 'toString']) {
    expect(parseEvent({ type, properties: {} })).toMatchObject({ type: 'unknown', name: type });
  }
});

test('a known type without its shape is refused', () => {
  const broken: unknown[] = [
    null,
    'text',
    { type: 'message.updated' },
    { type: 'message.updated', properties: { info: { id: 1 } } },
    { type: 'session.status', properties: { sessionID: 'ses_1', status: { type: 'asleep' } } },
    { type: 'permission.replied', properties: { sessionID: 's', requestID: 'r', reply: 'maybe' } },
    { type: 'x'.repeat(1_000), properties: {} },
  ];
  for (const event of broken) expect(() => parseEvent(event)).toThrow(ZodError);
});

test('a delta is taken by the fields it promises, and refused when one of them is another', () => {
  const type = 'message.part.delta';
  const properties = { sessionID: 's', messageID: 'm', partID: 'p', field: 'text', delta: 'hi' };
  const event = { id: 'evt_1', type, properties: { ...properties, more: 1 } };
  expect(parseEvent(event)).toEqual({ type, properties, raw: event });
  for (const name of Object.keys(properties)) {
    expect(() => parseEvent({ type, properties: { ...properties, [name]: 5 } })).toThrow(ZodError);
    expect(() => parseEvent({ type, properties: { ...properties, [name]: undefined } })).toThrow(
      ZodError,
    );
  }
  for (const name of ['sessionID', 'messageID', 'partID']) {
    const long = { ...properties, [name]: 'x'.repeat(257) };
    expect(() => parseEvent({ type, properties: long })).toThrow(ZodError);
  }
  for (const none of [undefined, null, [], 'text']) {
    expect(() => parseEvent({ type, properties: none })).toThrow(ZodError);
  }
});

test('parts of kinds that are not shown are taken all the same', () => {
  const part = { type: 'patch', id: 'prt_1', messageID: 'msg_1', sessionID: 'ses_1', hash: 'x' };
  expect(parseEvent({ type: 'message.part.updated', properties: { part } })).toMatchObject({
    properties: { part: { type: 'other', kind: 'patch' } },
  });
});
