import { retiredNode, retireNodeBody } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import { platformActor } from '../operator/operators.ts';
import type { Database } from '../sql/database.ts';
import { retireNode } from './retire-node.ts';

/** What an operator says of nodes, on the admin plane. */
export function operatorNodeRoutes(database: Database): BoundRoute[] {
  return [
    defineRoute({
      id: 'retireNode',
      summary: 'A node is gone: fence its doors, and hold or return what it never told of',
      tag: 'server',
      method: 'post',
      path: '/v1/nodes/{node_id}/retire',
      access: 'operator',
      body: retireNodeBody,
      answers: {
        200: {
          description: 'The blocks that it had',
          content: { 'application/json': retiredNode },
        },
      },
      handle: ({ caller, body, param }) =>
        database.transaction().execute(async (tx) => {
          const nodeId = param('node_id');
          const retired = await retireNode(tx, { nodeId, now: new Date() }, body);
          await recordAudit(tx, {
            actor: platformActor(caller),
            action: 'nodes.retire',
            target: { kind: 'node', id: nodeId },
            details: { ...body, blocks: retired.blocks },
          });
          return json(200, retired);
        }),
    }),
  ];
}
