import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Reader } from '@karta/sandbox';
import { describe, expect, it } from 'vitest';
import type { StoredMessage } from '../../port.ts';
import { readTranscript } from './transcript.ts';

const ID = '00000000-0000-4000-8000-000000000002';

/** A reader that has one file in the home, and remembers what it was asked. */
function readerOf(source: () => Readable): Reader & { asked: string[] } {
  const asked: string[] = [];
  const none = () => Promise.reject(new Error('not asked for'));
  return {
    asked,
    list: none,
    read: none,
    write: none,
    remove: none,
    queryHome: none,
    readHome: async (path) => {
      asked.push(path);
      return source();
    },
  };
}

async function read(source: () => Readable): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = [];
  for await (const message of readTranscript(readerOf(source), ID)) messages.push(message);
  return messages;
}

const rows = (...values: unknown[]) => {
  const text = values.map(
    (value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`,
  );
  return () => Readable.from([Buffer.from(text.join(''))]);
};
let serial = 0;
const row = (type: 'user' | 'assistant', content: unknown, more: object = {}) => {
  serial += 1;
  return { type, uuid: `u${serial}`, message: { id: `m${serial}`, content }, ...more };
};

describe('a recorded conversation', () => {
  const fixture = new URL('fixtures/conversation.jsonl', import.meta.url);
  const recorded = () => read(() => createReadStream(fixture));

  it('begins with what was said, thought and answered', async () => {
    const [asked, answered] = await recorded();
    expect(asked).toMatchObject({ role: 'user', createdAt: expect.any(Date) });
    expect(answered?.parts).toMatchObject([
      { type: 'reasoning', text: 'let me think' },
      { type: 'text', text: 'hello there' },
    ]);
  });

  it('has each tool with its result, in the assistant’s turn', async () => {
    const messages = await recorded();
    const write = messages.find(({ parts }) =>
      parts.some((part) => part.type === 'tool_use' && part.tool_name === 'Write'),
    );
    expect(write?.role).toBe('assistant');
    expect(write?.parts.map(({ type }) => type)).toEqual([
      'text',
      'tool_use',
      'tool_use',
      'tool_result',
      'tool_result',
    ]);
  });

  it('leaves out sub-agents, failed calls, notes and interruptions', async () => {
    const text = JSON.stringify(await recorded());
    for (const hidden of [
      'system-reminder',
      'Failed to authenticate',
      '[Request interrupted',
      'task-notification',
    ]) {
      expect(text).not.toContain(hidden);
    }
    expect(text).toContain('told at last');
  });
});

describe('rows', () => {
  it('of one answer become one message', async () => {
    const same = { id: 'msg_1' };
    const messages = await read(
      rows(
        row('user', 'hi'),
        { ...row('assistant', []), message: { ...same, content: [{ type: 'text', text: 'a' }] } },
        { ...row('assistant', []), message: { ...same, content: [{ type: 'text', text: 'b' }] } },
        row('assistant', [{ type: 'text', text: 'c' }]),
      ),
    );
    expect(messages.map(({ role, parts }) => [role, parts.length])).toEqual([
      ['user', 1],
      ['assistant', 2],
      ['assistant', 1],
    ]);
  });

  it.each([
    { isSidechain: true },
    { isMeta: true },
    { isCompactSummary: true },
    { isApiErrorMessage: true },
  ])('with %j are no part of the conversation', async (mark) => {
    expect(await read(rows(row('user', 'hidden', mark), row('user', 'seen')))).toHaveLength(1);
  });

  it('give a message as it was sent: command, files', async () => {
    const command =
      '<command-message>hello</command-message>\n<command-name>/hello</command-name>\n<command-args>Ada</command-args>';
    const messages = await read(
      rows(row('user', command), row('user', 'look\n\nAttached files: @a.png @"b c.txt"')),
    );
    expect(messages.map(({ parts }) => parts)).toEqual([
      [{ type: 'text', text: '/hello Ada' }],
      [{ type: 'text', text: 'look' }],
    ]);
  });
});

describe('a file that the agent has written', () => {
  it('is read as far as it makes sense', async () => {
    const messages = await read(
      rows(
        'nonsense',
        '{"type":"user"}',
        '[]',
        `${'['.repeat(5000)}`,
        row('user', 'hi'),
        'null',
        '{',
      ),
    );
    expect(messages).toHaveLength(1);
  });

  it('cannot have a line without end', async () => {
    const endless = () =>
      new Readable({
        read() {
          this.push(Buffer.alloc(1024 * 1024, 'x'));
        },
      });
    await expect(read(endless)).rejects.toMatchObject({ code: 'frame_too_large' });
  });

  it('cannot be endless', async () => {
    const line = Buffer.from(`${JSON.stringify({ type: 'x', pad: 'x'.repeat(1024 * 1024) })}\n`);
    const endless = () =>
      new Readable({
        read() {
          this.push(line);
        },
      });
    await expect(read(endless)).rejects.toMatchObject({ code: 'frame_too_large' });
  });

  it('cannot smuggle broken text', async () => {
    const [message] = await read(
      rows('{"type":"user","uuid":"u","message":{"content":"a\\u0000\\ud800b"}}'),
    );
    expect(message?.parts).toEqual([{ type: 'text', text: 'a\uFFFD\uFFFDb' }]);
  });
});

it.each(['../../../etc/passwd', 'x', '', `${ID}/..`])('asks nothing for the id %j', async (id) => {
  const reader = readerOf(() => Readable.from([]));
  for await (const _ of readTranscript(reader, id)) throw new Error('there is nothing');
  expect(reader.asked).toEqual([]);
});

it('asks for the file of the conversation', async () => {
  const reader = readerOf(() => Readable.from([]));
  for await (const _ of readTranscript(reader, ID)) throw new Error('there is nothing');
  expect(reader.asked).toEqual([`.claude/projects/-workspace/${ID}.jsonl`]);
});
