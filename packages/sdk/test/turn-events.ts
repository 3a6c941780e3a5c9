import { type EventBody, type KartaEvent, NO_USAGE } from '@karta/protocol';

/** Numbers `bodies` as one turn's events, from `firstSeq`. */
export function eventsOf(turnId: string, bodies: readonly EventBody[], firstSeq = 1): KartaEvent[] {
  return bodies.map(
    (body, index) =>
      ({
        ...body,
        seq: firstSeq + index,
        session_id: 'sess_1',
        turn_id: turnId,
        source: 'karta',
        timestamp: 0,
      }) as KartaEvent,
  );
}

export function text(value: string): EventBody {
  return { type: 'text', data: { part: { type: 'text', text: value } } };
}

export function done(answer = ''): EventBody {
  return {
    type: 'done',
    data: {
      stop_reason: 'end_turn',
      usage: NO_USAGE,
      cost: null,
      message: { id: 'msg_1', role: 'assistant', text: answer },
    },
  };
}
