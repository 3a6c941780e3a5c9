/** One named measurement. Its file says what is compared and why the comparison is fair. */
export interface Scenario {
  name: string;
  /** What must hold, as the specification says it. */
  target: string;
  run(options: { quick: boolean }): Promise<Result>;
}

export interface Result {
  /** Figures in the order they should be read. */
  rows: { figure: string; value: string }[];
  /** `null`: reported only. */
  met: boolean | null;
}

/** `12.3 ms`. */
export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

/** `0.12×`. */
export function ratio(value: number): string {
  return `${value.toFixed(2)}×`;
}
