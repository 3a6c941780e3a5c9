/** One thing that `karta doctor` looked at. */
export interface Finding {
  /** `sandbox`, `harness`, `models`, `database`, `machine` */
  area: string;
  name: string;
  /** `missing` stops a server from starting, `weak` does not. */
  state: 'good' | 'weak' | 'missing';
  /** What was found. */
  notes: readonly string[];
  /** What to do about it. */
  advice: readonly string[];
}

export function finding(
  area: string,
  name: string,
  state: Finding['state'],
  notes: readonly string[],
  advice: readonly string[] = [],
): Finding {
  return { area, name, state, notes, advice };
}
