import { beforeEach, expect, test } from 'vitest';
import { GuardError } from '../../guard/index.ts';
import { Family } from './family.ts';

let family: Family;
beforeEach(() => {
  family = new Family('ses_root');
});

test('only children of the family belong to it, however deep', () => {
  family.adopt('ses_child', 'ses_root', { agent: 'general' });
  family.adopt('ses_grandchild', 'ses_child', {});
  family.adopt('ses_stranger', 'ses_elsewhere', {});
  expect(family.has('ses_grandchild')).toBe(true);
  expect(family.has('ses_stranger')).toBe(false);
});

test('what is learnt of a child is added up', () => {
  family.adopt('ses_child', 'ses_root', { agent: 'general' });
  family.adopt('ses_child', 'ses_root', { toolUseId: 'call_1' });
  expect(family.child('ses_child')).toEqual({ agent: 'general', toolUseId: 'call_1' });
});

test('the session cannot become its own child', () => {
  family.adopt('ses_root', 'ses_root', { agent: 'evil' });
  expect(family.child('ses_root')).toBeUndefined();
});

test('it rests when all of it rests', () => {
  family.adopt('ses_child', 'ses_root', {});
  family.status('ses_root', 'busy');
  family.status('ses_child', 'retry');
  family.status('ses_stranger', 'busy');
  expect(family.busyChildren).toEqual(['ses_child']);
  family.status('ses_root', 'idle');
  expect(family.idle).toBe(false);
  family.status('ses_child', 'idle');
  expect(family.idle).toBe(true);
});

test('the newest message of the session itself is remembered', () => {
  family.sawMessage('ses_root', 'msg_2');
  family.sawMessage('ses_root', 'msg_1');
  family.sawMessage('ses_child', 'msg_9');
  expect(family.lastMessageId).toBe('msg_2');
});

test('a flood of children is refused', () => {
  expect(() => {
    for (let at = 0; at <= 10_000; at += 1) family.adopt(`ses_${at}`, 'ses_root', {});
  }).toThrow(GuardError);
});
