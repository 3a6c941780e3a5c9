import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import type { Reader } from '@karta/sandbox';
import { expect, test } from 'vitest';
import type { StoredMessage } from '../../port.ts';
import { readHistory } from './read-history.ts';

/** The tables as OpenCode 1.18.34 makes them, as far as they are read. */
const SCHEMA = `
  create table message (id text primary key, session_id text not null,
    time_created integer not null, time_updated integer not null, data text not null);
  create table part (id text primary key, message_id text not null, session_id text not null,
    time_created integer not null, time_updated integer not null, data text not null);`;

interface Stored {
  id: string;
  session?: string;
  time?: number;
  data: unknown;
  parts: unknown[];
}

const text = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

async function historyOf(stored: readonly Stored[]): Promise<StoredMessage[]> {
  const db = new DatabaseSync(':memory:');
  db.exec(SCHEMA);
  for (const { id, session = 'ses_1', time = 1, data, parts } of stored) {
    const row = [id, session, time, time, text(data)] as const;
    db.prepare('insert into message values (?, ?, ?, ?, ?)').run(...row);
    parts.forEach((part, at) => {
      const cells = [`prt_${id}_${at}`, id, session, time, time, text(part)] as const;
      db.prepare('insert into part values (?, ?, ?, ?, ?, ?)').run(...cells);
    });
  }
  const reader: Pick<Reader, 'queryHome'> = {
    queryHome: async (database, sql, params) => {
      expect(database).toBe('.local/share/opencode/opencode.db');
      const rows = db.prepare(sql).all(...params);
      return Readable.from(rows.map((row) => Buffer.from(`${JSON.stringify(row)}\n`)));
    },
  };
  const messages: StoredMessage[] = [];
  for await (const message of readHistory(reader as Reader, 'ses_1')) messages.push(message);
  db.close();
  return messages;
}

const user = (id: string, said: string, time = 1): Stored => ({
  id,
  time,
  data: { role: 'user' },
  parts: [{ type: 'text', text: said }],
});

test('messages come oldest first, of the one conversation', async () => {
  const messages = await historyOf([
    user('msg_3', 'third', 3),
    user('msg_1', 'first', 1),
    { ...user('msg_x', 'elsewhere'), session: 'ses_2' },
    user('msg_2', 'second', 2),
  ]);
  expect(messages.map(({ parts }) => parts)).toEqual([
    [{ type: 'text', text: 'first' }],
    [{ type: 'text', text: 'second' }],
    [{ type: 'text', text: 'third' }],
  ]);
  expect(messages[0]).toMatchObject({ id: 'msg_1', role: 'user', createdAt: new Date(1) });
});

test('an answer has its thoughts, words, calls and results in order', async () => {
  const [message] = await historyOf([
    {
      id: 'msg_1',
      data: { role: 'assistant', mode: 'build' },
      parts: [
        { type: 'step-start' },
        { type: 'reasoning', text: 'hm' },
        { type: 'text', text: 'look' },
        {
          type: 'tool',
          callID: 'c1',
          tool: 'bash',
          state: { status: 'completed', input: { command: 'ls' }, output: 'a.txt' },
        },
        {
          type: 'tool',
          callID: 'c2',
          tool: 'bash',
          state: { status: 'error', input: {}, error: 'denied' },
        },
        { type: 'step-finish', reason: 'stop' },
      ],
    },
  ]);
  expect(message?.parts).toEqual([
    { type: 'reasoning', text: 'hm' },
    { type: 'text', text: 'look' },
    { type: 'tool_use', tool_use_id: 'c1', tool_name: 'bash', tool_input: { command: 'ls' } },
    { type: 'tool_result', tool_use_id: 'c1', output: 'a.txt', is_error: false },
    { type: 'tool_use', tool_use_id: 'c2', tool_name: 'bash', tool_input: {} },
    { type: 'tool_result', tool_use_id: 'c2', output: 'denied', is_error: true },
  ]);
});

test('a call that a death cut off is shown as interrupted', async () => {
  const state = { status: 'running', input: { command: 'sleep' } };
  const [message] = await historyOf([
    {
      id: 'msg_1',
      data: { role: 'assistant' },
      parts: [{ type: 'tool', callID: 'c1', tool: 'bash', state }],
    },
  ]);
  expect(message?.parts[1]).toMatchObject({ type: 'tool_result', is_error: true });
});

test('what OpenCode wrote for itself is left out', async () => {
  const messages = await historyOf([
    {
      id: 'msg_1',
      data: { role: 'user' },
      parts: [
        { type: 'text', text: 'mine' },
        { type: 'text', text: 'Called the Read tool', synthetic: true },
        { type: 'text', text: '', synthetic: false },
      ],
    },
    {
      id: 'msg_2',
      data: { role: 'assistant', mode: 'compaction' },
      parts: [{ type: 'text', text: 'summary' }],
    },
    { id: 'msg_3', data: { role: 'assistant' }, parts: [] },
  ]);
  expect(messages).toMatchObject([{ id: 'msg_1', parts: [{ type: 'text', text: 'mine' }] }]);
});

test('nonsense in the store costs only itself', async () => {
  const deep = `${'['.repeat(5_000)}${']'.repeat(5_000)}`;
  const messages = await historyOf([
    { id: 'msg_1', data: 'no json', parts: [{ type: 'text', text: 'lost' }] },
    { id: 'msg_2', data: { role: 'system' }, parts: [{ type: 'text', text: 'lost' }] },
    {
      id: 'msg_3',
      data: { role: 'user' },
      parts: ['{', deep, 17, { type: 'tool' }, { type: 'text', text: 5 }, user('x', 'y').parts[0]],
    },
  ]);
  expect(messages).toMatchObject([{ id: 'msg_3', parts: [{ type: 'text', text: 'y' }] }]);
});
