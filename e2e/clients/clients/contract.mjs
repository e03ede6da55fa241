// set(uint256) stores and emits Changed(uint256); get() returns; anything else reverts with Error("nope").
// Written by hand in EVM assembly so that no compiler is needed; tests of the validator use the same bytes.
import assert from 'node:assert/strict'

export const BYTECODE =
  '0x60bf8060095f395ff35f3560e01c80636d4ce63c14602357806360fe47b114602c576064605b5f3960645ffd5b5f545f5260205ff3' +
  '5b600435805f555f527f938d2ee5be9cfb0f7270ee2eff90507e94b37625d9d2b3a61c97d30a4560b82960205fa10008c379a0' +
  '0000000000000000000000000000000000000000000000000000000000000020' +
  '0000000000000000000000000000000000000000000000000000000000000004' +
  '6e6f706500000000000000000000000000000000000000000000000000000000'

export const ABI = [
  { type: 'function', name: 'get', stateMutability: 'view', inputs: [], outputs: [{ name: '', type: 'uint256' }] },
  { type: 'function', name: 'set', stateMutability: 'nonpayable', inputs: [{ name: 'value', type: 'uint256' }], outputs: [] },
  // Not in the code, so that calling it gives the revert reason.
  { type: 'function', name: 'fail', stateMutability: 'nonpayable', inputs: [], outputs: [] },
  { type: 'event', name: 'Changed', anonymous: false, inputs: [{ name: 'value', type: 'uint256', indexed: false }] },
]

export const equal = assert.deepEqual

/** The error that `run` must end with. */
export async function refused(run) {
  try {
    await run()
  } catch (error) {
    return error
  }
  throw new Error('expected a failure, it succeeded')
}
