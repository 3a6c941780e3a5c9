import { constants } from 'node:os';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instruction } from './assemble.ts';
import { filterProgram, systemCallFilter } from './filter.ts';
import { ARCHITECTURES, CHECKED, type Machine, REFUSED, UNKNOWN } from './system-calls.ts';

const { EPERM, ENOSYS, EAFNOSUPPORT, EPROTONOSUPPORT } = constants.errno;
const ALLOW = 0;

interface Call {
  arch?: number;
  number: number;
  args?: readonly number[];
}

/** Runs the program as the kernel does; answers the errno, 0 for allowed. */
function evaluate(program: readonly Instruction[], call: Call, machine: Machine): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(call.number, 0);
  data.writeUInt32LE(call.arch ?? ARCHITECTURES[machine], 4);
  for (const [index, value] of (call.args ?? []).entries()) {
    data.writeUInt32LE(value >>> 0, 16 + index * 8);
  }
  let accumulator = 0;
  for (let at = 0; at < program.length; at += 1) {
    const { code, yes, no, operand } = program[at] as Instruction;
    if (code === 0x20) accumulator = data.readUInt32LE(operand);
    else if (code === 0x06) return operand === 0x7fff0000 ? ALLOW : operand & 0xffff;
    else {
      const holds =
        code === 0x15
          ? accumulator === operand
          : code === 0x35
            ? accumulator >= operand
            : (accumulator & operand) !== 0;
      at += holds ? yes : no;
    }
  }
  throw new Error('the program ran off its end');
}

describe.each(['x64', 'arm64'] as const)('the filter on %s', (machine) => {
  const program = filterProgram(machine);
  const column = machine === 'x64' ? 0 : 1;
  const verdict = (call: Call) => evaluate(program, call, machine);

  test('refuses every call of its list, whatever the arguments', () => {
    for (const numbers of Object.values(REFUSED)) {
      const number = numbers[column];
      if (number !== null) expect(verdict({ number, args: [7, 7, 7] })).toBe(EPERM);
    }
    for (const numbers of Object.values(UNKNOWN)) {
      expect(verdict({ number: numbers[column] as number })).toBe(ENOSYS);
    }
  });

  test('refuses a foreign architecture', () => {
    for (const arch of [
      0x40000003,
      0xc0000015,
      ARCHITECTURES[machine === 'x64' ? 'arm64' : 'x64'],
    ]) {
      expect(verdict({ arch, number: 1 })).toBe(ENOSYS);
    }
  });

  test('lets a thread or child be made, but no namespace', () => {
    const number = CHECKED.clone[column];
    expect(verdict({ number, args: [0x003d0f00] })).toBe(ALLOW);
    for (const flag of [0x00020000, 0x10000000, 0x40000000, 0x20000000, 0x04000000, 0x02000000]) {
      expect(verdict({ number, args: [flag | 0x11] })).toBe(EPERM);
    }
  });

  test('allows unix and internet sockets only', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), (family) => {
        const wanted = [1, 2, 10].includes(family) ? ALLOW : EAFNOSUPPORT;
        expect(verdict({ number: CHECKED.socket[column], args: [family] })).toBe(wanted);
        expect(verdict({ number: CHECKED.socketpair[column], args: [family] })).toBe(wanted);
      }),
    );
  });

  test('allows the protocols that programs speak, and none that the kernel would have to load', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300 }), (protocol) => {
        const wanted = [0, 1, 6, 17, 58].includes(protocol) ? ALLOW : EPROTONOSUPPORT;
        const args = [2, 1, protocol];
        expect(verdict({ number: CHECKED.socket[column], args })).toBe(wanted);
        expect(verdict({ number: CHECKED.socket[column], args: [16, 3, protocol] })).toBe(
          EAFNOSUPPORT,
        );
      }),
    );
  });

  test('refuses to type into a terminal and to change the personality', () => {
    expect(verdict({ number: CHECKED.ioctl[column], args: [0, 0x5401] })).toBe(ALLOW);
    expect(verdict({ number: CHECKED.ioctl[column], args: [0, 0x5412] })).toBe(EPERM);
    expect(verdict({ number: CHECKED.ioctl[column], args: [0, 0x541c] })).toBe(EPERM);
    expect(verdict({ number: CHECKED.personality[column], args: [0xffffffff] })).toBe(ALLOW);
    expect(verdict({ number: CHECKED.personality[column], args: [0x0400000] })).toBe(EPERM);
  });

  test('answers every number, and allows what is not listed', () => {
    const listed = new Set<number>();
    for (const table of [REFUSED, UNKNOWN]) {
      for (const numbers of Object.values(table)) listed.add(numbers[column] ?? -1);
    }
    for (const numbers of Object.values(CHECKED)) listed.add(numbers[column]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 460 }), (number) => {
        const answer = verdict({ number });
        if (!listed.has(number)) expect(answer).toBe(ALLOW);
      }),
    );
  });
});

test('on x86-64 the x32 ABI is refused', () => {
  const program = filterProgram('x64');
  fc.assert(
    fc.property(fc.integer({ min: 0x40000000, max: 0x7fffffff }), (number) => {
      expect(evaluate(program, { number }, 'x64')).toBe(ENOSYS);
    }),
  );
});

test('the bytes are eight an instruction, and unknown processors have no filter', () => {
  expect(systemCallFilter('x64')?.length).toBe(filterProgram('x64').length * 8);
  expect(systemCallFilter('riscv64')).toBeNull();
});
