import { describe, expect, it } from 'vitest';
import { EVENT_TYPES, eventData, type KartaEvent, kartaEvent } from './event.ts';
import { SSE_HEARTBEAT, sseFrame } from './sse.ts';

const event: KartaEvent = {
  type: 'text',
  seq: 7,
  session_id: 'sess_1',
  turn_id: null,
  source: 'karta',
  timestamp: 1,
  data: { part: { type: 'text', text: 'two\nlines \u2028 and "quotes"' } },
};

describe('kartaEvent', () => {
  it('knows each type of event data', () => {
    expect(kartaEvent.options.map((option) => option.shape.type.value).sort()).toEqual(
      [...EVENT_TYPES].sort(),
    );
    expect(EVENT_TYPES).toEqual(Object.keys(eventData));
  });

  it('accepts its own events and refuses others', () => {
    expect(kartaEvent.parse(event)).toEqual(event);
    for (const wrong of [
      { ...event, type: 'unknown' },
      { ...event, seq: -1 },
      { ...event, seq: 1.5 },
      { ...event, source: 'other' },
      { ...event, data: {} },
    ]) {
      expect(kartaEvent.safeParse(wrong).success).toBe(false);
    }
  });
});

describe('sseFrame', () => {
  it('is id, event and one data line, whatever the text', () => {
    const frame = sseFrame(event);
    const [id, type, data, ...rest] = frame.split('\n');
    expect([id, type, rest]).toEqual(['id: 7', 'event: text', ['', '']]);
    expect(JSON.parse(data?.replace(/^data: /, '') ?? '')).toEqual(event);
  });

  it('has a heartbeat that no client takes for an event', () => {
    expect(SSE_HEARTBEAT).toMatch(/^:.*\n\n$/);
  });
});
