import type { BoundRoute } from '../route.ts';
import { getProject, listHarnesses, listLimits } from './catalog.ts';
import { listConnections } from './connections.ts';
import { createStreamTicket, followEvents } from './events.ts';
import { listFiles, readFile, removeFile, writeFile } from './files.ts';
import { resolveInput } from './inputs.ts';
import { readHistory, sendMessage } from './messages.ts';
import {
  cancelTurn,
  createSession,
  endSession,
  getSession,
  listSessions,
  patchSession,
} from './sessions.ts';

/** Every public operation, once; each is served in all of its families. */
export const ROUTES: readonly BoundRoute[] = [
  createSession,
  listSessions,
  getSession,
  patchSession,
  endSession,
  cancelTurn,
  sendMessage,
  readHistory,
  followEvents,
  createStreamTicket,
  resolveInput,
  listFiles,
  readFile,
  writeFile,
  removeFile,
  listConnections,
  listHarnesses,
  listLimits,
  getProject,
];
