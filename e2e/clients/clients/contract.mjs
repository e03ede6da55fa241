// The artifact that forge made of solidity/src/Probe.sol, and what the checks share.
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'

const artifact = JSON.parse(readFileSync(new URL('../node_modules/.forge/out/Probe.sol/Probe.json', import.meta.url)))
export const ABI = artifact.abi
export const BYTECODE = artifact.bytecode.object

export const equal = assert.deepEqual
export const match = assert.match

/** The error that `run` must end with. */
export async function refused(run) {
  try {
    await run()
  } catch (error) {
    return error
  }
  throw new Error('expected a failure, it succeeded')
}

/** Foundry's program itself: the package's launcher would add a second process. */
export function foundry(name) {
  const require = createRequire(import.meta.url)
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch]
  const directory = require.resolve(`@foundry-rs/${name}-${process.platform}-${arch}/package.json`)
  return join(directory, '..', 'bin', name)
}

export const execute = promisify(execFile)

/** A program that runs until `end()` is called; `output` is what it has printed so far. */
export function follow(program, args) {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const running = { output: '', end: () => child.kill() }
  child.stdout.on('data', (text) => (running.output += text))
  return running
}
