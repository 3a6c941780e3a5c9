import type { EgressConnection, EgressLogAnswer } from '@karta/protocol';
import { EGRESS_LOG } from './limits.ts';

/** The latest connections of one sandbox, as many as are kept. */
export class EgressLog {
  private readonly kept: EgressConnection[] = [];
  private forgotten = 0;

  add(connection: EgressConnection): void {
    this.kept.push(connection);
    if (this.kept.length <= EGRESS_LOG) return;
    this.kept.shift();
    this.forgotten += 1;
  }

  read(): EgressLogAnswer {
    return { connections: [...this.kept], dropped: this.forgotten };
  }
}
