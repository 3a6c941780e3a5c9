import { beforeEach, describe, expect, test } from 'vitest';
import { AskBook } from './ask-book.ts';

const DENY = { decision: 'deny', message: 'no' } as const;
const APPROVE = { decision: 'approve_once', message: '' } as const;

let retired: Set<string>;
let book: AskBook;
beforeEach(() => {
  retired = new Set();
  book = new AskBook(retired);
});

function ask(id: string, sessionID = 'ses_root', callID = `call_${id}`): void {
  const tool = { messageID: 'msg_1', callID };
  const request = { id, sessionID, permission: 'bash', patterns: [id], always: [], metadata: {} };
  book.addPermission({ ...request, tool }, null);
  book.show(() => ({ tool: 'bash', input: { command: id } }));
}

const sentIds = (openCalls: readonly string[] = []) =>
  book.takeSendable(() => openCalls).map(({ request }) => request.id);

describe('what is sent, and when', () => {
  test('an approval goes out at once, once', () => {
    ask('a');
    expect(book.answer('a', APPROVE)).toBe(true);
    expect(sentIds()).toEqual(['a']);
    expect(sentIds()).toEqual([]);
  });

  test('a denial waits until no other ask of its session does', () => {
    ask('a');
    ask('b');
    ask('elsewhere', 'ses_child');
    book.answer('a', DENY);
    expect(sentIds()).toEqual([]);
    book.answer('b', APPROVE);
    expect(sentIds(['call_a', 'call_b'])).toEqual(['b']);
    // Only when the approved call has ended: sent at the same time, the denial might overtake it.
    expect(sentIds(['call_a'])).toEqual(['a']);
  });

  test('a denial waits for calls that may still ask', () => {
    ask('a');
    book.answer('a', DENY);
    expect(sentIds(['call_a', 'call_b'])).toEqual([]);
    expect(sentIds(['call_a'])).toEqual(['a']);
  });

  test('several denials go out together', () => {
    ask('a');
    ask('b');
    book.answer('a', DENY);
    book.answer('b', DENY);
    expect(sentIds(['call_a', 'call_b'])).toEqual(['a', 'b']);
  });

  test('an ask is answered once, and only when it was shown', () => {
    expect(book.answer('a', APPROVE)).toBe(false);
    ask('a');
    expect(book.answer('a', APPROVE)).toBe(true);
    expect(book.answer('a', DENY)).toBe(false);
  });
});

describe('how a resolution came about', () => {
  test('ours is expected', () => {
    ask('a');
    book.answer('a', APPROVE);
    book.takeSendable(() => []);
    expect(book.resolved('a', 'ses_root', 'once').how).toBe('expected');
  });

  test('another answer than ours is a bypass', () => {
    ask('a');
    book.answer('a', DENY);
    book.takeSendable(() => []);
    expect(book.resolved('a', 'ses_root', 'once').how).toBe('bypassed');
  });

  test('an answer that nobody here gave is a bypass, a denial too', () => {
    ask('a');
    ask('b');
    expect(book.resolved('a', 'ses_root', 'always').how).toBe('bypassed');
    expect(book.resolved('b', 'ses_root', 'reject').how).toBe('bypassed');
    expect(book.resolved('never-asked', 'ses_root', 'once').how).toBe('bypassed');
  });

  test('an answer that was held back and given by another is a bypass', () => {
    ask('a');
    ask('b');
    book.answer('a', DENY);
    book.takeSendable(() => []);
    expect(book.resolved('a', 'ses_root', 'once').how).toBe('bypassed');
  });

  test('what falls with a denial is dropped, in its session only', () => {
    ask('a');
    ask('c', 'ses_child');
    book.answer('a', DENY);
    book.takeSendable(() => []);
    ask('b');
    expect(book.resolved('b', 'ses_root', 'reject').how).toBe('dropped');
    expect(book.resolved('c', 'ses_child', 'reject').how).toBe('bypassed');
  });

  test('what falls with the turn is dropped', () => {
    ask('a');
    book.stopping = true;
    expect(book.resolved('a', 'ses_root', 'reject').how).toBe('dropped');
    ask('b');
    expect(book.resolved('b', 'ses_root', 'once').how).toBe('bypassed');
  });

  test('an ask of an earlier turn is over', () => {
    ask('a');
    expect(book.drop().map(({ request }) => request.id)).toEqual(['a']);
    const next = new AskBook(retired);
    expect(next.resolved('a', 'ses_root', 'reject').how).toBe('expected');
  });

  test('an ask that is over is not shown again, though a late list still names it', () => {
    ask('a');
    book.stopping = true;
    book.resolved('a', 'ses_root', 'reject');
    ask('a');
    expect(book.open).toEqual([]);

    ask('b');
    book.drop();
    ask('b');
    expect(book.open).toEqual([]);
  });
});
