/** A message that scripts the demo model: what it answers, with zero latency unless a step says so. */
export function scripted(...steps: object[]): string {
  return `go @@${JSON.stringify(steps)}@@`;
}

/** The cheapest turn there is. */
export const ONE_WORD = scripted({ text: 'x' });
