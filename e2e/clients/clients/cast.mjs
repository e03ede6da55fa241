import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { BYTECODE, equal, refused } from './contract.mjs'

const run = promisify(execFile)

/** The binary itself: the package's launcher would add a second process. */
function binary() {
  const require = createRequire(import.meta.url)
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch]
  const directory = require.resolve(`@foundry-rs/cast-${process.platform}-${arch}/package.json`)
  return join(directory, '..', 'bin', 'cast')
}

export async function checkCast({ http, ws, key, step }) {
  const program = binary()
  const cast = async (command, ...rest) => (await run(program, [command, '--rpc-url', http, ...rest])).stdout.trim()
  const send = async (...rest) => JSON.parse(await cast('send', '--private-key', key, '--json', ...rest))
  // Left alone, cast tips at least 1 wei, which an account that owns nothing cannot pay.
  const free = ['--gas-price', '0', '--priority-gas-price', '0']

  await step('chain id', () => cast('chain-id'))
  const address = await step('deploy, type 2', async () => {
    const receipt = await send(...free, '--create', BYTECODE)
    equal([receipt.status, receipt.type], ['0x1', '0x2'])
    return receipt.contractAddress
  })
  await step('type 0 transaction', async () => {
    const receipt = await send('--legacy', address, 'set(uint256)', '7')
    equal([receipt.status, receipt.type, receipt.effectiveGasPrice], ['0x1', '0x0', '0x0'])
  })
  const receipt = await step('type 2 transaction', async () => {
    const receipt = await send(...free, address, 'set(uint256)', '8')
    equal([receipt.status, receipt.type, receipt.logs.length], ['0x1', '0x2', 1])
    return receipt
  })
  await step('transaction and receipt by hash', async () => {
    equal(JSON.parse(await cast('receipt', '--json', receipt.transactionHash)).blockHash, receipt.blockHash)
    equal(JSON.parse(await cast('tx', '--json', receipt.transactionHash)).hash, receipt.transactionHash)
  })
  await step('call', async () => equal(await cast('call', address, 'get()(uint256)'), '8'))
  await step('logs', async () => {
    const logs = JSON.parse(await cast('logs', '--json', '--from-block', '0', '--address', address, 'Changed(uint256)'))
    equal(logs.map((log) => BigInt(log.data)), [7n, 8n])
  })
  await step('revert reason', async () => {
    const error = await refused(() => cast('call', address, 'fail()'))
    equal(/execution reverted: nope/.test(error.stderr), true)
  })
  await step('block over WebSocket', async () => (await run(program, ['block-number', '--rpc-url', ws])).stdout.trim())
}
