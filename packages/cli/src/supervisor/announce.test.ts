import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { captured } from '../../test/captured-terminal.ts';
import { announce, announcementJson, curlLine } from './announce.ts';
import type { RunningServer } from './server.ts';

const server = {
  url: 'http://localhost:8000',
  controlUrl: 'http://localhost:8001',
  apiKey: 'kt_live_abc',
  credentialsPath: '/home/x/credentials.json',
  operatorLinkFile: '/home/x/operator-link',
  isolation: 'namespace',
  projects: ['support-bot', 'other'],
  published: [
    {
      ref: 'support-bot',
      version: 'v3',
      folder: '/apps/support-bot',
      harness: { id: 'opencode', name: 'OpenCode', version: '1.2.3' },
      agents: ['default'],
    },
  ],
} as unknown as RunningServer;
const announcement = {
  server,
  upstreams: [{ id: 'demo' as const }],
  trial: { sessionId: 'sess_1', question: "What's open?" },
};

test('the curl line survives a shell, quotes in the question included', () => {
  const line = curlLine(server, announcement.trial);
  const words = execFileSync('sh', ['-c', `printf '%s\\n' ${line.slice('curl '.length)}`], {
    encoding: 'utf8',
  }).split('\n');
  expect(words).toContain('http://localhost:8000/v1/sessions/sess_1/messages');
  expect(words).toContain('authorization: Bearer kt_live_abc');
  expect(words).toContain(JSON.stringify({ text: "What's open?", stream: true }));
});

test('a person is told the URL, the key, where it is kept, the model and the isolation', () => {
  const { terminal, written } = captured();
  announce(announcement, terminal);
  expect(written.out).toContain('support-bot v3 (OpenCode 1.2.3), other');
  for (const part of [
    server.url,
    server.controlUrl,
    server.apiKey,
    server.credentialsPath,
    'namespace',
  ]) {
    expect(written.out).toContain(part);
  }
  expect(written.out).toContain('demo model, embedded; set ANTHROPIC_API_KEY or OPENAI_API_KEY');
});

test('the first operator’s link is told of until it was used', () => {
  const { terminal, written } = captured();
  announce(announcement, terminal);
  expect(written.out).toContain('/home/x/operator-link');
  const later = captured();
  announce({ ...announcement, server: { ...server, operatorLinkFile: null } }, later.terminal);
  expect(later.written.out).not.toContain('Operator');
});

test('a server without an application says how to publish one', () => {
  const { terminal, written } = captured();
  const fresh = {
    ...announcement,
    server: { ...server, projects: [], published: [] },
    trial: null,
  };
  announce(fresh, terminal);
  expect(written.out).toContain('no application yet');
  expect(written.out).toContain('karta deploy <folder>');
  expect(announcementJson(fresh)).toMatchObject({ session_id: null, projects: [] });
});

test('no isolation is said loudly', () => {
  const { terminal, written } = captured();
  announce({ ...announcement, server: { ...server, isolation: 'none' } }, terminal);
  expect(written.out).toContain('can do all that you can');
});

test('a program gets the same as one object', () => {
  expect(announcementJson(announcement)).toMatchObject({
    ready: true,
    url: server.url,
    control_url: server.controlUrl,
    api_key: 'kt_live_abc',
    isolation: 'namespace',
    upstreams: ['demo'],
    projects: [{ ref: 'support-bot' }, { ref: 'other' }],
    published: [{ ref: 'support-bot', version: 'v3', agents: ['default'] }],
    session_id: 'sess_1',
  });
});
