import { endianness } from 'node:os';

/** One classic BPF instruction: code, jumps when true and false, operand. */
export interface Instruction {
  code: number;
  yes: number;
  no: number;
  operand: number;
}

/** Offsets in the kernel's `struct seccomp_data`. */
const NUMBER_AT = 0;
const ARCHITECTURE_AT = 4;
const ARGUMENTS_AT = 16;

export const loadNumber: Instruction = load(NUMBER_AT);
export const loadArchitecture: Instruction = load(ARCHITECTURE_AT);

/** Loads the low 32 bits of an argument: all that the checked system calls look at. */
export function loadArgument(index: number): Instruction {
  return load(ARGUMENTS_AT + index * 8 + (endianness() === 'BE' ? 4 : 0));
}

export function ifEqual(operand: number, yes: number, no: number): Instruction {
  return { code: 0x15, yes, no, operand };
}

export function ifAtLeast(operand: number, yes: number, no: number): Instruction {
  return { code: 0x35, yes, no, operand };
}

export function ifAnyBit(operand: number, yes: number, no: number): Instruction {
  return { code: 0x45, yes, no, operand };
}

export const allow: Instruction = answer(0x7fff0000);

/** Lets the system call fail with this errno instead of running. */
export function fail(errno: number): Instruction {
  return answer(0x00050000 | errno);
}

/** The bytes the kernel takes: 8 an instruction, in the machine's own byte order. */
export function assemble(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * 8);
  const little = endianness() === 'LE';
  for (const [index, { code, yes, no, operand }] of program.entries()) {
    const at = index * 8;
    if (little) bytes.writeUInt16LE(code, at);
    else bytes.writeUInt16BE(code, at);
    bytes.writeUInt8(yes, at + 2);
    bytes.writeUInt8(no, at + 3);
    if (little) bytes.writeUInt32LE(operand, at + 4);
    else bytes.writeUInt32BE(operand, at + 4);
  }
  return bytes;
}

function load(offset: number): Instruction {
  return { code: 0x20, yes: 0, no: 0, operand: offset };
}

function answer(operand: number): Instruction {
  return { code: 0x06, yes: 0, no: 0, operand };
}
