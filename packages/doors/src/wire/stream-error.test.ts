import { describe, expect, it } from 'vitest';
import { firstEventStatus } from './stream-error.ts';

const status = (stream: string) => firstEventStatus(Buffer.from(stream));

describe('the first event of a stream', () => {
  it.each([
    ['data: {"type":"error","error":{"type":"overloaded_error"}}\n\n', 529],
    ['event: error\r\ndata: {"error":{"code":"rate_limit_exceeded"}}\r\n\r\n', 429],
    ['data: {"\\u0065rror":{"status":503}}\n\n', 503],
    ['data: {"type":"\\u0065\\u0072ror"}\n\n', 400],
    [': error\n\ndata: {"type":"error"}\n\ndata: {}\n\n', 400],
  ])('stands for a status when it is an error: %s', (stream, told) => {
    expect(status(stream)).toBe(told);
  });

  it.each([
    '',
    'data: {"type":"message_start"}\n\n',
    'data: {"choices":[],"error":{"code":"x"}}\n\n',
    'data: {}\n\ndata: {"type":"error"}\n\n',
    'data: {"type":"error"}',
    'data: error\n\n',
  ])('is none otherwise: %s', (stream) => {
    expect(status(stream)).toBeNull();
  });
});
