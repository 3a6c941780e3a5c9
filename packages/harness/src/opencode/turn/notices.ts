import { posix } from 'node:path';
import type { HarnessEvent } from '../../port.ts';
import type { KnownEvent, TextPart } from '../events/schema.ts';
import type { Child } from './family.ts';

type FileChange = Extract<KnownEvent, { type: 'file.watcher.updated' }>['properties'];

const CHANGES = { add: 'added', change: 'modified', unlink: 'deleted' } as const;

/** A changed file of the workspace as an event; none for files elsewhere. */
export function fileEvent(changed: FileChange, workspace: string, raw: unknown): HarnessEvent[] {
  const path = posix.relative(workspace, changed.file);
  if (path === '' || path.startsWith('..') || posix.isAbsolute(path)) return [];
  return [{ type: 'file', path, change: CHANGES[changed.event], raw }];
}

/** What a sub-agent said: no part of the answer, so a notice. Its tool calls are told as they are. */
export function subAgentNotice(
  part: TextPart,
  child: Child | undefined,
  raw: unknown,
): HarnessEvent {
  return {
    type: 'system',
    kind: `subagent_${part.type}`,
    message: part.text,
    detail: { agent: child?.agent ?? null, tool_use_id: child?.toolUseId ?? null },
    raw,
  };
}
