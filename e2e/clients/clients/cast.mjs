import { BYTECODE, equal, execute, follow, foundry, match, refused } from './contract.mjs'

export async function checkCast({ http, ws, key, step }) {
  const program = foundry('cast')
  const cast = async (command, ...rest) => (await execute(program, [command, '--rpc-url', http, ...rest])).stdout.trim()
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
  await step('call', async () => equal(await cast('call', address, 'value()(uint256)'), '8'))
  await step('logs', async () => {
    const event = 'Changed(address indexed,uint256)'
    const logs = JSON.parse(await cast('logs', '--json', '--from-block', '0', '--address', address, event))
    equal(logs.map((log) => BigInt(log.data)), [7n, 8n])
  })
  await step('revert reason', async () => {
    match((await refused(() => cast('call', address, 'fail()'))).stderr, /execution reverted: nope/)
  })
  await step('custom error', async () => {
    const { stderr } = await refused(() => cast('call', address, 'refuse(uint256)', '11'))
    const data = /data: "(0x[0-9a-f]+)"/.exec(stderr)[1]
    const decoded = await execute(program, ['decode-error', '--sig', 'TooLarge(uint256,uint256)', data])
    equal(decoded.stdout.trim().split('\n'), ['11', '10'])
  })
  await step('trace', async () => {
    const trace = JSON.parse(await cast('rpc', 'debug_traceTransaction', receipt.transactionHash, '{"tracer":"callTracer"}'))
    equal([trace.type, trace.to, trace.error], ['CALL', address.toLowerCase(), undefined])
  })
  await step('transaction run again', async () => match(await cast('run', '--quick', receipt.transactionHash), /Transaction successfully executed/))
  await step('block over WebSocket', async () => (await execute(program, ['block-number', '--rpc-url', ws])).stdout.trim())
  // Over a WebSocket cast learns of the receipt by subscribing to new heads.
  await step('transaction by subscription', async () => {
    const options = ['--rpc-url', ws, '--private-key', key, '--json', ...free]
    const { stdout } = await execute(program, ['send', ...options, address, 'set(uint256)', '9'])
    equal(JSON.parse(stdout).status, '0x1')
  })
  await step('log by subscription', async () => {
    const event = 'Changed(address indexed,uint256)'
    const logs = follow(program, ['logs', '--rpc-url', ws, '--json', '--subscribe', '--address', address, event])
    try {
      // It does not say when it has subscribed: what it was too late for is sent again.
      while (logs.output === '') equal((await send(...free, address, 'set(uint256)', '10')).status, '0x1')
      match(logs.output, /0x0*a\b/)
    } finally {
      logs.end()
    }
  })
}
