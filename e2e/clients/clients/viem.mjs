import { createPublicClient, createWalletClient, http as overHttp, webSocket } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { ABI, BYTECODE, equal, refused } from './contract.mjs'

export async function checkViem({ http, ws, key, step }) {
  const account = privateKeyToAccount(key)
  const reader = createPublicClient({ transport: overHttp(http), pollingInterval: 250 })
  const id = await step('chain id', () => reader.getChainId())
  const chain = { id, name: 'quorate', nativeCurrency: { name: 'none', symbol: 'NONE', decimals: 18 }, rpcUrls: { default: { http: [http] } } }
  const wallet = createWalletClient({ account, chain, transport: overHttp(http) })
  const mined = (hash) => reader.waitForTransactionReceipt({ hash })

  const address = await step('deploy, its own choice of type', async () => {
    const receipt = await mined(await wallet.deployContract({ abi: ABI, bytecode: BYTECODE }))
    equal([receipt.status, receipt.type], ['success', 'eip1559'])
    return receipt.contractAddress
  })
  const contract = { address, abi: ABI }
  await step('type 0 transaction', async () => {
    const receipt = await mined(await wallet.writeContract({ ...contract, functionName: 'set', args: [7n], type: 'legacy' }))
    equal([receipt.status, receipt.type, receipt.effectiveGasPrice], ['success', 'legacy', 0n])
    return receipt.transactionHash
  })
  const receipt = await step('type 2 transaction', async () => {
    const receipt = await mined(await wallet.writeContract({ ...contract, functionName: 'set', args: [8n], type: 'eip1559' }))
    equal([receipt.status, receipt.type, receipt.logs.length], ['success', 'eip1559', 1])
    return receipt
  })
  await step('transaction by hash', async () => {
    const transaction = await reader.getTransaction({ hash: receipt.transactionHash })
    equal([transaction.typeHex, transaction.blockNumber], ['0x2', receipt.blockNumber])
  })
  await step('call', async () => equal(await reader.readContract({ ...contract, functionName: 'value' }), 8n))
  await step('logs', async () => {
    const logs = await reader.getContractEvents({ ...contract, eventName: 'Changed', fromBlock: 0n })
    equal(logs.map((log) => log.args.value), [7n, 8n])
  })
  await step('revert reason', async () => {
    const error = await refused(() => reader.simulateContract({ ...contract, functionName: 'fail', account }))
    equal(error.walk((cause) => cause.reason !== undefined)?.reason, 'nope')
  })
  await step('custom error', async () => {
    const error = await refused(() => reader.simulateContract({ ...contract, functionName: 'refuse', args: [11n], account }))
    const { data } = error.walk((cause) => cause.data?.errorName !== undefined)
    equal([data.errorName, data.args], ['TooLarge', [11n, 10n]])
  })
  await step('trace', async () => {
    const params = [receipt.transactionHash, { tracer: 'callTracer' }]
    const trace = await reader.request({ method: 'debug_traceTransaction', params })
    equal([trace.type, BigInt(trace.gasUsed)], ['CALL', receipt.gasUsed])
  })
  await step('fees, fee history, block', async () => {
    equal((await reader.estimateFeesPerGas()).maxFeePerGas, 0n)
    equal((await reader.getFeeHistory({ blockCount: 2, rewardPercentiles: [50] })).baseFeePerGas.at(-1), 0n)
    equal((await reader.getBlock({ blockTag: 'finalized' })).baseFeePerGas, 0n)
  })
  await step('two new heads and a log by subscription', async () => {
    const socket = createPublicClient({ transport: webSocket(ws) })
    const numbers = await new Promise((resolve, reject) => {
      const seen = []
      const stop = socket.watchBlockNumber({
        onBlockNumber: (number) => seen.push(number) >= 2 && (stop(), resolve(seen)),
        onError: reject,
      })
    })
    equal(numbers[1], numbers[0] + 1n)
    const log = new Promise((resolve, reject) => {
      const stop = socket.watchContractEvent({
        ...contract,
        eventName: 'Changed',
        onLogs: ([{ args }]) => (stop(), resolve(args.value)),
        onError: reject,
      })
    })
    await mined(await wallet.writeContract({ ...contract, functionName: 'set', args: [9n] }))
    equal(await log, 9n)
    return numbers[1]
  })
}
