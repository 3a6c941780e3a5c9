import { egressLogAnswer, isoTime } from '@karta/protocol';
import { defineRoute, json } from '../route.ts';
import { BOTH_FAMILIES, jsonOf, sessionIdOf } from './session-route.ts';

/** For the builder: where an end user's agent connects to is not the end user's to know. */
export const listConnections = defineRoute({
  id: 'listConnections',
  summary: 'List the connections that the live sandbox of a session has made to allowed hosts',
  method: 'get',
  path: '/sessions/{session_id}/connections',
  families: BOTH_FAMILIES,
  scope: 'read',
  token: 'never',
  answers: {
    200: {
      description: 'The latest that have ended, oldest first; none once the sandbox has gone',
      content: jsonOf(egressLogAnswer),
    },
  },
  async handle(call, deps) {
    const log = await deps.sessions.connections(call.caller, sessionIdOf(call));
    const connections = log.connections.map((one) => ({ ...one, at: isoTime(new Date(one.at)) }));
    return json(200, { ...log, connections });
  },
});
