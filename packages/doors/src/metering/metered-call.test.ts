import { describe, expect, it } from 'vitest';
import { MeteredCall } from './metered-call.ts';

const SSE = 'text/event-stream';
const event = (data: unknown) => Buffer.from(`data: ${JSON.stringify(data)}\n\n`);

describe('what a call costs', () => {
  it('nothing when it was not sent or was refused', () => {
    const notSent = new MeteredCall('chat', 400);
    notSent.notSent();
    const refused = new MeteredCall('chat', 400);
    refused.answered(429, 'application/json');
    for (const call of [notSent, refused]) {
      expect(call.booked()).toMatchObject({ estimated: false, usage: { total_tokens: 0 } });
    }
  });

  it('its input, by our count, while the provider has not answered', () => {
    expect(new MeteredCall('chat', 400).booked()).toMatchObject({
      estimated: true,
      usage: { input_tokens: 100, output_tokens: 0 },
    });
  });

  it('under a cap, the most that it may take of what the provider never told', () => {
    const call = new MeteredCall('messages', 400);
    call.limitTo({ input: 500, output: 90 });
    expect(call.booked()).toMatchObject({
      estimated: true,
      inputTold: false,
      usage: { input_tokens: 500, output_tokens: 90 },
    });
    call.answered(200, SSE);
    const usage = { input_tokens: 10, output_tokens: 1 };
    call.push(event({ type: 'message_start', message: { usage } }));
    expect(call.booked()).toMatchObject({
      estimated: true,
      inputTold: true,
      usage: { input_tokens: 10, output_tokens: 90 },
    });
    call.push(event({ type: 'message_delta', usage: { output_tokens: 7 } }));
    expect(call.booked()).toMatchObject({ estimated: false, usage: { output_tokens: 7 } });
  });

  it('the reported input and the text seen when the stream breaks off', () => {
    const call = new MeteredCall('messages', 400);
    call.answered(200, SSE);
    const usage = { input_tokens: 10, output_tokens: 1 };
    call.push(event({ type: 'message_start', message: { usage } }));
    const delta = { type: 'text_delta', text: 'x'.repeat(41) };
    call.push(event({ type: 'content_block_delta', delta }));
    expect(call.booked()).toMatchObject({
      estimated: true,
      usage: { input_tokens: 10, output_tokens: 11, total_tokens: 21 },
    });
  });

  it('exactly what was reported, once it was', () => {
    const call = new MeteredCall('responses', 400);
    call.answered(200, SSE);
    call.push(event({ type: 'response.output_text.delta', delta: 'x'.repeat(400) }));
    const usage = {
      input_tokens: 20,
      input_tokens_details: { cached_tokens: 8 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 3 },
    };
    call.push(event({ type: 'response.completed', response: { usage } }));
    expect(call.booked()).toEqual({
      estimated: false,
      inputTold: true,
      usage: {
        input_tokens: 20,
        cache_read_tokens: 8,
        cache_write_tokens: 0,
        output_tokens: 5,
        total_tokens: 25,
      },
      parts: { cache_write_1h_tokens: 0, reasoning_tokens: 3 },
    });
  });

  it('never less than the text of an answer that nobody can read', () => {
    const call = new MeteredCall('chat', 4);
    call.answered(200, 'application/json');
    call.push(Buffer.from('<html>'.repeat(10)));
    call.end();
    expect(call.booked()).toMatchObject({ estimated: true, usage: { output_tokens: 15 } });
  });
});
