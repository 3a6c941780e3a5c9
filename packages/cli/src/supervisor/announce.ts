import type { Terminal } from '../output/terminal.ts';
import { modelLine, type Upstream } from './provider-keys.ts';
import type { RunningServer } from './server.ts';

/** A server's first words: everything that is needed to use it. */
export interface Announcement {
  server: RunningServer;
  upstreams: readonly Upstream[];
  /** A session to try, and what to ask in it; `null` while there is no application. */
  trial: { sessionId: string; question: string } | null;
}

/** A line for a shell that sends one message and streams the answer. */
export function curlLine(
  server: Pick<RunningServer, 'url' | 'apiKey'>,
  trial: NonNullable<Announcement['trial']>,
): string {
  const body = JSON.stringify({ text: trial.question, stream: true }).replaceAll("'", "'\\''");
  return [
    `curl -N ${server.url}/v1/sessions/${trial.sessionId}/messages`,
    `-H 'authorization: Bearer ${server.apiKey}'`,
    "-H 'content-type: application/json'",
    `-d '${body}'`,
  ].join(' ');
}

/** Tells a person. */
export function announce(announcement: Announcement, terminal: Terminal): void {
  const { server, upstreams } = announcement;
  const label = (text: string) => terminal.style('dim', text.padEnd(11));
  const lines = [
    '',
    `  ${terminal.style('bold', 'Karta')} serves ${served(server)}`,
    '',
    `  ${label('URL')}${terminal.style('cyan', server.url)}`,
    `  ${label('Control')}${terminal.style('cyan', server.controlUrl)}`,
    `  ${label('Key')}${server.apiKey}`,
    `  ${label('')}also in ${server.credentialsPath}`,
    ...(server.operatorLinkFile === null
      ? []
      : [`  ${label('Operator')}one-time link in ${server.operatorLinkFile}`]),
    `  ${label('Model')}${modelLine(upstreams)}`,
    `  ${label('Isolation')}${isolationLine(server, terminal)}`,
    '',
    ...whatNext(announcement, terminal),
    '',
  ];
  terminal.out(`${lines.join('\n')}\n`);
}

function whatNext({ server, trial }: Announcement, terminal: Terminal): string[] {
  const dim = (text: string) => `  ${terminal.style('dim', text)}`;
  if (trial === null) {
    return [
      '  Publish an application:',
      '',
      'npx karta deploy <folder>',
      '',
      dim('Stop with: Ctrl-C'),
    ];
  }
  const chat = dim('Or talk to it with: npx karta chat     Stop with: Ctrl-C');
  return ['  Try it:', '', curlLine(server, trial), '', chat];
}

/** Tells a program, as one line. */
export function announcementJson(announcement: Announcement): Record<string, unknown> {
  const { server, upstreams, trial } = announcement;
  return {
    ready: true,
    url: server.url,
    control_url: server.controlUrl,
    internal_url: server.internalUrl,
    control_internal_url: server.controlInternalUrl,
    operator_url: server.operatorUrl,
    api_key: server.apiKey,
    credentials: server.credentialsPath,
    isolation: server.isolation,
    upstreams: upstreams.map((upstream) => upstream.id),
    projects: server.projects.map((ref) => ({ ref, url: `${server.url}/v1/projects/${ref}` })),
    published: server.published.map(({ ref, version, folder, harness, agents }) => ({
      ref,
      version,
      folder,
      harness,
      agents,
    })),
    session_id: trial?.sessionId ?? null,
    pid: process.pid,
  };
}

function served(server: RunningServer): string {
  if (server.projects.length === 0) return 'no application yet';
  return server.projects
    .map((ref) => {
      const release = server.published.find((published) => published.ref === ref);
      if (release === undefined) return ref;
      return `${ref} ${release.version} (${release.harness.name} ${release.harness.version})`;
    })
    .join(', ');
}

function isolationLine(server: RunningServer, terminal: Terminal): string {
  if (server.isolation !== 'none') return server.isolation;
  const warning = 'none: code that an agent runs can do all that you can on this machine.';
  return `${terminal.style(['red', 'bold'], warning)} See "karta doctor".`;
}
